-- The ledger of connection attempts. Everything runs on clock_timestamp(), the wall time of
-- the one database: the machines of the workers may disagree about what time it is.

-- name: attempt
-- Statements in one implicit transaction, one round trip: each sees what the others before
-- it wrote, and the lock makes that all there is.
SELECT pg_advisory_xact_lock(:lock_key);

DELETE FROM market.connection_attempts AS a
WHERE a.attempted_at < clock_timestamp() - make_interval(secs => :window_s);

-- Attempts that were made while the database was out of reach, with their original times.
INSERT INTO market.connection_attempts (attempted_at)
SELECT clock_timestamp() - make_interval(secs => m.age_s)
FROM unnest(CAST(:missed_ages_s AS double precision[])) AS m (age_s);

WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now, make_interval(secs => :window_s) AS window
),
counted AS MATERIALIZED (
    SELECT a.attempted_at, row_number() OVER (ORDER BY a.attempted_at DESC) AS newest
    FROM market.connection_attempts AS a
    CROSS JOIN clock
    WHERE a.attempted_at > clock.now - clock.window
),
granted AS (
    INSERT INTO market.connection_attempts (attempted_at)
    SELECT clock.now
    FROM clock
    WHERE (SELECT count(*) FROM counted) < :cap
    RETURNING attempted_at
)
-- NULL when granted: else the seconds until all but the newest few have left the window.
SELECT CASE WHEN NOT EXISTS (SELECT FROM granted) THEN (
    SELECT GREATEST(extract(epoch FROM c.attempted_at + clock.window - clock.now), 0)
    FROM counted AS c
    WHERE c.newest = :cap
)::float8 END AS wait_s
FROM clock;
