-- How far the sources agree with what is stored: figures, and what only the warehouse has.

-- name: next_run
SELECT nextval('market.reconciliation_runs')

-- name: select_stored
-- Read before a source's answer is stored. Fenced as in candles.sql.
SELECT k.symbol, k.open_time, k.source
FROM unnest(
    CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
) AS r (symbol, range_start, range_end)
CROSS JOIN LATERAL (
    SELECT c.symbol, c.open_time, c.source
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = r.symbol AND c.open_time >= r.range_start AND c.open_time < r.range_end
        AND c.open_time >= :low AND c.open_time < :high
    OFFSET 0
) AS k

-- name: select_quarantined
-- Rows that a source has and that are no candles.
SELECT q.symbol, q.raw
FROM market.quarantined_candles AS q
WHERE q.symbol = ANY (:symbols) AND q.timeframe = :timeframe AND q.source = :source
    AND q.open_time >= :low AND q.open_time < :high

-- name: insert_agreements
INSERT INTO market.reconciliations (
    run_id, symbol, timeframe, range_start, range_end, source, stored_source, compared,
    differing, held_only, source_only, checked_at)
SELECT :run_id, n.symbol, :timeframe, n.range_start, n.range_end, :source, n.stored_source,
    n.compared, n.differing, n.held_only, n.source_only, :now
FROM unnest(
    CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
    CAST(:stored_sources AS text[]), CAST(:compared AS integer[]), CAST(:differing AS integer[]),
    CAST(:held_only AS integer[]), CAST(:source_only AS integer[])
) AS n (
    symbol, range_start, range_end, stored_source, compared, differing, held_only, source_only)

-- name: delete_matched
DELETE FROM market.unmatched_candles AS u
USING unnest(
    CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
) AS r (symbol, range_start, range_end)
WHERE u.symbol = r.symbol AND u.timeframe = :timeframe AND u.source = :source
    AND u.open_time >= r.range_start AND u.open_time < r.range_end
    AND NOT EXISTS (
        SELECT
        FROM unnest(CAST(:lone AS text[]), CAST(:open_times AS timestamptz[]))
            AS k (symbol, open_time)
        WHERE k.symbol = u.symbol AND k.open_time = u.open_time
    )

-- name: upsert_unmatched
INSERT INTO market.unmatched_candles (symbol, timeframe, open_time, source, found_at, checked_at)
SELECT k.symbol, :timeframe, k.open_time, :source, :now, :now
FROM unnest(CAST(:lone AS text[]), CAST(:open_times AS timestamptz[])) AS k (symbol, open_time)
ORDER BY k.symbol, k.open_time
ON CONFLICT (symbol, timeframe, open_time, source) DO UPDATE SET checked_at = EXCLUDED.checked_at

-- name: select_settled
-- Ranges whose last comparison with the archive covered all of them, and in which nothing was
-- stored or corrected since.
SELECT a.symbol, a.range_start
FROM unnest(
    CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
    CAST(:trees AS text[]), CAST(:periods AS date[])
) AS a (symbol, range_start, range_end, tree, period_start)
JOIN market.archive_files AS f
    ON f.symbol = a.symbol AND f.timeframe = :timeframe AND f.tree = a.tree
    AND f.period_start = a.period_start AND f.state = 'loaded'
CROSS JOIN LATERAL (
    SELECT r.run_id
    FROM market.reconciliations AS r
    WHERE r.symbol = a.symbol AND r.timeframe = :timeframe AND r.source = 'archive'
        AND r.range_start >= a.range_start AND r.range_start < a.range_end
    ORDER BY r.run_id DESC
    LIMIT 1
) AS n
CROSS JOIN LATERAL (
    SELECT sum(p.length) AS length, sum(p.candles) AS candles, min(p.recorded_at) AS recorded_at
    FROM (
        SELECT r.range_end - r.range_start AS length, min(r.recorded_at) AS recorded_at,
            sum(r.compared + r.held_only + r.source_only) AS candles
        FROM market.reconciliations AS r
        WHERE r.symbol = a.symbol AND r.timeframe = :timeframe AND r.source = 'archive'
            AND r.run_id = n.run_id
            AND r.range_start >= a.range_start AND r.range_end <= a.range_end
        GROUP BY r.range_start, r.range_end
    ) AS p
) AS l
CROSS JOIN LATERAL (
    SELECT count(*) AS candles
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = a.symbol AND c.open_time >= a.range_start AND c.open_time < a.range_end
        AND c.open_time >= :low AND c.open_time < :high
    OFFSET 0
) AS h
WHERE l.length = a.range_end - a.range_start AND l.candles = h.candles
    AND f.loaded_at <= l.recorded_at
    AND NOT EXISTS (
        SELECT
        FROM market.corrections AS k
        WHERE k.symbol = a.symbol AND k.timeframe = :timeframe AND k.applied
            AND k.open_time >= a.range_start AND k.open_time < a.range_end
            AND k.corrected_at > l.recorded_at
    )

-- name: select_restated
-- Where a run's files changed or added anything.
SELECT r.symbol, r.timeframe, r.range_start, r.range_end
FROM market.reconciliations AS r
WHERE r.run_id = :run_id AND r.source = 'archive' AND r.differing + r.source_only > 0
ORDER BY r.symbol, r.timeframe, r.range_start

-- name: select_totals
SELECT r.source, r.stored_source, sum(r.compared) AS compared, sum(r.differing) AS differing,
    sum(r.held_only) AS held_only, sum(r.source_only) AS source_only
FROM market.reconciliations AS r
WHERE r.run_id = :run_id
GROUP BY r.source, r.stored_source
ORDER BY market.source_rank(r.source), COALESCE(market.source_rank(r.stored_source), 9)
