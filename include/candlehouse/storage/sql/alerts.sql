-- Alerts: what is measured for them, each in time that does not grow with history, and the
-- rows that they are kept in.

-- name: lock_alerts
-- Whoever evaluates is alone, so that each alert is raised and told of once.
SELECT pg_advisory_xact_lock(:lock_key)

-- name: measure_completeness
-- A line a timeframe: percent of the expected slots that are not pending, and the worst series.
SELECT c.timeframe,
    100.0::float8 * (sum(c.expected) - sum(c.pending))::float8 / sum(c.expected)::float8 AS percent,
    (array_agg(c.symbol ORDER BY c.pending DESC, c.symbol))[1] AS worst,
    max(c.pending) AS worst_pending
FROM market.coverage_totals AS c
WHERE c.expected > 0
GROUP BY c.timeframe
ORDER BY c.timeframe

-- name: measure_freshness
-- A line a timeframe: seconds since the newest candle that is held should have been followed
-- by another one, of the series where that is longest. The exchange's clock goes on by the
-- machine's since they were compared: if nobody compares them any more, candles are late too.
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
    WHERE s.wanted_from <= e.now AND s.wanted_to IS NULL
) AS n
GROUP BY n.timeframe
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

-- name: select_open
SELECT a.alert_id, a.name, a.subject, a.raised_at, a.last_seen_at, a.value, a.threshold,
    a.message, a.notified_at
FROM market.alerts AS a
WHERE a.cleared_at IS NULL
ORDER BY a.name, a.subject

-- name: raise_alert
INSERT INTO market.alerts (name, subject, value, threshold, message)
VALUES (:name, :subject, :value, :threshold, :message)

-- name: update_alert
UPDATE market.alerts
SET last_seen_at = clock_timestamp(), value = :value, threshold = :threshold, message = :message
WHERE name = :name AND subject = :subject AND cleared_at IS NULL

-- name: clear_alert
-- Without a new value the last one stays.
UPDATE market.alerts
SET cleared_at = clock_timestamp(), value = COALESCE(CAST(:value AS float8), value)
WHERE name = :name AND subject = :subject AND cleared_at IS NULL

-- name: mark_notified
UPDATE market.alerts
SET notified_at = clock_timestamp()
WHERE alert_id = ANY (CAST(:alert_ids AS bigint[]))
