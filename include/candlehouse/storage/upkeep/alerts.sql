-- Alerts: what is measured for them, each in time that does not grow with history, and the
-- rows that they are kept in.

-- name: lock_alerts
-- Serialises evaluations, so that each alert is raised and notified once.
SELECT pg_advisory_xact_lock(:lock_key)

-- name: measure_completeness
-- A line a timeframe: percent of the expected slots that are not pending, and the worst series.
-- What loads has never been complete, and counts from when it has loaded.
SELECT c.timeframe,
    100.0::float8 * (sum(c.expected) - sum(c.pending))::float8 / sum(c.expected)::float8 AS percent,
    (array_agg(c.symbol ORDER BY c.pending DESC, c.symbol))[1] AS worst,
    max(c.pending) AS worst_pending
FROM market.coverage_totals AS c
LEFT JOIN market.loads AS l USING (symbol, timeframe)
WHERE c.expected > 0 AND l.symbol IS NULL
GROUP BY c.timeframe
ORDER BY c.timeframe

-- name: measure_freshness
-- One row per timeframe: seconds since the newest stored candle should have been followed by
-- the next one, for the series where that is longest. The exchange's clock is extrapolated with
-- the machine's clock, so candles become late also when the clocks are no longer compared.
-- Where only an earlier start loads, the newest candles may be late all the same.
SELECT n.timeframe, extract(epoch FROM max(n.overdue))::float8 AS overdue_s,
    (array_agg(n.symbol ORDER BY n.overdue DESC, n.symbol))[1] AS worst
FROM (
    SELECT s.symbol, s.timeframe, GREATEST(
        e.now - 2 * t.length - COALESCE(
            date_bin(t.length, k.last_open_time, 'epoch'), s.wanted_from - t.length),
        interval '0'
    ) AS overdue
    FROM market.series AS s
    JOIN market.timeframes AS t USING (timeframe)
    LEFT JOIN market.collector_state AS k USING (symbol, timeframe)
    CROSS JOIN (
        SELECT x.exchange_time + GREATEST(clock_timestamp() - x.seen_at, interval '0') AS now
        FROM market.exchange_state AS x
    ) AS e
    WHERE s.wanted_from <= e.now AND s.wanted_to IS NULL AND NOT EXISTS (
        SELECT FROM market.loads AS l
        WHERE l.symbol = s.symbol AND l.timeframe = s.timeframe AND l.newest)
) AS n
GROUP BY n.timeframe
ORDER BY n.timeframe

-- name: measure_loading
-- A line a timeframe: seconds since anything came of the series that has stood still longest of
-- those that load, and why, as far as is known.
SELECT n.timeframe, n.still_s, concat_ws(', ', n.what, n.silence, n.error) AS detail
FROM (
    SELECT DISTINCT ON (l.timeframe) l.timeframe,
        extract(epoch FROM clock_timestamp() - l.progressed_at)::float8 AS still_s,
        l.symbol || ' of ' || count(*) OVER (PARTITION BY l.timeframe) || ' series that load: '
            || l.least_pending || ' pending' AS what,
        (
            SELECT 'the exchange last answered at ' || to_char(
                x.seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI UTC')
            FROM market.exchange_state AS x
            WHERE x.seen_at < clock_timestamp() - interval '10 minutes'
        ) AS silence,
        'last error: ' || left(k.last_error, 200) AS error
    FROM market.loads AS l
    LEFT JOIN market.collector_state AS k USING (symbol, timeframe)
    WHERE l.least_pending > 0
    ORDER BY l.timeframe, l.progressed_at, l.symbol
) AS n
ORDER BY n.timeframe

-- name: measure_errors
-- Percent of the messages that sessions of the last hour refused, and of the series whose last
-- collection failed; nothing of what there is none of.
SELECT 'stream' AS subject, 100.0::float8 * sum(s.errors)::float8 / sum(s.received)::float8 AS percent,
    sum(s.errors) || ' of ' || sum(s.received) || ' messages' AS detail
FROM market.stream_sessions AS s
WHERE s.heartbeat_at > clock_timestamp() - interval '1 hour'
HAVING sum(s.received) > 0
UNION ALL
SELECT 'collection', 100.0::float8 * count(k.last_error)::float8 / count(*)::float8,
    min(k.symbol || ' ' || k.timeframe || ': ' || left(k.last_error, 200))
FROM market.collector_state AS k
HAVING count(*) > 0

-- name: measure_weight
-- Percent of the exchange's limit that is under way or was used in the last minute.
SELECT 100.0::float8 * COALESCE((
    SELECT sum(r.weight)
    FROM market.weight_reservations AS r
    WHERE r.settled_at IS NULL OR r.settled_at > clock_timestamp() - interval '1 minute'
), 0)::float8 / e.weight_limit AS percent
FROM market.exchange_state AS e

-- name: measure_corrections
SELECT count(*) AS candles
FROM market.corrections AS c
WHERE c.applied AND c.corrected_at > clock_timestamp() - interval '24 hours'

-- name: measure_universe
-- Percentage of the required pairs in the answer for which the last refresh took no snapshot; no
-- row when the last refresh took one.
SELECT LEAST(100.0::float8 * r.found / r.due, 99.9) AS percent, left(r.reason, 300) AS reason
FROM market.universe_refusal AS r

-- name: select_open
SELECT a.alert_id, a.name, a.subject, a.raised_at, a.raised_value, a.raised_message,
    a.last_seen_at, a.value, a.threshold, a.message, a.notified_at
FROM market.alerts AS a
WHERE a.cleared_at IS NULL
ORDER BY a.name, a.subject

-- name: raise_alert
INSERT INTO market.alerts (name, subject, raised_value, raised_message, value, message, threshold)
VALUES (:name, :subject, :value, :message, :value, :message, :threshold)

-- name: update_alert
-- What raised it stays.
UPDATE market.alerts
SET last_seen_at = clock_timestamp(), value = :value, threshold = :threshold, message = :message
WHERE name = :name AND subject = :subject AND cleared_at IS NULL

-- name: clear_alert
UPDATE market.alerts
SET cleared_at = clock_timestamp(), last_seen_at = clock_timestamp(), value = :value,
    threshold = :threshold, message = :message
WHERE name = :name AND subject = :subject AND cleared_at IS NULL

-- name: mark_notified
UPDATE market.alerts
SET notified_at = clock_timestamp()
WHERE alert_id = ANY (CAST(:alert_ids AS bigint[]))
