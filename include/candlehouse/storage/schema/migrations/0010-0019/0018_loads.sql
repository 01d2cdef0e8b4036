-- What loads is not late: a series is in market.loads from the moment that more of its history
-- is wanted until all of that was brought, or is known to be absent. Times are wall time.

ALTER TABLE market.series
    -- When the series had loaded for the first time; NULL until then.
    ADD COLUMN first_loaded_at timestamptz;

CREATE TABLE market.loads (
    symbol        text        NOT NULL,
    timeframe     text        NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Whether the newest candles are part of it: not where only an earlier start is wanted.
    newest        boolean     NOT NULL,
    -- The least that was pending at any look; NULL until somebody has looked.
    least_pending bigint,
    -- When that became less, and when somebody looked last.
    progressed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    looked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT loads_pkey PRIMARY KEY (symbol, timeframe),
    CONSTRAINT loads_series_fkey FOREIGN KEY (symbol, timeframe)
        REFERENCES market.series ON DELETE CASCADE
);

-- Here and nowhere else, whoever wants more: a new member, an earlier start, a symbol that
-- trades again.
CREATE FUNCTION market.begin_load() RETURNS trigger
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

CREATE TRIGGER begin_load AFTER INSERT ON market.series
    FOR EACH ROW WHEN (NEW.wanted_from IS NOT NULL)
    EXECUTE FUNCTION market.begin_load();
CREATE TRIGGER begin_load_of_more AFTER UPDATE OF wanted_from, wanted_to ON market.series
    FOR EACH ROW WHEN (
        NEW.wanted_from IS NOT NULL AND OLD.wanted_from IS NULL
        OR NEW.wanted_from < OLD.wanted_from
        OR NEW.wanted_from IS NOT NULL AND OLD.wanted_to IS NOT NULL AND NEW.wanted_to IS NULL)
    EXECUTE FUNCTION market.begin_load();

-- Nobody has noted what loaded before: the next look ends what is complete by now.
INSERT INTO market.loads (symbol, timeframe, newest)
SELECT s.symbol, s.timeframe, true FROM market.series AS s WHERE s.wanted_from IS NOT NULL;

-- An alert tells twice: what raised it, and what was measured last, which is what cleared it
-- where it is cleared. value is NULL where nothing was left to measure.
ALTER TABLE market.alerts
    ADD COLUMN raised_value   double precision,
    ADD COLUMN raised_message text,
    ALTER COLUMN value DROP NOT NULL;
UPDATE market.alerts
SET raised_value = CASE WHEN cleared_at IS NULL THEN value END, raised_message = message,
    -- Of those that were cleared, the words were of an earlier value.
    message = CASE WHEN cleared_at IS NULL THEN message
        ELSE format('%s: %s when it was cleared', subject, value) END;
ALTER TABLE market.alerts ALTER COLUMN raised_message SET NOT NULL;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.loads TO market_reader;
    END IF;
END $$;
