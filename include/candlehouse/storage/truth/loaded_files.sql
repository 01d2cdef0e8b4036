-- Published files of candles: what is known of each.

-- name: select_files
SELECT f.symbol, f.tree, f.period_start, f.state, f.sha256, f.rows, f.checked_at
FROM market.archive_files AS f
WHERE f.timeframe = :timeframe AND f.symbol = ANY (:symbols)
    AND f.period_start >= CAST(:low AS date) AND f.period_start <= CAST(:high AS date)
ORDER BY f.symbol, f.tree, f.period_start

-- name: select_replaced
-- The places of files that were loaded with another checksum.
SELECT n.place
FROM unnest(
    CAST(:symbols AS text[]), CAST(:timeframes AS market.timeframe[]), CAST(:trees AS text[]),
    CAST(:starts AS date[]), CAST(:checksums AS text[])
) WITH ORDINALITY AS n (symbol, timeframe, tree, period_start, sha256, place)
JOIN market.archive_files AS f USING (symbol, timeframe, tree, period_start)
WHERE f.state = 'loaded' AND f.sha256 <> n.sha256

-- name: record_loaded
INSERT INTO market.archive_files (
    symbol, timeframe, tree, period_start, url, state, sha256, size, rows, loaded_at, checked_at)
VALUES (
    :symbol, :timeframe, :tree, :period_start, :url, 'loaded', :sha256, :size, :rows,
    clock_timestamp(), :now)
ON CONFLICT (symbol, timeframe, tree, period_start) DO UPDATE
SET url = EXCLUDED.url, state = EXCLUDED.state, sha256 = EXCLUDED.sha256, size = EXCLUDED.size,
    rows = EXCLUDED.rows, loaded_at = EXCLUDED.loaded_at, checked_at = EXCLUDED.checked_at,
    problem = NULL

-- name: record_problem
-- A file that was loaded keeps its state, whatever is published in its place now.
INSERT INTO market.archive_files AS f (
    symbol, timeframe, tree, period_start, url, state, checked_at, problem)
VALUES (:symbol, :timeframe, :tree, :period_start, :url, :state, :now, :problem)
ON CONFLICT (symbol, timeframe, tree, period_start) DO UPDATE
SET state = CASE WHEN f.state = 'loaded' THEN f.state ELSE EXCLUDED.state END,
    url = EXCLUDED.url, checked_at = EXCLUDED.checked_at, problem = EXCLUDED.problem

-- name: record_unchanged
UPDATE market.archive_files AS f
SET checked_at = :now, problem = NULL
WHERE f.symbol = :symbol AND f.timeframe = :timeframe AND f.tree = :tree
    AND f.period_start = :period_start
