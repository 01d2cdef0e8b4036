-- Each quantile is the upper bound of the first bucket that reaches it.
CREATE OR REPLACE VIEW market.stream_lag AS
SELECT s.session_id, s.worker, s.role, s.started_at, s.ended_at, q.messages, q.p50_ms, q.p90_ms,
    q.p99_ms, q.p999_ms, q.longest_ms
FROM market.stream_sessions AS s
JOIN market.stream_lag_histograms AS h USING (session_id)
CROSS JOIN LATERAL (
    SELECT max(b.up_to)::bigint AS messages,
        min(b.bound) FILTER (WHERE b.up_to >= 0.5 * b.total) AS p50_ms,
        min(b.bound) FILTER (WHERE b.up_to >= 0.9 * b.total) AS p90_ms,
        min(b.bound) FILTER (WHERE b.up_to >= 0.99 * b.total) AS p99_ms,
        min(b.bound) FILTER (WHERE b.up_to >= 0.999 * b.total) AS p999_ms,
        max(b.bound) AS longest_ms
    FROM (
        SELECT e.key::double precision AS bound,
            sum(e.value::numeric) OVER (ORDER BY e.key::double precision) AS up_to,
            sum(e.value::numeric) OVER () AS total
        FROM jsonb_each_text(h.lag_ms) AS e
        WHERE e.value <> '0'
    ) AS b
) AS q
WHERE q.messages > 0;

COMMENT ON VIEW market.stream_lag IS
    'How long messages took from the clock of the exchange to their commit, one row per session'
    ' that has written any';
COMMENT ON COLUMN market.stream_lag.session_id IS 'Number of the session';
COMMENT ON COLUMN market.stream_lag.worker IS 'Process of the session, as host:process';
COMMENT ON COLUMN market.stream_lag.role IS 'writer or standby';
COMMENT ON COLUMN market.stream_lag.started_at IS 'Start time, on the clock of the database';
COMMENT ON COLUMN market.stream_lag.ended_at IS 'When the session ended; NULL while it runs';
COMMENT ON COLUMN market.stream_lag.messages IS 'Messages that were measured';
COMMENT ON COLUMN market.stream_lag.p50_ms IS
    'Milliseconds within which half of the messages were committed';
COMMENT ON COLUMN market.stream_lag.p90_ms IS 'Milliseconds within which 90% were';
COMMENT ON COLUMN market.stream_lag.p99_ms IS 'Milliseconds within which 99% were';
COMMENT ON COLUMN market.stream_lag.p999_ms IS 'Milliseconds within which 99.9% were';
COMMENT ON COLUMN market.stream_lag.longest_ms IS
    'Milliseconds within which all were; 60000 stands for a minute or more';
