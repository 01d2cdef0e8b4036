-- Whether everything expected is there, and whether the counts agree with the candles.

-- name: find_wrong_days
-- Days whose count of slots differs from that of the candles of one timeframe. On the grid
-- each candle has its own slot, so distinct slots are counted only for days that have
-- candles off it.
WITH counted AS (
    SELECT c.symbol, date_bin('1 day', c.open_time, 'epoch') AS day_start, count(*) AS candles,
        bool_or(c.open_time <> date_bin(:length, c.open_time, 'epoch')) AS off_grid
    FROM market.candles_{timeframe} AS c
    GROUP BY 1, 2
),
held AS (
    SELECT k.symbol, (k.day_start AT TIME ZONE 'UTC')::date AS day,
        CASE WHEN NOT k.off_grid THEN k.candles ELSE (
            SELECT count(DISTINCT date_bin(:length, c.open_time, 'epoch'))
            FROM market.candles_{timeframe} AS c
            WHERE c.symbol = k.symbol AND c.open_time >= k.day_start
                AND c.open_time < k.day_start + interval '24 hours'
        ) END AS slots
    FROM counted AS k
)
SELECT symbol, day, COALESCE(h.present_slots, 0) AS counted, COALESCE(k.slots, 0) AS held
FROM held AS k
FULL JOIN (
    SELECT symbol, day, present_slots FROM market.coverage_days WHERE timeframe = :timeframe
) AS h USING (symbol, day)
WHERE COALESCE(h.present_slots, 0) <> COALESCE(k.slots, 0)
ORDER BY symbol, day

-- name: find_wrong_series
-- Series whose row disagrees with their days, with the first days that differ.
SELECT symbol, timeframe, COALESCE(s.present_slots, 0) AS counted,
    COALESCE(d.present_slots, 0) AS of_days, (
        SELECT min(lower(r.days))
        FROM unnest(
            (COALESCE(s.whole_days, '{}') - COALESCE(d.whole_days, '{}'))
            + (COALESCE(d.whole_days, '{}') - COALESCE(s.whole_days, '{}'))
        ) AS r (days)
    ) AS wrong_whole_day, (
        SELECT min(lower(r.days))
        FROM unnest(
            (COALESCE(s.short_days, '{}') - COALESCE(d.short_days, '{}'))
            + (COALESCE(d.short_days, '{}') - COALESCE(s.short_days, '{}'))
        ) AS r (days)
    ) AS wrong_short_day
FROM market.coverage_series AS s
FULL JOIN (
    SELECT h.symbol, h.timeframe, sum(h.present_slots) AS present_slots,
        range_agg(daterange(h.day, h.day + 1)) FILTER (
            WHERE h.present_slots >= market.slots_per_day(t.length)) AS whole_days,
        range_agg(daterange(h.day, h.day + 1)) FILTER (
            WHERE h.present_slots < market.slots_per_day(t.length)) AS short_days
    FROM market.coverage_days AS h
    JOIN market.timeframes AS t USING (timeframe)
    WHERE h.present_slots > 0
    GROUP BY h.symbol, h.timeframe
) AS d USING (symbol, timeframe)
WHERE (
    COALESCE(s.present_slots, 0), COALESCE(s.whole_days, '{}'), COALESCE(s.short_days, '{}')
) <> (
    COALESCE(d.present_slots, 0), COALESCE(d.whole_days, '{}'), COALESCE(d.short_days, '{}')
)
ORDER BY symbol, timeframe

-- name: find_contradicted_gaps
-- Gaps in which a candle of one timeframe is held after all.
SELECT g.symbol, g.gap_start, g.gap_end, k.open_time
FROM market.gaps AS g
CROSS JOIN LATERAL (
    SELECT c.open_time
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = g.symbol AND c.open_time >= g.gap_start AND c.open_time < g.gap_end
    ORDER BY c.open_time
    LIMIT 1
) AS k
WHERE g.timeframe = :timeframe
ORDER BY g.symbol, g.gap_start

-- name: find_overlapping_gaps
SELECT symbol, timeframe, gap_start, previous_end
FROM (
    SELECT g.symbol, g.timeframe, g.gap_start,
        lag(g.gap_end) OVER (PARTITION BY g.symbol, g.timeframe ORDER BY g.gap_start)
            AS previous_end
    FROM market.gaps AS g
) AS n
WHERE previous_end > gap_start

-- name: select_totals
-- A line a series: the last known state and how complete it is.
SELECT c.symbol, c.timeframe, c.expected, c.present, c.absent, c.pending,
    k.first_open_time, k.last_open_time, k.last_error,
    -- A writer that was killed could not take its word back.
    COALESCE(k.is_realtime, false) AND EXISTS (
        SELECT FROM market.stream_sessions AS s
        WHERE s.role = 'writer' AND s.ended_at IS NULL
            AND s.heartbeat_at > clock_timestamp() - interval '30 seconds'
    ) AS is_realtime,
    c.pending > 0 AND l.symbol IS NOT NULL AS is_loading
FROM market.coverage_totals AS c
LEFT JOIN market.collector_state AS k USING (symbol, timeframe)
LEFT JOIN market.loads AS l USING (symbol, timeframe)
WHERE (CAST(:symbols AS text[]) IS NULL OR c.symbol = ANY (:symbols))
    AND (CAST(:timeframes AS market.timeframe[]) IS NULL
        OR c.timeframe = ANY (CAST(:timeframes AS market.timeframe[])))
ORDER BY c.symbol, c.timeframe
