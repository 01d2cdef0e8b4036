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
SELECT s.symbol,
    lower(s.whole_days + s.short_days)::timestamp AT TIME ZONE 'UTC' AS held_from,
    upper(s.whole_days + s.short_days)::timestamp AT TIME ZONE 'UTC' AS held_to
FROM market.coverage_series AS s
WHERE s.timeframe = :timeframe
    AND (CAST(:symbols AS text[]) IS NULL OR s.symbol = ANY (:symbols))
    AND NOT isempty(s.whole_days + s.short_days)

-- name: select_unvalidated
-- Days of a timeframe that are to be validated, after the last day of the previous page: not
-- validated since their last change, or failed, or validated before all expectations applied,
-- some of which apply only some time after the close of a candle.
SELECT c.day, c.symbol, c.stored
FROM market.validation_coverage AS c
WHERE c.timeframe = :timeframe AND (c.symbol, c.day) > (:after_symbol, :after_day)
    AND (CAST(:symbols AS text[]) IS NULL OR c.symbol = ANY (:symbols))
    AND (c.validated = 0 OR c.settles_at > c.exchange_time AND c.settles_at <= :now)
ORDER BY c.symbol, c.day
LIMIT :most

-- name: was_all_validated_since
-- Whether every day with stored candles was validated in its present state at the exchange time
-- :since or later.
SELECT NOT EXISTS (
    SELECT
    FROM market.validation_coverage AS c
    WHERE c.run_id IS NULL OR c.unvalidated > 0 OR c.exchange_time < :since
)

-- name: take_snapshot
-- The first statement of a transaction that sees what was committed before it, and no more.
SELECT FROM market.exchange_state

-- name: record_days
-- Records the version numbers that the days had before the validation began.
INSERT INTO market.validated_days AS v (
    symbol, timeframe, day, change_id, parts_change_id, passed, run_id, exchange_time)
SELECT h.symbol, h.timeframe, h.day, h.change_id, p.change_id, :passed, :run_id, :now
FROM market.coverage_days AS h
JOIN market.timeframes AS t USING (timeframe)
LEFT JOIN market.coverage_days AS p
    ON p.symbol = h.symbol AND p.timeframe = t.parts AND p.day = h.day
WHERE h.timeframe = :timeframe AND h.present_slots > 0
    AND h.day >= CAST(:start AT TIME ZONE 'UTC' AS date)
    AND h.day < CAST(:end AT TIME ZONE 'UTC' AS date)
    AND (CAST(:symbols AS text[]) IS NULL OR h.symbol = ANY (:symbols))
ORDER BY h.symbol, h.day
ON CONFLICT (symbol, timeframe, day) DO UPDATE
SET change_id = EXCLUDED.change_id, parts_change_id = EXCLUDED.parts_change_id,
    passed = EXCLUDED.passed, run_id = EXCLUDED.run_id, exchange_time = EXCLUDED.exchange_time

-- name: select_last_runs
-- Of runs over all that is stored: how old the last one is, and when the last one that came to
-- its end began. Ages are of wall time: they are about the load on this machine.
WITH runs AS (
    SELECT r.run_id, r.started_at, r.finished_at, r.success
    FROM market.validation_runs AS r
    WHERE r.symbols IS NULL AND r.reach IN ('new', 'everything')
        AND r.timeframes @> ARRAY(
            SELECT DISTINCT CAST(s.timeframe AS text) FROM market.coverage_series AS s)
)
SELECT clock_timestamp() - l.started_at AS run_age,
    COALESCE(l.finished_at IS NULL
        AND l.started_at > clock_timestamp() - CAST(:longest AS interval), false) AS running,
    COALESCE(NOT f.success, false) AS broken, f.started_at AS finished_from
FROM (SELECT) AS one_row
LEFT JOIN (SELECT * FROM runs ORDER BY run_id DESC LIMIT 1) AS l ON true
LEFT JOIN (
    SELECT * FROM runs WHERE finished_at IS NOT NULL ORDER BY run_id DESC LIMIT 1
) AS f ON true

-- name: select_changes
-- Candles to validate in days that have changed since a moment; usually few days.
SELECT EXISTS (SELECT FROM market.coverage_series) AS stored,
    COALESCE(sum(d.unvalidated), 0)::bigint AS unvalidated,
    COALESCE(sum(d.stored) FILTER (WHERE d.unsettled), 0)::bigint AS unsettled,
    COALESCE(sum(d.unvalidated) FILTER (WHERE d.of_history), 0)::bigint AS history,
    clock_timestamp() - min(d.changed_at) AS first_age,
    clock_timestamp() - max(d.changed_at) FILTER (WHERE d.of_history) AS history_age
FROM (
    SELECT c.stored, c.unvalidated, c.changed_at,
        c.day < CAST(e.exchange_time AT TIME ZONE 'UTC' AS date) - 1 AS of_history,
        c.validated > 0 AND c.settles_at > c.exchange_time AND c.settles_at <= e.exchange_time
            AS unsettled
    FROM market.validation_coverage AS c
    CROSS JOIN market.exchange_state AS e
    WHERE c.changed_at > :since
) AS d

-- name: select_pending
SELECT COALESCE(sum(c.expected), 0)::bigint AS expected,
    COALESCE(sum(c.pending), 0)::bigint AS pending
FROM market.coverage_totals AS c

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
