-- A gap's verdict, its slots, and how many of those are wanted, a day at a time.
CREATE OR REPLACE VIEW market.gap_days AS
SELECT c.symbol, c.timeframe, c.day, c.verdict,
    sum(c.slots)::integer AS slots, sum(c.wanted_slots)::integer AS wanted_slots
FROM (
    SELECT g.symbol, g.timeframe, d.day, g.verdict,
        extract(epoch FROM p.piece_end - p.piece_start) / extract(epoch FROM t.length) AS slots,
        -- LEAST and GREATEST pass over NULL, so a series that nobody wants needs its own case.
        CASE WHEN w.wanted_from IS NULL THEN 0 ELSE extract(epoch FROM GREATEST(
            LEAST(p.piece_end, w.wanted_end) - GREATEST(p.piece_start, w.wanted_from),
            interval '0'
        )) / extract(epoch FROM t.length) END AS wanted_slots
    FROM market.gaps AS g
    JOIN market.timeframes AS t USING (timeframe)
    LEFT JOIN market.wanted_series AS w USING (symbol, timeframe)
    CROSS JOIN LATERAL (
        SELECT ((g.gap_start AT TIME ZONE 'UTC')::date + n)::date AS day
        FROM generate_series(0, ((g.gap_end - interval '1 microsecond') AT TIME ZONE 'UTC')::date
            - (g.gap_start AT TIME ZONE 'UTC')::date) AS n
    ) AS d
    CROSS JOIN LATERAL (
        SELECT GREATEST(g.gap_start, d.day::timestamp AT TIME ZONE 'UTC') AS piece_start,
            LEAST(g.gap_end, (d.day + 1)::timestamp AT TIME ZONE 'UTC') AS piece_end
    ) AS p
) AS c
GROUP BY c.symbol, c.timeframe, c.day, c.verdict;

COMMENT ON VIEW market.gap_days IS
    'Missing candles, one row per symbol, timeframe, UTC day and verdict';
COMMENT ON COLUMN market.gap_days.symbol IS
    'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.gap_days.timeframe IS
    'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.gap_days.day IS 'UTC day';
COMMENT ON COLUMN market.gap_days.verdict IS
    'Reason: pending, exchange_outage, no_data, not_listed, not_trading or delisted';
COMMENT ON COLUMN market.gap_days.slots IS 'Missing candles of the day';
COMMENT ON COLUMN market.gap_days.wanted_slots IS 'Number of missing candles that are wanted';
