-- The ledger of request weight. Everything runs on clock_timestamp(), the wall time of the
-- one database: the machines of the workers may disagree about what time it is.
--
-- A request reaches the exchange somewhere between reserved_at and settled_at, so its weight
-- counts from reserved_at until a window after settled_at: any window at the exchange then
-- lies inside what was counted when its last request was let through. One that never settles
-- (its process was killed) counts for as long as it could still be under way, and a window.

-- name: settle_and_reserve
-- Four statements in one implicit transaction, one round trip: each sees what the others
-- before it wrote, and the lock makes that all there is. Losing the last moments in a crash
-- of the server is made good by settling, which enters again what is not there.
SELECT pg_advisory_xact_lock(:lock_key), set_config('synchronous_commit', 'off', true);

WITH answered AS MATERIALIZED (
    SELECT a.ticket, a.weight, a.used, r.reserved_at
    FROM unnest(CAST(:tickets AS bigint[]), CAST(:weights AS integer[]), CAST(:used AS integer[]))
        AS a (ticket, weight, used)
    LEFT JOIN market.weight_reservations AS r USING (ticket)
),
settled AS (
    UPDATE market.weight_reservations AS r
    SET settled_at = clock_timestamp()
    FROM answered AS a
    WHERE r.ticket = a.ticket
),
missed AS (
    SELECT a.weight FROM answered AS a WHERE a.reserved_at IS NULL
),
-- What the exchange counted was true when it answered, between reserved_at and now; whatever
-- may have counted then is known. Answers that took long are no evidence: rows are gone.
evidence AS (
    SELECT max(a.used) AS used, min(a.reserved_at) AS since
    FROM answered AS a
    WHERE a.used IS NOT NULL
        AND a.reserved_at > clock_timestamp() - make_interval(secs => :slack_s)
),
strange AS (
    SELECT e.used - sum(r.weight) AS weight
    FROM evidence AS e
    JOIN market.weight_reservations AS r
        ON r.settled_at IS NULL OR r.settled_at > e.since - make_interval(secs => :window_s)
    GROUP BY e.used
    HAVING e.used > sum(r.weight)
)
INSERT INTO market.weight_reservations (weight, settled_at)
SELECT weight, clock_timestamp() FROM missed
UNION ALL
SELECT weight, clock_timestamp() FROM strange;

DELETE FROM market.weight_reservations AS r
WHERE r.settled_at < clock_timestamp() - make_interval(secs => :window_s + :slack_s)
    OR (r.settled_at IS NULL
        AND r.reserved_at < clock_timestamp() - make_interval(secs => :window_s + :in_flight_s));

WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now, make_interval(secs => :window_s) AS window
),
allowance AS MATERIALIZED (
    SELECT floor(:share * COALESCE(
            (SELECT weight_limit FROM market.exchange_state), :fallback_limit))::integer AS cap,
        (SELECT extract(epoch FROM g.closed_until - clock.now) FROM market.exchange_gate AS g)
            AS closed_s
    FROM clock
),
ledger AS MATERIALIZED (
    SELECT r.ticket, r.weight,
        -- The earliest moment at which it may stop counting: what is under way might be
        -- settled at once, but not earlier.
        COALESCE(
            r.settled_at + clock.window,
            LEAST(clock.now, r.reserved_at + make_interval(secs => :in_flight_s)) + clock.window
        ) AS expires_at
    FROM market.weight_reservations AS r
    CROSS JOIN clock
    WHERE r.settled_at IS NULL OR r.settled_at > clock.now - clock.window
),
held AS (
    SELECT COALESCE(sum(weight), 0) AS weight FROM ledger
),
asked AS (
    SELECT a.place, a.weight, sum(a.weight) OVER (ORDER BY a.place) AS up_to
    FROM unnest(CAST(:asked AS integer[])) WITH ORDINALITY AS a (weight, place)
),
granted AS (
    INSERT INTO market.weight_reservations (weight, reserved_at)
    SELECT asked.weight, clock.now
    FROM asked, held, allowance, clock
    WHERE held.weight + asked.up_to <= allowance.cap AND COALESCE(allowance.closed_s, 0) <= 0
    ORDER BY asked.place
    RETURNING ticket
),
refused AS (
    SELECT min(held.weight + asked.up_to) - allowance.cap AS excess
    FROM asked, held, allowance
    WHERE held.weight + asked.up_to > allowance.cap
    GROUP BY allowance.cap
)
SELECT allowance.cap,
    GREATEST(allowance.closed_s, 0)::float8 AS closed_s,
    ARRAY(SELECT ticket FROM granted ORDER BY ticket) AS tickets,
    (
        SELECT GREATEST(extract(epoch FROM min(freed.expires_at) - clock.now), 0)
        FROM (
            SELECT ledger.expires_at, sum(ledger.weight) OVER (ORDER BY ledger.expires_at) AS weight
            FROM ledger
            WHERE EXISTS (SELECT FROM refused)
        ) AS freed, refused
        WHERE freed.weight >= refused.excess
    )::float8 AS wait_s
FROM allowance, clock;
