-- Whether everything expected is there, and whether the counts agree with the candles.

-- name: find_wrong_days
-- Days whose count of slots differs from what the candles of one timeframe say.
SELECT symbol, day, COALESCE(h.present_slots, 0) AS counted, COALESCE(k.slots, 0) AS held
FROM (
    SELECT c.symbol, (date_bin('1 day', c.open_time, 'epoch') AT TIME ZONE 'UTC')::date AS day,
        count(DISTINCT date_bin(:length, c.open_time, 'epoch')) AS slots
    FROM market.candles_{timeframe} AS c
    GROUP BY 1, 2
) AS k
FULL JOIN (
    SELECT symbol, day, present_slots FROM market.coverage_days WHERE timeframe = :timeframe
) AS h USING (symbol, day)
WHERE COALESCE(h.present_slots, 0) <> COALESCE(k.slots, 0)
ORDER BY symbol, day

-- name: find_contradicted_gaps
-- Gaps in which a candle of one timeframe is held after all.
SELECT g.symbol, g.gap_start, g.gap_end, min(c.open_time) AS open_time
FROM market.gaps AS g
JOIN market.candles_{timeframe} AS c
    ON c.symbol = g.symbol AND c.open_time >= g.gap_start AND c.open_time < g.gap_end
WHERE g.timeframe = :timeframe
GROUP BY g.symbol, g.gap_start, g.gap_end
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
SELECT c.symbol, c.timeframe,
    sum(c.expected)::bigint AS expected, sum(c.present)::bigint AS present,
    sum(c.absent)::bigint AS absent, sum(c.pending)::bigint AS pending,
    k.first_open_time, k.last_open_time, k.last_error,
    -- A writer that was killed could not take its word back.
    COALESCE(k.is_realtime, false) AND EXISTS (
        SELECT FROM market.stream_sessions AS s
        WHERE s.role = 'writer' AND s.ended_at IS NULL
            AND s.heartbeat_at > clock_timestamp() - interval '30 seconds'
    ) AS is_realtime
FROM market.coverage AS c
LEFT JOIN market.collector_state AS k USING (symbol, timeframe)
WHERE (CAST(:symbols AS text[]) IS NULL OR c.symbol = ANY (:symbols))
    AND (CAST(:timeframes AS text[]) IS NULL OR c.timeframe = ANY (:timeframes))
GROUP BY c.symbol, c.timeframe, k.first_open_time, k.last_open_time, k.last_error, k.is_realtime
ORDER BY c.symbol, c.timeframe
