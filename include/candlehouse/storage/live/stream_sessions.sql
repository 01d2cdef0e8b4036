-- Runs of stream tasks, on wall time; and whether streaming is wanted.

-- name: close_lost
-- Killed, or cut off for so long that another one may have taken over.
UPDATE market.stream_sessions
SET ended_at = clock_timestamp(), end_reason = 'lost'
WHERE ended_at IS NULL AND heartbeat_at < clock_timestamp() - make_interval(secs => :lost_after_s)

-- name: delete_old
DELETE FROM market.stream_sessions
WHERE ended_at < clock_timestamp() - make_interval(days => :kept_days)

-- name: insert_session
INSERT INTO market.stream_sessions (worker, role, mode, symbols, timeframes)
VALUES (:worker, :role, :mode, :symbols, CAST(:timeframes AS text[]))
RETURNING session_id

-- name: update_session
-- One that was cut off, taken for lost and came back lives on.
WITH beating AS (
    UPDATE market.stream_sessions
    SET role = :role, mode = :mode, heartbeat_at = clock_timestamp(), ended_at = NULL,
        end_reason = NULL, symbols = :symbols, timeframes = CAST(:timeframes AS text[]),
        received = :received, validated = :validated, errors = :errors, stale = :stale,
        coalesced = :coalesced, closed_written = :closed_written,
        forming_written = :forming_written, spooled = :spooled, replayed = :replayed,
        reconnects = :reconnects, last_message_at = :last_message_at
    WHERE session_id = :session_id AND (ended_at IS NULL OR end_reason = 'lost')
    RETURNING session_id
)
INSERT INTO market.stream_lag_histograms (session_id, lag_ms)
SELECT b.session_id, CAST(:lag_ms AS jsonb)
FROM beating AS b
ON CONFLICT (session_id) DO UPDATE SET lag_ms = EXCLUDED.lag_ms

-- name: commit_without_waiting
SELECT set_config('synchronous_commit', 'off', true)

-- name: end_session
UPDATE market.stream_sessions
SET ended_at = clock_timestamp(), heartbeat_at = clock_timestamp(), end_reason = :reason
WHERE session_id = :session_id

-- name: select_sessions
SELECT s.session_id, s.worker, s.started_at, s.heartbeat_at, s.ended_at, s.end_reason,
    s.ended_at IS NULL
        AND s.heartbeat_at >= clock_timestamp() - make_interval(secs => :lost_after_s)
        AS is_alive,
    s.role, s.mode, s.symbols, s.timeframes, s.received, s.validated, s.errors, s.stale,
    s.coalesced, s.closed_written, s.forming_written, s.spooled, s.replayed, s.reconnects,
    s.last_message_at, COALESCE(h.lag_ms, '{}') AS lag_ms
FROM market.stream_sessions AS s
LEFT JOIN market.stream_lag_histograms AS h USING (session_id)
ORDER BY s.session_id DESC
LIMIT :count

-- name: read_control
SELECT is_running FROM market.stream_control

-- name: write_control
-- Saying what is already so is no change.
INSERT INTO market.stream_control AS k (is_running, changed_by)
VALUES (:running, :changed_by)
ON CONFLICT (only_row) DO UPDATE
SET is_running = EXCLUDED.is_running, changed_at = clock_timestamp(),
    changed_by = EXCLUDED.changed_by
WHERE k.is_running <> EXCLUDED.is_running

-- name: set_realtime
INSERT INTO market.collector_state AS k (symbol, timeframe, is_realtime)
SELECT s.symbol, s.timeframe, :realtime
FROM unnest(CAST(:symbols AS text[]), CAST(:timeframes AS text[])) AS s (symbol, timeframe)
ORDER BY s.timeframe COLLATE "C", s.symbol
ON CONFLICT (symbol, timeframe) DO UPDATE
SET is_realtime = EXCLUDED.is_realtime
WHERE k.is_realtime <> EXCLUDED.is_realtime

-- name: select_realtime
SELECT k.symbol, k.timeframe
FROM market.collector_state AS k
WHERE k.is_realtime
