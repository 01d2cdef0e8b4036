CREATE OR REPLACE FUNCTION market.follow_coverage_days() RETURNS trigger
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

COMMENT ON FUNCTION market.follow_coverage_days IS
    'Trigger that applies changes of coverage_days to coverage_series';
