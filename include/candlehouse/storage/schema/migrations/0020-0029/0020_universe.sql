-- Refused snapshots, and the moments of pauses by the candle.

-- Why no snapshot was taken since the last one: an answer listed so few pairs that it cannot
-- have been whole. Empty while the last refresh took one.
CREATE TABLE market.universe_refusal (
    only_row   boolean     NOT NULL DEFAULT true,
    -- Exchange time, as everything about the universe.
    refused_at timestamptz NOT NULL,
    found      integer     NOT NULL,
    due        integer     NOT NULL,
    reason     text        NOT NULL,
    CONSTRAINT universe_refusal_pkey PRIMARY KEY (only_row),
    CONSTRAINT universe_refusal_only_row CHECK (only_row),
    CONSTRAINT universe_refusal_due_positive CHECK (due > 0)
);

-- The bounds of a life are the moment of its first trade and that at which trading ended, so that
-- no candle lies on the wrong side. These two were dated by the day. Announced by the exchange:
-- LUNA/USDT ceases trading 2022-05-13 00:40; the new LUNA begins 2022-05-31 06:00. Rows that
-- somebody has corrected already are left alone.
UPDATE market.instrument_lives
SET valid_to = '2022-05-13 00:40+00'
WHERE symbol = 'LUNAUSDT' AND asset_id = 'terra-luna' AND valid_to = '2022-05-13 00:00+00';
UPDATE market.instrument_lives
SET valid_from = '2022-05-31 06:00+00'
WHERE symbol = 'LUNAUSDT' AND asset_id = 'terra-luna-2' AND valid_from = '2022-05-31 00:00+00';
COMMENT ON TABLE market.instrument_lives IS
    'Which asset a ticker meant and when, kept by hand: from its first trade to the end of its'
    ' trading. A bound at midnight is taken as known to the day alone: candles date it then.';

-- The candles of an asset through its renames, and of no other asset that had one of its tickers.
-- market.candles never joins. Prices and quantities are as they were traded; scaled, those from
-- before a redenomination are in today's units. asset is a base asset as it is called now, or
-- an asset_id of instrument_lives. The candle of the slot in which a ticker begins to mean an
-- asset is that asset's: it opens before, but nothing was traded in it until then.
CREATE OR REPLACE FUNCTION market.candles_of_asset(
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
    CROSS JOIN LATERAL (
        SELECT CASE WHEN isfinite(p.low) THEN date_bin(t.length, p.low, 'epoch') END AS low,
            CASE WHEN isfinite(p.high) THEN date_bin(t.length, p.high, 'epoch') END AS high
        FROM market.timeframes AS t
        WHERE t.timeframe = of_timeframe
    ) AS slots
    JOIN market.candles AS c ON c.symbol = p.symbol AND c.timeframe = of_timeframe
        AND c.open_time >= COALESCE(slots.low, '-infinity')
        AND c.open_time < COALESCE(slots.high, 'infinity')
        AND c.open_time >= range_start AND c.open_time < range_end
    ORDER BY c.open_time
$$;

-- When trading really ended and began, by the candles; left_at and returned_at are when a
-- refresh of the universe saw it. NULL where the candles were not to be had.
ALTER TABLE market.instrument_returns
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN resumed_at timestamptz;
COMMENT ON TABLE market.instrument_returns IS
    'Pairs that had left and trade again. left_at and returned_at are the refreshes that noticed;'
    ' ended_at and resumed_at are the end of the last 1m candle before and the open time of the'
    ' first one after, NULL where these could not be had.';

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.universe_refusal TO market_reader;
    END IF;
END $$;
