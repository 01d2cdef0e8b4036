-- Here and nowhere else, whoever wants more: a new member, an earlier start, a symbol that
-- trades again.
CREATE OR REPLACE FUNCTION market.begin_load() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO market.loads AS l (symbol, timeframe, newest)
    VALUES (NEW.symbol, NEW.timeframe, TG_OP = 'INSERT' OR OLD.wanted_from IS NULL
        OR NEW.wanted_to IS DISTINCT FROM OLD.wanted_to)
    ON CONFLICT (symbol, timeframe) DO UPDATE
    SET started_at = EXCLUDED.started_at, newest = l.newest OR EXCLUDED.newest,
        least_pending = NULL, progressed_at = EXCLUDED.progressed_at,
        looked_at = EXCLUDED.looked_at;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION market.begin_load IS
    'Trigger that adds a row to loads when more of a series is wanted';
