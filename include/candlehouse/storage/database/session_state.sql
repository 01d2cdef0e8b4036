-- What every connection of the warehouse relies on, whatever is set for the role, the
-- database or the server. Straight to the driver: parameters are written its way.

-- name: count_on
-- Limits that the URL's own options ask for stay; commits that wait for more than this
-- server's disk do as well.
WITH wanted (name, value, is_limit) AS (
    SELECT n, v, l
    FROM unnest(%(names)s, %(values)s, %(limits)s) AS u (n, v, l)
    UNION ALL
    -- Everything is named with its schema but for the functions of the extension.
    SELECT 'search_path',
        concat_ws(', ', nullif(current_setting('search_path'), ''), quote_ident(n.nspname)),
        false
    FROM pg_extension AS e
    JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'timescaledb' AND n.nspname <> ALL (current_schemas(false))
)
SELECT s.name, set_config(s.name, w.value, false)
FROM wanted AS w
JOIN pg_settings AS s ON lower(s.name) = lower(w.name)
WHERE s.setting <> w.value
    AND NOT (w.is_limit AND s.source = 'client')
    AND (s.name <> 'synchronous_commit' OR s.setting = 'off')

-- name: take_room
-- For a batch of files in a staging table, and once more where it is compared with what is
-- stored; what is not used is not taken.
SET temp_buffers = '48MB'

-- name: find_server_process
SELECT pg_backend_pid()

-- name: hold_server_process
BEGIN;
SELECT pg_backend_pid()
