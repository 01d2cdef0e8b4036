-- The exchange's gate, on the wall time of the one database.

-- name: close_gate
INSERT INTO market.exchange_gate (closed_until, reason)
VALUES (clock_timestamp() + make_interval(secs => :retry_after_s), :reason)
ON CONFLICT (only_row) DO UPDATE
SET closed_until = EXCLUDED.closed_until, reason = EXCLUDED.reason
WHERE market.exchange_gate.closed_until < EXCLUDED.closed_until

-- name: select_closed
SELECT extract(epoch FROM closed_until - clock_timestamp())::float8 AS wait_s, reason
FROM market.exchange_gate
WHERE closed_until > clock_timestamp()
