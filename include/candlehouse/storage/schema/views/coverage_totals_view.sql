-- The same, one row per series: sums over market.coverage, in time that does not grow with history.
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

COMMENT ON VIEW market.coverage_totals IS
    'Is it complete? One row per symbol and timeframe: sums of coverage, in milliseconds however'
    ' long the history is';
COMMENT ON COLUMN market.coverage_totals.symbol IS
    'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.coverage_totals.timeframe IS
    'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.coverage_totals.expected IS
    'Expected candles: those that are wanted, and also those that are stored or were asked for';
COMMENT ON COLUMN market.coverage_totals.present IS 'Candles that are stored';
COMMENT ON COLUMN market.coverage_totals.absent IS 'Candles that are known not to exist';
COMMENT ON COLUMN market.coverage_totals.pending IS
    'Candles that are neither stored nor known not to exist';
