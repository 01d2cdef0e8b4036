-- Which slots are held: from counts and from what is known to be absent, or from candles.

-- name: select_held_islands
-- Stored slots in the requested range of each symbol, as far as they follow without reading
-- candles, and the days for which they do not (NOT known). For a short day they do when absent
-- slots, gaps, and the time before the first candle or after the newest one
-- leave as many slots as are stored.
WITH asked AS MATERIALIZED (
    SELECT s.symbol, s.whole_days * d.days AS whole_days, s.short_days * d.days AS short_days,
        tstzmultirange(tstzrange(a.range_start, a.range_end)) AS range,
        a.range_start, a.range_end
    FROM unnest(
        CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
    ) AS a (symbol, range_start, range_end)
    JOIN market.coverage_series AS s ON s.symbol = a.symbol AND s.timeframe = :timeframe
    CROSS JOIN LATERAL (
        SELECT datemultirange(daterange(
            (a.range_start AT TIME ZONE 'UTC')::date,
            ((a.range_end - interval '1 microsecond') AT TIME ZONE 'UTC')::date, '[]'
        )) AS days
    ) AS d
    WHERE a.range_start < a.range_end
),
short AS MATERIALIZED (
    SELECT a.symbol, h.day::timestamp AT TIME ZONE 'UTC' AS day_start, h.present_slots
    FROM asked AS a
    CROSS JOIN LATERAL unnest(a.short_days) AS r (days)
    CROSS JOIN LATERAL (
        SELECT c.day, c.present_slots
        FROM market.coverage_days AS c
        WHERE c.symbol = a.symbol AND c.timeframe = :timeframe
            AND c.day >= lower(r.days) AND c.day < upper(r.days)
        OFFSET 0
    ) AS h
),
-- Days in the middle of a gap hold nothing and are not short: its ends are all that count.
absent AS MATERIALIZED (
    SELECT a.symbol, date_trunc('day', p.low, 'UTC') AS day_start,
        range_agg(tstzrange(p.low, LEAST(p.high, date_trunc('day', p.low, 'UTC') + interval '24 hours')))
            AS slots
    FROM asked AS a
    CROSS JOIN LATERAL (
        SELECT e.low, e.high
        FROM market.gaps AS g
        CROSS JOIN LATERAL (VALUES
            (g.gap_start, g.gap_end),
            (GREATEST(g.gap_start, date_trunc('day', g.gap_end - interval '1 microsecond', 'UTC')),
                g.gap_end)
        ) AS e (low, high)
        -- A gap may begin outside of what is asked, on a day that is not.
        WHERE g.symbol = a.symbol AND g.timeframe = :timeframe
            AND g.gap_start < a.range_end + interval '24 hours'
            AND g.gap_end > a.range_start - interval '24 hours'
        UNION ALL
        SELECT e.low, e.high
        FROM market.collector_state AS k
        CROSS JOIN LATERAL (VALUES
            (date_trunc('day', k.first_open_time, 'UTC'),
                date_bin(:length, k.first_open_time, 'epoch')),
            (date_bin(:length, k.last_open_time, 'epoch') + :length,
                date_trunc('day', k.last_open_time, 'UTC') + interval '24 hours')
        ) AS e (low, high)
        WHERE k.symbol = a.symbol AND k.timeframe = :timeframe AND e.low < e.high
        OFFSET 0
    ) AS p
    GROUP BY a.symbol, date_trunc('day', p.low, 'UTC')
),
told AS MATERIALIZED (
    SELECT d.symbol, d.day, d.held, :settled AND d.present_slots * CAST(:length AS interval) = (
        SELECT COALESCE(sum(upper(r.held) - lower(r.held)), interval '0')
        FROM unnest(d.held) AS r (held)
    ) AS known
    FROM (
        SELECT s.symbol, s.present_slots, s.day, s.day - COALESCE(n.slots, '{}') AS held
        FROM (
            SELECT symbol, present_slots, day_start,
                tstzmultirange(tstzrange(day_start, day_start + interval '24 hours')) AS day
            FROM short
        ) AS s
        LEFT JOIN absent AS n ON n.symbol = s.symbol AND n.day_start = s.day_start
    ) AS d
)
SELECT f.symbol, f.known, lower(r.held) AS held_from, upper(r.held) AS held_to
FROM (
    SELECT e.symbol, e.known, range_agg(e.held) AS held
    FROM (
        SELECT a.symbol, true AS known, tstzrange(
            lower(r.days)::timestamp AT TIME ZONE 'UTC', upper(r.days)::timestamp AT TIME ZONE 'UTC'
        ) AS held
        FROM asked AS a
        CROSS JOIN LATERAL unnest(a.whole_days) AS r (days)
        UNION ALL
        SELECT t.symbol, t.known, r.held
        FROM told AS t
        CROSS JOIN LATERAL unnest(CASE WHEN t.known THEN t.held ELSE t.day END) AS r (held)
    ) AS e
    GROUP BY e.symbol, e.known
) AS f
JOIN asked AS a ON a.symbol = f.symbol
CROSS JOIN LATERAL unnest(f.held * a.range) AS r (held)

-- name: select_slots
-- The slots held in each of the ranges given, as runs without a hole; half-open.
SELECT n.symbol, min(n.slot) AS held_from, max(n.slot) + :length AS held_to
FROM (
    -- Two candles in one slot have one rank.
    SELECT k.symbol, k.slot,
        k.slot - dense_rank() OVER (PARTITION BY k.symbol ORDER BY k.slot) * CAST(:length AS interval)
            AS island
    FROM (
        SELECT r.symbol, date_bin(:length, c.open_time, 'epoch') AS slot
        FROM unnest(
            CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
        ) AS r (symbol, range_start, range_end)
        CROSS JOIN LATERAL (
            SELECT c.open_time
            FROM market.candles_{timeframe} AS c
            WHERE c.symbol = r.symbol
                AND c.open_time >= r.range_start AND c.open_time < r.range_end
                AND c.open_time >= :low AND c.open_time < :high
            OFFSET 0
        ) AS c
    ) AS k
) AS n
GROUP BY n.symbol, n.island
ORDER BY n.symbol, held_from

-- name: select_neighbours
-- The newest candle before each range and the oldest one after it, NULL where there is none.
SELECT r.symbol, (
    SELECT c.open_time
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = r.symbol AND c.open_time < r.range_start
    ORDER BY c.open_time DESC
    LIMIT 1
) AS before, (
    SELECT c.open_time
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = r.symbol AND c.open_time >= r.range_end
    ORDER BY c.open_time
    LIMIT 1
) AS after
FROM unnest(
    CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
) AS r (symbol, range_start, range_end)
