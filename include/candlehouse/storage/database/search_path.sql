-- Where sessions look for a table that is named without its schema.

-- name: is_found
SELECT 'market' = ANY (current_schemas(false))

-- name: extend
-- At the end, so that it hides nothing that was found before; for this transaction alone.
SELECT set_config('search_path',
    concat_ws(', ', NULLIF(current_setting('search_path'), ''), 'market'), true)

-- name: keep
-- What this session finds is found by every later one of this database, or, where the database
-- is not this role's to change, by every later one of this role.
DO $$
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_catalog.pg_database
        WHERE datname = current_database() AND pg_has_role(datdba, 'USAGE')
    ) THEN
        EXECUTE format('ALTER DATABASE %I SET search_path FROM CURRENT', current_database());
    ELSE
        EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET search_path FROM CURRENT',
            current_database());
    END IF;
END $$

-- name: is_kept_for_all
SELECT EXISTS (
    SELECT
    FROM pg_catalog.pg_db_role_setting AS s
    JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
    WHERE d.datname = current_database() AND s.setrole = 0
        AND array_to_string(s.setconfig, ' ') LIKE '%search_path=%market%'
)
