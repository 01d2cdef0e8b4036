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

COMMENT ON VIEW market.coverage IS
    'Is it complete, and why not? One row per symbol, timeframe and UTC day: expected = present +'
    ' absent + pending';
COMMENT ON COLUMN market.coverage.symbol IS
    'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.coverage.timeframe IS
    'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.coverage.day IS 'UTC day';
COMMENT ON COLUMN market.coverage.expected IS
    'Expected candles: those that are wanted, and also those that are stored or were asked for';
COMMENT ON COLUMN market.coverage.present IS 'Candles that are stored';
COMMENT ON COLUMN market.coverage.absent IS 'Candles that are known not to exist';
COMMENT ON COLUMN market.coverage.pending IS
    'Candles that are neither stored nor known not to exist';
COMMENT ON COLUMN market.coverage.reasons IS
    'Absent candles by verdict, as a JSON object; {} when none are';
