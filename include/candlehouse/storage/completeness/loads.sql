-- Loads of history per series, their progress and their end.

-- name: update_loads
-- A load is over when nothing is pending, or when everything pending was asked for and remains
-- pending, as a hole without witnesses never gets a verdict. No load is over
-- while nothing is expected yet. Series locked by another transaction wait for the next update.
WITH found AS (
    SELECT l.symbol, l.timeframe, l.progressed_at, s.wanted_to, w.wanted_end
    FROM market.loads AS l
    JOIN market.series AS s USING (symbol, timeframe)
    LEFT JOIN market.wanted_series AS w USING (symbol, timeframe)
    ORDER BY l.symbol, l.timeframe
    FOR NO KEY UPDATE OF s SKIP LOCKED
),
counted AS (
    SELECT f.symbol, f.timeframe, CASE WHEN f.wanted_end IS NULL THEN 0 ELSE c.pending END AS pending,
        f.wanted_end IS NOT NULL OR f.wanted_to IS NOT NULL AS is_expected,
        f.progressed_at < clock_timestamp() - CAST(:settled AS interval) AS stands_still, (
            SELECT COALESCE(sum(g.candles_missing), 0)
            FROM market.gaps AS g
            WHERE g.symbol = f.symbol AND g.timeframe = f.timeframe AND g.verdict = 'pending'
        ) AS asked
    FROM found AS f
    LEFT JOIN market.coverage_totals AS c USING (symbol, timeframe)
),
over AS (
    DELETE FROM market.loads AS l
    USING counted AS n
    WHERE l.symbol = n.symbol AND l.timeframe = n.timeframe AND n.is_expected
        AND (n.pending = 0 OR n.stands_still AND n.pending <= n.asked)
    RETURNING l.symbol, l.timeframe
),
noted AS (
    UPDATE market.series AS s
    SET first_loaded_at = clock_timestamp()
    FROM over AS o
    WHERE s.symbol = o.symbol AND s.timeframe = o.timeframe AND s.first_loaded_at IS NULL
)
UPDATE market.loads AS l
-- 0 is from an update at which nothing was expected yet.
SET least_pending = LEAST(NULLIF(l.least_pending, 0), n.pending), looked_at = clock_timestamp(),
    -- Between distant updates a lack of progress cannot be established.
    progressed_at = CASE
        WHEN NULLIF(l.least_pending, 0) <= n.pending AND n.pending > 0
            AND l.looked_at > clock_timestamp() - CAST(:unwatched AS interval)
        THEN l.progressed_at ELSE clock_timestamp()
    END
FROM counted AS n
WHERE l.symbol = n.symbol AND l.timeframe = n.timeframe
    AND NOT EXISTS (
        SELECT FROM over AS o WHERE o.symbol = l.symbol AND o.timeframe = l.timeframe)

-- name: is_loading
-- Whether any load makes progress, or has not been updated for a while.
SELECT EXISTS (
    SELECT FROM market.loads AS l
    WHERE l.least_pending IS DISTINCT FROM 0
        AND l.started_at > clock_timestamp() - CAST(:longest AS interval)
        AND (l.progressed_at > clock_timestamp() - CAST(:stalled AS interval)
            OR l.looked_at < clock_timestamp() - CAST(:unwatched AS interval))
)

-- name: select_loads
-- One row per timeframe: series with pending candles, and the one that has stalled longest.
SELECT l.timeframe, count(*) AS series, sum(l.least_pending)::bigint AS pending,
    min(l.started_at) AS started_at, min(l.progressed_at) AS stalled_since,
    (array_agg(l.symbol ORDER BY l.progressed_at, l.symbol))[1] AS most_stalled
FROM market.loads AS l
WHERE l.least_pending > 0
GROUP BY l.timeframe
ORDER BY l.timeframe
