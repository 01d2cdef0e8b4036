-- A stream begins in the middle of a day, and the first candle that closes opened before what
-- is wanted begins. It is held, so it is expected too: else more would be held of that day than
-- is expected, and less than nothing would be pending.

-- Slots held on the day of `moment` that open before it.
CREATE FUNCTION market.count_before(
    of_symbol text, of_timeframe text, length interval, moment timestamptz
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    day_start timestamptz := date_trunc('day', moment, 'UTC');
    held_from timestamptz;
    slots     bigint;
BEGIN
    IF moment = day_start THEN
        RETURN 0;
    END IF;
    SELECT date_bin(length, k.first_open_time, 'epoch')
    INTO held_from
    FROM market.collector_state AS k
    WHERE k.symbol = of_symbol AND k.timeframe = of_timeframe;
    IF held_from >= moment THEN
        RETURN 0;
    END IF;
    EXECUTE format(
        'SELECT count(DISTINCT date_bin($1, open_time, ''epoch'')) FROM market.%I'
        ' WHERE symbol = $2 AND open_time >= $3 AND open_time < $4', 'candles_' || of_timeframe)
    INTO slots USING length, of_symbol, day_start, moment;
    RETURN slots;
END $$;

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
                + CASE WHEN h.day = w.first_day THEN market.count_before(
                    h.symbol, h.timeframe, w.length, w.wanted_from
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
CREATE OR REPLACE VIEW market.coverage_totals AS
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
        ), 0) + COALESCE((
            -- Held on the first wanted day, from before anybody wanted it.
            SELECT market.count_before(h.symbol, h.timeframe, w.length, w.wanted_from)
            FROM market.coverage_days AS h
            WHERE h.symbol = s.symbol AND h.timeframe = s.timeframe AND h.day = w.first_day
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
