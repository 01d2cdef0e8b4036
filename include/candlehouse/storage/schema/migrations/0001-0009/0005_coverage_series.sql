-- Coverage that costs as much for years as for weeks: what is held of a series is one row,
-- kept by triggers, and whatever is asked of whole series is computed from that.

-- Days are UTC. Ranges of days, so that years without a hole are one range.
CREATE TABLE market.coverage_series (
    symbol        text           NOT NULL,
    timeframe     text           NOT NULL,
    present_slots bigint         NOT NULL,
    -- Days all of whose slots are held, and days of which some are.
    whole_days    datemultirange NOT NULL,
    short_days    datemultirange NOT NULL,
    CONSTRAINT coverage_series_pkey PRIMARY KEY (symbol, timeframe)
) WITH (fillfactor = 50, vacuum_truncate = false);

CREATE FUNCTION market.slots_per_day(length interval) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (86400 / extract(epoch FROM length))::integer;

-- Takes over what changed in market.coverage_days: a day's count before and after, 0 for
-- none. Adds and takes away, and never recomputes: writers of other days of a series may
-- commit in any order. Rows are locked in sorted order, so that no two wait in a circle.
CREATE FUNCTION market.apply_day_changes(
    symbols text[], timeframes text[], days date[], before integer[], after integer[]
) RETURNS void
LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF 0 = ANY (after) THEN
        PERFORM
        FROM market.coverage_series AS s
        WHERE (s.symbol, s.timeframe) IN (
            SELECT c.symbol, c.timeframe FROM unnest(symbols, timeframes) AS c (symbol, timeframe))
        ORDER BY s.symbol, s.timeframe
        FOR UPDATE;
        UPDATE market.coverage_series AS s
        SET present_slots = s.present_slots - g.slots,
            whole_days = s.whole_days - g.days,
            short_days = s.short_days - g.days
        FROM (
            SELECT c.symbol, c.timeframe, sum(c.before) AS slots,
                range_agg(daterange(c.day, c.day + 1)) AS days
            FROM unnest(symbols, timeframes, days, before, after)
                AS c (symbol, timeframe, day, before, after)
            WHERE c.after = 0
            GROUP BY c.symbol, c.timeframe
        ) AS g
        WHERE s.symbol = g.symbol AND s.timeframe = g.timeframe;
        DELETE FROM market.coverage_series AS s
        USING unnest(symbols, timeframes) AS c (symbol, timeframe)
        WHERE s.symbol = c.symbol AND s.timeframe = c.timeframe AND s.present_slots = 0
            AND isempty(s.whole_days) AND isempty(s.short_days);
    END IF;
    INSERT INTO market.coverage_series AS s (
        symbol, timeframe, present_slots, whole_days, short_days)
    SELECT c.symbol, c.timeframe, sum(c.after - c.before),
        COALESCE(range_agg(daterange(c.day, c.day + 1)) FILTER (
            WHERE c.after >= p.slots AND c.before < p.slots), '{}'),
        COALESCE(range_agg(daterange(c.day, c.day + 1)) FILTER (
            WHERE c.after < p.slots AND (c.before <= 0 OR c.before >= p.slots)), '{}')
    FROM unnest(symbols, timeframes, days, before, after)
        AS c (symbol, timeframe, day, before, after)
    JOIN market.timeframes AS t ON t.timeframe = c.timeframe
    CROSS JOIN LATERAL (SELECT market.slots_per_day(t.length) AS slots) AS p
    WHERE c.after > 0
    GROUP BY c.symbol, c.timeframe
    ORDER BY c.symbol, c.timeframe
    ON CONFLICT (symbol, timeframe) DO UPDATE
    SET present_slots = s.present_slots + EXCLUDED.present_slots,
        -- Mostly a short day goes on being short: the ranges then stay where they are stored.
        whole_days = CASE
            WHEN isempty(EXCLUDED.whole_days) AND isempty(EXCLUDED.short_days) THEN s.whole_days
            ELSE s.whole_days - EXCLUDED.short_days + EXCLUDED.whole_days
        END,
        short_days = CASE
            WHEN isempty(EXCLUDED.whole_days) AND isempty(EXCLUDED.short_days) THEN s.short_days
            ELSE s.short_days - EXCLUDED.whole_days + EXCLUDED.short_days
        END;
END $$;

