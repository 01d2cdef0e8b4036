-- For analysis: in double precision, and nothing that is stored changes.

-- A row a slot, also where there is no candle: then its verdict says why, and where the market
-- was there (an outage, lost or pending candles) the last close before it stands for all
-- prices, with a volume of 0, marked filled. Before the listing, after the end, in pauses and
-- between two assets nothing is filled in, nor across them.
CREATE FUNCTION market.candles_regular(
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
        WHERE t.timeframe = of_timeframe
    ),
    held AS MATERIALIZED (
        -- Of two candles in one slot the first.
        SELECT DISTINCT ON (c.slot) c.slot, c.open, c.high, c.low, c.close, c.volume
        FROM (
            SELECT date_bin(b.length, k.open_time, 'epoch') AS slot, k.open_time, k.open, k.high,
                k.low, k.close, k.volume
            FROM market.candles AS k
            CROSS JOIN bounds AS b
            WHERE k.symbol = of_symbol AND k.timeframe = of_timeframe
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
        WHERE g.symbol = of_symbol AND g.timeframe = of_timeframe
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
            WHERE c.symbol = of_symbol AND c.timeframe = of_timeframe AND c.open_time < b.low
            ORDER BY c.open_time DESC
            LIMIT 1
        ) AS k
        WHERE EXISTS (SELECT FROM slots AS s WHERE s.slot = b.low AND s.absent)
            AND NOT EXISTS (
                SELECT
                FROM market.gaps AS g
                WHERE g.symbol = of_symbol AND g.timeframe = of_timeframe
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

-- Log returns from one candle's close to the next one's, and which of them are outliers: further
-- than threshold spreads from the center.
--     sigma   mean and sample standard deviation of the whole range
--     mad     median and 1.4826 times the median absolute deviation of the whole range
--     hampel  the same of reach returns to either side, and the return itself
-- capped is the return drawn in to the limit, capped_close what the close would be with it, and
-- cleaned the return without outliers. Where nothing moves (a spread of 0) nothing is marked.
CREATE FUNCTION market.candles_outliers(
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
            WHERE k.symbol = of_symbol AND k.timeframe = of_timeframe
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

-- Close and volume between 0 and 1 (min-max), and in sample standard deviations from their mean
-- (z-score), over the whole range; NULL where all are the same.
CREATE FUNCTION market.candles_normalized(
    of_symbol text, of_timeframe text, range_start timestamptz, range_end timestamptz
) RETURNS TABLE (
    open_time timestamptz, close double precision, close_minmax double precision,
    close_zscore double precision, volume double precision, volume_minmax double precision,
    volume_zscore double precision
)
LANGUAGE sql STABLE AS $$
    SELECT c.open_time, c.close,
        (c.close - min(c.close) OVER w) / NULLIF(max(c.close) OVER w - min(c.close) OVER w, 0),
        (c.close - avg(c.close) OVER w) / NULLIF(stddev_samp(c.close) OVER w, 0),
        c.volume,
        (c.volume - min(c.volume) OVER w) / NULLIF(max(c.volume) OVER w - min(c.volume) OVER w, 0),
        (c.volume - avg(c.volume) OVER w) / NULLIF(stddev_samp(c.volume) OVER w, 0)
    FROM (
        SELECT k.open_time, k.close::double precision AS close, k.volume::double precision AS volume
        FROM market.candles AS k
        WHERE k.symbol = of_symbol AND k.timeframe = of_timeframe
            AND k.open_time >= range_start AND k.open_time < range_end
    ) AS c
    WINDOW w AS ()
    ORDER BY c.open_time
$$;
