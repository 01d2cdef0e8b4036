-- One row per slot, also where there is no candle: then its verdict says why, and where the market
-- was there (an outage, lost or pending candles) the last close before it stands for all
-- prices, with a volume of 0, marked filled. Before the listing, after the end, in pauses and
-- between two assets nothing is filled in, nor across them.
CREATE OR REPLACE FUNCTION market.candles_regular(
    of_symbol text, of_timeframe text, range_start timestamptz, range_end timestamptz
) RETURNS TABLE (
    slot timestamptz, open double precision, high double precision, low double precision,
    close double precision, volume double precision, filled boolean, verdict text
)
LANGUAGE sql STABLE AS $$
    WITH bounds AS MATERIALIZED (
        SELECT t.length, date_bin(t.length, range_start - interval '1 microsecond', 'epoch') + t.length
                AS low,
            LEAST(
                date_bin(t.length, range_end - interval '1 microsecond', 'epoch') + t.length,
                (SELECT date_bin(t.length, e.exchange_time, 'epoch') FROM market.exchange_state AS e)
            ) AS high
        FROM market.timeframes AS t
        WHERE t.timeframe = market.to_timeframe(of_timeframe)
    ),
    held AS MATERIALIZED (
        -- Of two candles in one slot the first.
        SELECT DISTINCT ON (c.slot) c.slot, c.open, c.high, c.low, c.close, c.volume
        FROM (
            SELECT date_bin(b.length, k.open_time, 'epoch') AS slot, k.open_time, k.open, k.high,
                k.low, k.close, k.volume
            FROM market.candles AS k
            CROSS JOIN bounds AS b
            WHERE k.symbol = of_symbol AND k.timeframe = market.to_timeframe(of_timeframe)
                -- One off the grid may open after the range and fill its last slot.
                AND k.open_time >= range_start AND k.open_time < range_end + interval '24 hours'
                AND k.open_time >= b.low AND k.open_time < b.high
        ) AS c
        ORDER BY c.slot, c.open_time
    ),
    missing AS MATERIALIZED (
        SELECT GREATEST(g.gap_start, b.low) AS low, LEAST(g.gap_end, b.high) AS high, g.verdict
        FROM market.gaps AS g
        CROSS JOIN bounds AS b
        WHERE g.symbol = of_symbol AND g.timeframe = market.to_timeframe(of_timeframe)
            AND g.gap_start < b.high AND g.gap_end > b.low
    ),
    slots AS (
        SELECT s.slot, h.open, h.high, h.low, h.close, h.volume, h.slot IS NULL AS absent,
            CASE WHEN h.slot IS NULL THEN COALESCE(m.verdict, 'pending') END AS verdict
        FROM bounds AS b
        CROSS JOIN LATERAL generate_series(b.low, b.high - b.length, b.length) AS s (slot)
        LEFT JOIN held AS h ON h.slot = s.slot
        LEFT JOIN missing AS m ON h.slot IS NULL AND m.low <= s.slot AND m.high > s.slot
    ),
    before AS (
        -- The candle right before the range, if no pause lies between.
        SELECT date_bin(b.length, k.open_time, 'epoch') AS slot, k.close
        FROM bounds AS b
        CROSS JOIN LATERAL (
            SELECT c.open_time, c.close
            FROM market.candles AS c
            WHERE c.symbol = of_symbol AND c.timeframe = market.to_timeframe(of_timeframe)
                AND c.open_time < b.low
            ORDER BY c.open_time DESC
            LIMIT 1
        ) AS k
        WHERE EXISTS (SELECT FROM slots AS s WHERE s.slot = b.low AND s.absent)
            AND NOT EXISTS (
                SELECT
                FROM market.gaps AS g
                WHERE g.symbol = of_symbol AND g.timeframe = market.to_timeframe(of_timeframe)
                    AND g.gap_start < b.low AND g.gap_end > k.open_time
                    AND g.verdict IN ('not_listed', 'not_trading', 'delisted')
            )
    ),
    carried AS (
        SELECT s.*, first_value(s.known) OVER (PARTITION BY s.run ORDER BY s.slot) AS last_close
        FROM (
            SELECT a.*, count(*) FILTER (
                    WHERE NOT a.absent OR a.verdict IN ('not_listed', 'not_trading', 'delisted')
                ) OVER (ORDER BY a.slot) AS run
            FROM (
                SELECT t.slot, t.open, t.high, t.low, t.close, t.volume, t.absent, t.verdict,
                    t.close AS known, false AS outside
                FROM slots AS t
                UNION ALL
                SELECT f.slot, NULL, NULL, NULL, NULL, NULL, false, NULL, f.close, true
                FROM before AS f
            ) AS a
        ) AS s
    )
    SELECT c.slot, COALESCE(c.open, c.last_close)::double precision,
        COALESCE(c.high, c.last_close)::double precision,
        COALESCE(c.low, c.last_close)::double precision,
        COALESCE(c.close, c.last_close)::double precision,
        CASE WHEN c.absent AND c.last_close IS NOT NULL THEN 0 ELSE c.volume END::double precision,
        c.absent AND c.last_close IS NOT NULL, c.verdict
    FROM carried AS c
    WHERE NOT c.outside
    ORDER BY c.slot
$$;

COMMENT ON FUNCTION market.candles_regular IS
    'One row per slot that opens in [range_start, range_end) and has closed, as double'
    ' precision. A missing candle has its verdict; where the market was open it is filled with'
    ' the last close and a volume of 0, else its values are NULL';
