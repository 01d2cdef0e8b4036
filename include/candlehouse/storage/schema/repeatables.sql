-- Definitions of views and functions: what is recorded, and what the catalog has of them.

-- name: select_recorded
SELECT name, checksum FROM market.schema_repeatables

-- name: count_present
-- How many views and routines of each name there are; a function may have several signatures.
SELECT c.relname AS name, 1 AS number
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = CAST('market' AS regnamespace) AND c.relkind = 'v'
UNION ALL
SELECT p.proname, count(*)
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = CAST('market' AS regnamespace)
GROUP BY p.proname

-- name: use_system_path
-- A definition means the same whatever the database's search path is.
SELECT set_config('search_path', 'pg_catalog, pg_temp', true)

-- name: find_dependents
-- The views and routines of these names and all that depend on them, dependents first. A view
-- depends on what its rule mentions, and a routine may depend on the row type of a view.
WITH RECURSIVE catalogs AS (
    SELECT CAST(CAST('pg_class' AS regclass) AS oid) AS relations,
        CAST(CAST('pg_proc' AS regclass) AS oid) AS routines,
        CAST(CAST('pg_type' AS regclass) AS oid) AS types
),
ours AS (
    SELECT k.relations AS classid, c.oid AS objid, CAST(c.relname AS text) AS name,
        CAST(CAST(c.oid AS regclass) AS text) AS identity, 'VIEW' AS kind
    FROM catalogs AS k
    JOIN pg_catalog.pg_class AS c ON c.relkind = 'v'
    WHERE c.relnamespace = CAST('market' AS regnamespace)
    UNION ALL
    SELECT k.routines, p.oid, p.proname, CAST(CAST(p.oid AS regprocedure) AS text), 'ROUTINE'
    FROM catalogs AS k
    CROSS JOIN pg_catalog.pg_proc AS p
    WHERE p.pronamespace = CAST('market' AS regnamespace)
),
dependents (classid, objid, floor) AS (
    SELECT o.classid, o.objid, 0
    FROM ours AS o
    WHERE o.name = ANY (CAST(:names AS text[]))
    UNION
    SELECT u.classid, u.objid, h.floor + 1
    FROM dependents AS h
    JOIN pg_catalog.pg_depend AS d ON d.refclassid = h.classid AND d.refobjid = h.objid
    CROSS JOIN catalogs AS k
    LEFT JOIN pg_catalog.pg_rewrite AS r
        ON d.classid = CAST('pg_rewrite' AS regclass) AND r.oid = d.objid
    CROSS JOIN LATERAL (
        SELECT CASE WHEN r.oid IS NULL THEN d.classid ELSE k.relations END AS classid,
            COALESCE(r.ev_class, d.objid) AS objid
    ) AS u
    WHERE u.classid IN (k.relations, k.routines, k.types)
        AND (u.classid, u.objid) <> (h.classid, h.objid)
)
SELECT o.name, o.identity, o.kind
FROM dependents AS h
JOIN ours AS o USING (classid, objid)
GROUP BY o.name, o.identity, o.kind
ORDER BY max(h.floor) DESC, o.identity

-- name: record
INSERT INTO market.schema_repeatables (name, checksum)
VALUES (:name, :checksum)
ON CONFLICT (name) DO UPDATE
SET checksum = EXCLUDED.checksum, applied_at = clock_timestamp()

-- name: let_readers_read
-- A view that was created again by another role than the one whose default privileges apply.
DO $$
DECLARE
    unread regclass;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'market_reader') THEN
        RETURN;
    END IF;
    FOR unread IN
        SELECT c.oid
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = CAST('market' AS regnamespace) AND c.relkind = 'v'
            AND NOT has_table_privilege('market_reader', c.oid, 'SELECT')
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO market_reader', unread);
    END LOOP;
END $$