CREATE FUNCTION market.follow_coverage_days() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    -- Aggregates of nothing are NULL, and nothing is done then: an upsert fires two of these.
    IF TG_OP = 'INSERT' THEN
        PERFORM market.apply_day_changes(
            array_agg(n.symbol), array_agg(n.timeframe), array_agg(n.day),
            array_agg(0), array_agg(n.present_slots))
        FROM new_days AS n;
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM market.apply_day_changes(
            array_agg(symbol), array_agg(timeframe), array_agg(day),
            array_agg(COALESCE(o.present_slots, 0)), array_agg(COALESCE(n.present_slots, 0)))
        FROM old_days AS o
        FULL JOIN new_days AS n USING (symbol, timeframe, day)
        WHERE o.present_slots IS DISTINCT FROM n.present_slots;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM market.apply_day_changes(
            array_agg(o.symbol), array_agg(o.timeframe), array_agg(o.day),
            array_agg(o.present_slots), array_agg(0))
        FROM old_days AS o;
    ELSE
        DELETE FROM market.coverage_series;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER follow_insert AFTER INSERT ON market.coverage_days
    REFERENCING NEW TABLE AS new_days
    FOR EACH STATEMENT EXECUTE FUNCTION market.follow_coverage_days();
CREATE TRIGGER follow_update AFTER UPDATE ON market.coverage_days
    REFERENCING OLD TABLE AS old_days NEW TABLE AS new_days
    FOR EACH STATEMENT EXECUTE FUNCTION market.follow_coverage_days();
CREATE TRIGGER follow_delete AFTER DELETE ON market.coverage_days
    REFERENCING OLD TABLE AS old_days
    FOR EACH STATEMENT EXECUTE FUNCTION market.follow_coverage_days();
CREATE TRIGGER follow_truncate AFTER TRUNCATE ON market.coverage_days
    FOR EACH STATEMENT EXECUTE FUNCTION market.follow_coverage_days();

-- Making the triggers waited for every writer, and keeps others out until this commits.
INSERT INTO market.coverage_series (symbol, timeframe, present_slots, whole_days, short_days)
SELECT h.symbol, h.timeframe, sum(h.present_slots),
    COALESCE(range_agg(daterange(h.day, h.day + 1)) FILTER (
        WHERE h.present_slots >= market.slots_per_day(t.length)), '{}'),
    COALESCE(range_agg(daterange(h.day, h.day + 1)) FILTER (
        WHERE h.present_slots < market.slots_per_day(t.length)), '{}')
FROM market.coverage_days AS h
JOIN market.timeframes AS t USING (timeframe)
WHERE h.present_slots > 0
GROUP BY h.symbol, h.timeframe;
ANALYZE market.coverage_series;

-- What is wanted of a series up to what can be expected by now, half-open, and the first and
-- last day of that; only series of which anything is.
CREATE VIEW market.wanted_series AS
SELECT n.symbol, n.timeframe, n.length, market.slots_per_day(n.length) AS slots_per_day,
    n.wanted_from, n.wanted_end, (n.wanted_from AT TIME ZONE 'UTC')::date AS first_day,
    ((n.wanted_end - interval '1 microsecond') AT TIME ZONE 'UTC')::date AS last_day
FROM (
    SELECT s.symbol, s.timeframe, t.length, s.wanted_from, LEAST(
        date_bin(t.length, e.exchange_time - e.close_grace, 'epoch'), s.wanted_to
    ) AS wanted_end
    FROM market.series AS s
    JOIN market.timeframes AS t USING (timeframe)
    CROSS JOIN market.exchange_state AS e
) AS n
WHERE n.wanted_end > n.wanted_from;

