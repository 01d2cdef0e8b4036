-- Log returns from one candle's close to the next one's, and which of them are outliers: further
-- than threshold spreads from the center.
--     sigma   mean and sample standard deviation of the whole range
--     mad     median and 1.4826 times the median absolute deviation of the whole range
--     hampel  the same of reach returns to either side, and the return itself
-- capped is the return drawn in to the limit, capped_close what the close would be with it, and
-- cleaned the return without outliers. Where nothing moves (a spread of 0) nothing is marked.
CREATE OR REPLACE FUNCTION market.candles_outliers(
    of_symbol text, of_timeframe text, range_start timestamptz, range_end timestamptz,
    method text DEFAULT 'hampel', threshold double precision DEFAULT 3, reach integer DEFAULT 12
) RETURNS TABLE (
    open_time timestamptz, close double precision, log_return double precision,
    center double precision, spread double precision, outlier boolean,
    capped double precision, capped_close double precision, cleaned double precision
)
LANGUAGE sql STABLE AS $$
    WITH returns AS MATERIALIZED (
        SELECT c.open_time, c.close, c.before, ln(c.close / c.before) AS log_return
        FROM (
            SELECT k.open_time, k.close::double precision AS close,
                lag(k.close::double precision) OVER (ORDER BY k.open_time) AS before
            FROM market.candles AS k
            WHERE k.symbol = of_symbol AND k.timeframe = market.to_timeframe(of_timeframe)
                AND k.open_time >= range_start AND k.open_time < range_end AND k.close > 0
        ) AS c
    ),
    measured AS (
        SELECT r.*, m.center, m.spread
        FROM returns AS r
        CROSS JOIN (
            SELECT avg(log_return) AS center, stddev_samp(log_return) AS spread FROM returns
        ) AS m
        WHERE method = 'sigma'
        UNION ALL
        SELECT r.*, m.center, d.spread
        FROM returns AS r
        CROSS JOIN (
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY log_return) AS center FROM returns
        ) AS m
        CROSS JOIN LATERAL (
            SELECT 1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(log_return - m.center))
                AS spread
            FROM returns
            OFFSET 0
        ) AS d
        WHERE method = 'mad'
        UNION ALL
        SELECT w.open_time, w.close, w.before, w.log_return, m.center, d.spread
        FROM (
            SELECT r.*, array_agg(r.log_return) FILTER (WHERE r.log_return IS NOT NULL) OVER (
                    ORDER BY r.open_time ROWS BETWEEN reach PRECEDING AND reach FOLLOWING
                ) AS near
            FROM returns AS r
        ) AS w
        CROSS JOIN LATERAL (
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n.x) AS center
            FROM unnest(w.near) AS n (x)
        ) AS m
        CROSS JOIN LATERAL (
            SELECT 1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(n.x - m.center))
                AS spread
            FROM unnest(w.near) AS n (x)
        ) AS d
        WHERE method = 'hampel'
    ),
    limited AS (
        SELECT m.*,
            COALESCE(m.spread > 0 AND abs(m.log_return - m.center) > threshold * m.spread, false)
                AS outlier
        FROM measured AS m
    )
    SELECT l.open_time, l.close, l.log_return, l.center, l.spread, l.outlier, c.capped,
        CASE WHEN l.outlier THEN l.before * exp(c.capped) ELSE l.close END,
        CASE WHEN l.outlier THEN NULL ELSE l.log_return END
    FROM limited AS l
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN NOT l.outlier THEN l.log_return
            ELSE l.center + sign(l.log_return - l.center) * threshold * l.spread
        END AS capped
    ) AS c
    ORDER BY l.open_time
$$;

COMMENT ON FUNCTION market.candles_outliers IS
    'Log returns from close to close in [range_start, range_end), and which of them lie further'
    ' than threshold spreads from the center. method is sigma, mad or hampel (of reach returns to'
    ' either side)';
