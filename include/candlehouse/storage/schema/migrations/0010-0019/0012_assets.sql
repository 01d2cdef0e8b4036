-- Renamed assets and re-used tickers.

-- Pairs that did not trade and trade again: left_at of instruments forgets it then. Whether one
-- that was away for long is the same asset is not on the exchange's wire; who knows that it is
-- another one adds a row to instrument_lives.
CREATE TABLE market.instrument_returns (
    symbol      text        NOT NULL,
    left_at     timestamptz NOT NULL,
    returned_at timestamptz NOT NULL,
    CONSTRAINT instrument_returns_pkey PRIMARY KEY (symbol, returned_at)
);

-- Renames, kept by hand, for the exchange says nothing of them: the old pairs stop, and the new
-- ones start without their history. effective_at lies between the last candle of the old ticker
-- and the first of the new one; ratio is how many of the new make one of the old. One that was
-- redenominated under its own name is its own predecessor. Several assets that became one are
-- no rename.
CREATE UNIQUE INDEX asset_aliases_one_before ON market.asset_aliases (new_asset, effective_at);
INSERT INTO market.asset_aliases (old_asset, new_asset, effective_at, ratio) VALUES
    -- The exchange's announcement 2722e6da4f5141dd9b2fb07b5b1f3f75 (BitTorrent's migration,
    -- redenomination and renaming), linked in binance/binance-public-data, thread 311.
    ('BTT', 'BTTC', '2022-01-25 00:00+00', 1000),
    -- The old chain became Terra Classic when the new one began; the ticker was used again.
    ('LUNA', 'LUNC', '2022-05-28 06:00+00', 1),
    -- Announced by the exchange: MATIC ends 2024-09-10 03:00, POL begins 2024-09-13 10:00.
    ('MATIC', 'POL', '2024-09-13 10:00+00', 1),
    -- Announced by the exchange: KLAY ends 2024-10-28 03:00, KAIA begins 2024-10-31 08:00.
    ('KLAY', 'KAIA', '2024-10-31 08:00+00', 1),
    -- Announced by the exchange: FTM ends 2025-01-13 03:00, S begins 2025-01-16 08:00.
    ('FTM', 'S', '2025-01-16 08:00+00', 1),
    -- Announced by the exchange: STPT ends 2025-05-19 03:00, AWE begins 2025-05-21 08:00; the
    -- ratio is AWE Network's.
    ('STPT', 'AWE', '2025-05-21 08:00+00', 1);

-- The candles of an asset through its renames, and of no other asset that had one of its tickers.
-- market.candles never joins. Prices and quantities are as they were traded; scaled, those from
-- before a redenomination are in today's units. asset is a base asset as it is called now, or
-- an asset_id of instrument_lives.
CREATE FUNCTION market.candles_of_asset(
    asset text, of_timeframe text, range_start timestamptz, range_end timestamptz,
    quote text DEFAULT 'USDT', scaled boolean DEFAULT false
) RETURNS TABLE (
    symbol text, open_time timestamptz, close_time timestamptz, open numeric, high numeric,
    low numeric, close numeric, volume numeric, quote_volume numeric, trades bigint,
    taker_buy_volume numeric, taker_buy_quote_volume numeric, ratio numeric
)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE names (name, until, ratio) AS (
        SELECT asset, timestamptz 'infinity', 1::numeric
        UNION ALL
        SELECT a.old_asset, a.effective_at, n.ratio * a.ratio
        FROM names AS n
        JOIN market.asset_aliases AS a ON a.new_asset = n.name AND a.effective_at < n.until
    ),
    -- A ticker that meant one asset after the other belongs to each until the next begins.
    lives AS (
        SELECT l.symbol, l.asset_id, l.valid_from AS low,
            lead(l.valid_from, 1, 'infinity') OVER (PARTITION BY l.symbol ORDER BY l.valid_from)
                AS high
        FROM market.instrument_lives AS l
    ),
    pieces AS (
        SELECT n.name || quote AS symbol, n.ratio,
            GREATEST(
                l.low,
                (
                    SELECT max(a.effective_at)
                    FROM market.asset_aliases AS a
                    WHERE a.new_asset = n.name AND a.effective_at < n.until
                )
            ) AS low,
            LEAST(n.until, l.high) AS high
        FROM names AS n
        LEFT JOIN lives AS l ON l.symbol = n.name || quote AND l.low < n.until AND l.high >= n.until
        UNION ALL
        SELECT l.symbol, 1, l.low, l.high
        FROM lives AS l
        WHERE l.asset_id = asset AND right(l.symbol, length(quote)) = quote
    )
    SELECT c.symbol, c.open_time, c.close_time, c.open * f.price, c.high * f.price,
        c.low * f.price, c.close * f.price, c.volume * f.quantity, c.quote_volume, c.trades,
        c.taker_buy_volume * f.quantity, c.taker_buy_quote_volume, p.ratio
    FROM pieces AS p
    -- A factor of 1 leaves every digit as it is.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN scaled THEN trim_scale(1 / p.ratio) ELSE 1 END AS price,
            CASE WHEN scaled THEN p.ratio ELSE 1 END AS quantity
    ) AS f
    JOIN market.candles AS c ON c.symbol = p.symbol AND c.timeframe = of_timeframe
        AND c.open_time >= COALESCE(p.low, '-infinity') AND c.open_time < p.high
        AND c.open_time >= range_start AND c.open_time < range_end
    ORDER BY c.open_time
$$;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.instrument_returns TO market_reader;
    END IF;
END $$;
