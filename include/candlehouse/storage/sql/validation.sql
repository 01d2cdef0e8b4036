-- Runs of validation and what they found, and what there is to be validated.

-- name: select_clock
SELECT e.exchange_time FROM market.exchange_state AS e

-- name: select_held
-- From the first to after the last day of which anything is held, over all series of a
-- timeframe, and how many series these are.
SELECT s.timeframe, count(*) AS series,
    min(lower(s.whole_days + s.short_days))::timestamp AT TIME ZONE 'UTC' AS held_from,
    max(upper(s.whole_days + s.short_days))::timestamp AT TIME ZONE 'UTC' AS held_to
FROM market.coverage_series AS s
WHERE (CAST(:symbols AS text[]) IS NULL OR s.symbol = ANY (:symbols))
    AND NOT isempty(s.whole_days + s.short_days)
GROUP BY s.timeframe

-- name: select_series
-- Every series of which anything is held, from its first to after its last day.
SELECT s.symbol, s.timeframe,
    lower(s.whole_days + s.short_days)::timestamp AT TIME ZONE 'UTC' AS held_from,
    upper(s.whole_days + s.short_days)::timestamp AT TIME ZONE 'UTC' AS held_to
FROM market.coverage_series AS s
WHERE (CAST(:symbols AS text[]) IS NULL OR s.symbol = ANY (:symbols))
    AND NOT isempty(s.whole_days + s.short_days)

-- name: select_watermarks
-- Up to when all of a timeframe was validated and found good.
SELECT t.timeframe, max(r.exchange_time) AS watermark
FROM market.validation_runs AS r
CROSS JOIN unnest(r.timeframes) AS t (timeframe)
WHERE r.success AND r.symbols IS NULL AND r.reach IN ('new', 'everything')
GROUP BY t.timeframe

-- name: ran_within
-- On wall time: it is about the load on this machine, not about the market.
SELECT EXISTS (
    SELECT
    FROM market.validation_runs AS r
    WHERE r.finished_at > clock_timestamp() - CAST(:pause AS interval)
        AND r.symbols IS NULL AND r.reach IN ('new', 'everything')
)

-- name: insert_run
INSERT INTO market.validation_runs (
    reach, symbols, timeframes, range_start, range_end, exchange_time)
VALUES (:reach, :symbols, :timeframes, :range_start, :range_end, :exchange_time)
RETURNING run_id

-- name: insert_result
INSERT INTO market.validation_results (
    run_id, suite, timeframe, expectation, severity, success, checked, unexpected, samples,
    exception)
VALUES (
    :run_id, :suite, :timeframe, :expectation, :severity, :success, :checked, :unexpected,
    CAST(:samples AS jsonb), :exception)

-- name: finish_run
UPDATE market.validation_runs
SET finished_at = clock_timestamp(), success = :success, candles = :candles
WHERE run_id = :run_id

-- name: select_runs
-- The newest finished ones with the expectations that they found broken.
SELECT r.run_id, r.reach, r.started_at, r.finished_at, r.exchange_time, r.success, r.candles, (
        SELECT count(*) FROM market.validation_results AS n WHERE n.run_id = r.run_id
    ) AS expectations, (
        SELECT count(*) FROM market.validation_results AS n
        WHERE n.run_id = r.run_id AND NOT n.success
    ) AS broken
FROM market.validation_runs AS r
WHERE r.run_id = ANY (:run_ids) AND r.finished_at IS NOT NULL
ORDER BY r.run_id DESC