-- Slots from a moment to the end of its UTC day that are held: of the last day of what is
-- wanted, on which nobody could miss them yet. Of a day that is held without a hole up to the
-- newest candle that is arithmetic; only of others the candles are read.
CREATE FUNCTION market.count_early(
    of_symbol text, of_timeframe text, length interval, moment timestamptz, present bigint
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    day_start timestamptz := date_trunc('day', moment, 'UTC');
    day_end   timestamptz := day_start + interval '24 hours';
    held_from timestamptz;
    held_to   timestamptz;
    slots     bigint;
BEGIN
    IF moment = day_start THEN
        RETURN 0;
    END IF;
    SELECT GREATEST(day_start, date_bin(length, k.first_open_time, 'epoch')),
        LEAST(day_end, date_bin(length, k.last_open_time, 'epoch') + length)
    INTO held_from, held_to
    FROM market.collector_state AS k
    WHERE k.symbol = of_symbol AND k.timeframe = of_timeframe
        AND k.first_open_time IS NOT NULL AND k.last_open_time IS NOT NULL;
    IF held_to <= moment THEN
        RETURN 0;
    ELSIF held_from <= moment
        AND extract(epoch FROM held_to - held_from) = present * extract(epoch FROM length) THEN
        RETURN extract(epoch FROM held_to - moment) / extract(epoch FROM length);
    END IF;
    EXECUTE format(
        'SELECT count(DISTINCT date_bin($1, open_time, ''epoch'')) FROM market.%I'
        ' WHERE symbol = $2 AND open_time >= $3 AND open_time < $4', 'candles_' || of_timeframe)
    INTO slots USING length, of_symbol, moment, day_end;
    RETURN slots;
END $$;

-- A gap's verdict, its slots, and how many of those are wanted, a day at a time.
CREATE VIEW market.gap_days AS
SELECT c.symbol, c.timeframe, c.day, c.verdict,
    sum(c.slots)::integer AS slots, sum(c.wanted_slots)::integer AS wanted_slots
FROM (
    SELECT g.symbol, g.timeframe, d.day, g.verdict,
        extract(epoch FROM p.piece_end - p.piece_start) / extract(epoch FROM t.length) AS slots,
        -- LEAST and GREATEST pass over NULL, so a series that nobody wants needs its own case.
        CASE WHEN w.wanted_from IS NULL THEN 0 ELSE extract(epoch FROM GREATEST(
            LEAST(p.piece_end, w.wanted_end) - GREATEST(p.piece_start, w.wanted_from),
            interval '0'
        )) / extract(epoch FROM t.length) END AS wanted_slots
    FROM market.gaps AS g
    JOIN market.timeframes AS t USING (timeframe)
    LEFT JOIN market.wanted_series AS w USING (symbol, timeframe)
    CROSS JOIN LATERAL (
        SELECT ((g.gap_start AT TIME ZONE 'UTC')::date + n)::date AS day
        FROM generate_series(0, ((g.gap_end - interval '1 microsecond') AT TIME ZONE 'UTC')::date
            - (g.gap_start AT TIME ZONE 'UTC')::date) AS n
    ) AS d
    CROSS JOIN LATERAL (
        SELECT GREATEST(g.gap_start, d.day::timestamp AT TIME ZONE 'UTC') AS piece_start,
            LEAST(g.gap_end, (d.day + 1)::timestamp AT TIME ZONE 'UTC') AS piece_end
    ) AS p
) AS c
GROUP BY c.symbol, c.timeframe, c.day, c.verdict;

-- Is it complete? Every expected slot is present, absent with a reason, or pending.
-- Expected are the slots that are wanted, and beyond those whatever is held or was asked for.
-- Each branch brings its part of a day and takes every filter on series and day by itself.
CREATE OR REPLACE VIEW market.coverage AS
SELECT symbol, timeframe, day, sum(c.expected)::integer AS expected,
    sum(c.present)::integer AS present, sum(c.absent)::integer AS absent,
    (sum(c.expected) - sum(c.present) - sum(c.absent))::integer AS pending,
    COALESCE(
        jsonb_object_agg(c.verdict, c.absent) FILTER (WHERE c.verdict IS NOT NULL), '{}'
    ) AS reasons
FROM (
    -- Days of which anything is held, wanted or not.
    SELECT h.symbol, h.timeframe, h.day, h.present_slots AS present, 0 AS absent,
        NULL::text AS verdict,
        CASE
            WHEN w.symbol IS NULL OR h.day < w.first_day OR h.day > w.last_day
                OR h.present_slots = 0 THEN h.present_slots
            WHEN h.day > w.first_day AND h.day < w.last_day THEN w.slots_per_day
            ELSE (extract(epoch FROM LEAST(w.wanted_end, (h.day + 1)::timestamp AT TIME ZONE 'UTC')
                    - GREATEST(w.wanted_from, h.day::timestamp AT TIME ZONE 'UTC')
                ) / extract(epoch FROM w.length))::integer
                + CASE WHEN h.day = w.last_day THEN market.count_early(
                    h.symbol, h.timeframe, w.length, w.wanted_end, h.present_slots
                ) ELSE 0 END::integer
        END AS expected
    FROM market.coverage_days AS h
    LEFT JOIN market.wanted_series AS w USING (symbol, timeframe)
    UNION ALL
    -- Days that are wanted and of which nothing is held.
    SELECT w.symbol, w.timeframe, d.day, 0, 0, NULL,
        (extract(epoch FROM LEAST(w.wanted_end, (d.day + 1)::timestamp AT TIME ZONE 'UTC')
            - GREATEST(w.wanted_from, d.day::timestamp AT TIME ZONE 'UTC')
        ) / extract(epoch FROM w.length))::integer
    FROM market.wanted_series AS w
    LEFT JOIN market.coverage_series AS s USING (symbol, timeframe)
    CROSS JOIN LATERAL unnest(
        datemultirange(daterange(w.first_day, w.last_day, '[]'))
        - COALESCE(s.whole_days, '{}') - COALESCE(s.short_days, '{}')
    ) AS r (days)
    CROSS JOIN LATERAL (
        SELECT lower(r.days) + n AS day
        FROM generate_series(0, upper(r.days) - lower(r.days) - 1) AS n
    ) AS d
    UNION ALL
    SELECT g.symbol, g.timeframe, g.day, 0,
        CASE WHEN g.verdict = 'pending' THEN 0 ELSE g.slots END,
        NULLIF(g.verdict, 'pending'), g.slots - g.wanted_slots
    FROM market.gap_days AS g
) AS c
GROUP BY symbol, timeframe, day;

-- The same, a row a series: sums over market.coverage, in time that does not grow with history.
CREATE VIEW market.coverage_totals AS
SELECT symbol, timeframe, sum(c.expected)::bigint AS expected,
    sum(c.present)::bigint AS present, sum(c.absent)::bigint AS absent,
    (sum(c.expected) - sum(c.present) - sum(c.absent))::bigint AS pending
FROM (
    -- What is held, which is expected as far as its day has nothing that is wanted.
    SELECT s.symbol, s.timeframe, s.present_slots AS present, 0::bigint AS absent,
        CASE WHEN w.symbol IS NULL THEN s.present_slots ELSE (
            SELECT COALESCE(sum(upper(r.days) - lower(r.days)), 0) * w.slots_per_day
            FROM unnest(s.whole_days - o.wanted_days) AS r (days)
        ) + (
            SELECT COALESCE(sum(h.present_slots), 0)
            FROM unnest(s.short_days - o.wanted_days) AS r (days)
            JOIN market.coverage_days AS h ON h.symbol = s.symbol AND h.timeframe = s.timeframe
                AND h.day >= lower(r.days) AND h.day < upper(r.days)
        ) + COALESCE((
            -- Held on the last wanted day, and not wanted yet.
            SELECT market.count_early(
                h.symbol, h.timeframe, w.length, w.wanted_end, h.present_slots)
            FROM market.coverage_days AS h
            WHERE h.symbol = s.symbol AND h.timeframe = s.timeframe AND h.day = w.last_day
                AND h.present_slots > 0
        ), 0) END AS expected
    FROM market.coverage_series AS s
    LEFT JOIN market.wanted_series AS w USING (symbol, timeframe)
    CROSS JOIN LATERAL (
        SELECT datemultirange(daterange(w.first_day, w.last_day, '[]')) AS wanted_days
    ) AS o
    UNION ALL
    SELECT w.symbol, w.timeframe, 0, 0,
        (extract(epoch FROM w.wanted_end - w.wanted_from) / extract(epoch FROM w.length))::bigint
    FROM market.wanted_series AS w
    UNION ALL
    -- What was asked for, which is expected as far as it is not wanted anyway.
    SELECT g.symbol, g.timeframe, 0, CASE WHEN g.verdict = 'pending' THEN 0 ELSE n.slots END,
        n.slots - CASE WHEN w.wanted_from IS NULL THEN 0 ELSE (extract(epoch FROM GREATEST(
            LEAST(g.gap_end, w.wanted_end) - GREATEST(g.gap_start, w.wanted_from), interval '0'
        )) / extract(epoch FROM t.length))::bigint END
    FROM market.gaps AS g
    JOIN market.timeframes AS t USING (timeframe)
    LEFT JOIN market.wanted_series AS w USING (symbol, timeframe)
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM g.gap_end - g.gap_start) / extract(epoch FROM t.length))::bigint
            AS slots
    ) AS n
) AS c
GROUP BY symbol, timeframe;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.coverage_series, market.wanted_series, market.gap_days,
            market.coverage, market.coverage_totals
        TO market_reader;
    END IF;
END $$;
