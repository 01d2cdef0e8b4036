-- Is it complete? Every expected slot is present, absent with a reason, or pending.
-- Expected are the slots that are wanted, and beyond those whatever is held or was asked for.
CREATE VIEW market.coverage AS
WITH wanted AS (
    SELECT s.symbol, s.timeframe, t.length, s.wanted_from,
        LEAST(
            date_bin(t.length, e.exchange_time - e.close_grace, 'epoch'), s.wanted_to
        ) AS wanted_end
    FROM market.series AS s
    JOIN market.timeframes AS t USING (timeframe)
    CROSS JOIN market.exchange_state AS e
    WHERE s.wanted_from IS NOT NULL
),
wanted_days AS (
    SELECT w.symbol, w.timeframe, d.day::date AS day,
        (extract(epoch FROM
            LEAST(w.wanted_end, d.day + interval '1 day') - GREATEST(w.wanted_from, d.day)
        ) / extract(epoch FROM w.length))::integer AS slots
    FROM wanted AS w
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', w.wanted_from, 'UTC'), w.wanted_end - interval '1 microsecond',
        interval '1 day', 'UTC'
    ) AS d (day)
    WHERE w.wanted_end > w.wanted_from
),
-- Candles newer than the last wanted slot: held already, though nobody could miss them yet.
early AS (
    SELECT w.symbol, w.timeframe, (date_bin(w.length, c.open_time, 'epoch') AT TIME ZONE 'UTC')::date AS day,
        count(DISTINCT date_bin(w.length, c.open_time, 'epoch')) AS slots
    FROM wanted AS w
    JOIN market.candles AS c
        ON c.symbol = w.symbol AND c.timeframe = w.timeframe AND c.open_time >= w.wanted_end
    GROUP BY 1, 2, 3
),
gap_pieces AS (
    SELECT g.symbol, g.timeframe, (d.day AT TIME ZONE 'UTC')::date AS day, g.verdict, t.length, w.wanted_from, w.wanted_end,
        GREATEST(g.gap_start, d.day) AS piece_start,
        LEAST(g.gap_end, d.day + interval '1 day') AS piece_end
    FROM market.gaps AS g
    JOIN market.timeframes AS t USING (timeframe)
    LEFT JOIN wanted AS w USING (symbol, timeframe)
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', g.gap_start, 'UTC'), g.gap_end - interval '1 microsecond',
        interval '1 day', 'UTC'
    ) AS d (day)
),
gap_counts AS (
    SELECT p.symbol, p.timeframe, p.day, p.verdict,
        (extract(epoch FROM p.piece_end - p.piece_start)
            / extract(epoch FROM p.length))::integer AS slots,
        -- LEAST and GREATEST pass over NULL, so a series that nobody wants needs its own case.
        CASE WHEN p.wanted_from IS NULL THEN 0 ELSE (extract(epoch FROM GREATEST(
            LEAST(p.piece_end, p.wanted_end) - GREATEST(p.piece_start, p.wanted_from), interval '0'
        )) / extract(epoch FROM p.length))::integer END AS wanted_slots
    FROM gap_pieces AS p
),
gap_reasons AS (
    SELECT c.symbol, c.timeframe, c.day, c.verdict,
        sum(c.slots)::integer AS slots, sum(c.wanted_slots)::integer AS wanted_slots
    FROM gap_counts AS c
    GROUP BY c.symbol, c.timeframe, c.day, c.verdict
),
gap_days AS (
    SELECT r.symbol, r.timeframe, r.day,
        sum(r.slots) FILTER (WHERE r.verdict <> 'pending') AS absent,
        sum(r.slots - r.wanted_slots) AS beyond_wanted,
        jsonb_object_agg(r.verdict, r.slots) FILTER (WHERE r.verdict <> 'pending') AS reasons
    FROM gap_reasons AS r
    GROUP BY r.symbol, r.timeframe, r.day
),
counted AS (
    SELECT symbol, timeframe, day,
        COALESCE(h.present_slots, 0) AS present,
        COALESCE(g.absent, 0)::integer AS absent,
        CASE
            WHEN w.slots IS NULL THEN COALESCE(h.present_slots, 0)
            ELSE w.slots + COALESCE(e.slots, 0)
        END + COALESCE(g.beyond_wanted, 0) AS expected,
        COALESCE(g.reasons, '{}') AS reasons
    FROM market.coverage_days AS h
    FULL JOIN wanted_days AS w USING (symbol, timeframe, day)
    FULL JOIN gap_days AS g USING (symbol, timeframe, day)
    LEFT JOIN early AS e USING (symbol, timeframe, day)
)
SELECT symbol, timeframe, day, expected::integer AS expected, present, absent,
    (expected - present - absent)::integer AS pending, reasons
FROM counted;

-- Readers see everything, now and later, and change nothing.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT USAGE ON SCHEMA market TO market_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA market TO market_reader;
        ALTER DEFAULT PRIVILEGES IN SCHEMA market GRANT SELECT ON TABLES TO market_reader;
    END IF;
END $$;
