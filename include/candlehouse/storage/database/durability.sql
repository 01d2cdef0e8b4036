-- When a commit is on disk.

-- name: commit_later
-- This transaction's commit does not wait for the disk. A server that dies forgets at most
-- the last second of such transactions, each of them whole.
SET LOCAL synchronous_commit = off

-- name: write_ahead
-- Something to wait for: what is in the log before it is on disk as soon as it is.
SELECT pg_logical_emit_message(true, 'candlehouse', 'flush')
