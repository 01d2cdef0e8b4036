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
        WHERE t.timeframe = market.to_timeframe(of_timeframe)
    ) AS slots
    JOIN market.candles AS c ON c.symbol = p.symbol
        AND c.timeframe = market.to_timeframe(of_timeframe)
        AND c.open_time >= COALESCE(slots.low, '-infinity')
        AND c.open_time < COALESCE(slots.high, 'infinity')
        AND c.open_time >= range_start AND c.open_time < range_end
    ORDER BY c.open_time
$$;

COMMENT ON FUNCTION market.candles_of_asset IS
    'Candles of an asset in [range_start, range_end), through its renames and without other'
    ' assets that had one of its tickers. With scaled, prices and quantities from before a'
    ' redenomination are in today''s units';
