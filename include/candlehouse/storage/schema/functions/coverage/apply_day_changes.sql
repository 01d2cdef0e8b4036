-- Takes over what changed in market.coverage_days: a day's count before and after, 0 for
-- none. Adds and takes away, and never recomputes: writers of other days of a series may
-- commit in any order. Rows are locked in sorted order, so that no two wait in a circle.
CREATE OR REPLACE FUNCTION market.apply_day_changes(
    symbols text[], timeframes market.timeframe[], days date[], before integer[], after integer[]
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

COMMENT ON FUNCTION market.apply_day_changes IS
    'Applies changes of coverage_days to coverage_series';
