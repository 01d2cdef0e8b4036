-- One session may write live data of a kind; another may stand by. Locks of sessions, so that they
-- end with the connection that took them and with nothing else.

-- name: try_lock
-- A session that has the lock has it: taking it again would have to be released again.
SELECT CASE
    WHEN EXISTS (
        SELECT
        FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() AND objsubid = 1
            AND classid = CAST(0 AS oid) AND objid = CAST(:key AS oid)
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) THEN true
    ELSE pg_try_advisory_lock(:key)
END

-- name: find_holder
-- A bigint's key shows as its upper half in classid, its lower half in objid.
SELECT pid
FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND classid = CAST(0 AS oid) AND objid = CAST(:key AS oid)
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())

-- name: release
SELECT pg_advisory_unlock(:key)

-- name: is_read_only
-- True on a standby, too, whatever is set there.
SELECT current_setting('transaction_read_only')::boolean
