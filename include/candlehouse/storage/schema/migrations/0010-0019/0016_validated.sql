-- What was validated of what is stored. Each change of a day's candles gives the day a number
-- that no other change has; a run of validation keeps the number that it found before it
-- looked. So a day is validated exactly while both are the same: what was changed since, or
-- was being changed meanwhile, by whomever, is not.

CREATE SEQUENCE market.change_ids;

-- What is stored by now was never validated by this record: all of it gets numbers.
ALTER TABLE market.coverage_days
    ADD COLUMN change_id bigint NOT NULL DEFAULT nextval('market.change_ids'),
    -- Wall time.
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT clock_timestamp();
-- What has changed lately is asked for every few seconds.
CREATE INDEX coverage_days_changed_at ON market.coverage_days (changed_at);
ALTER SEQUENCE market.change_ids OWNED BY market.coverage_days.change_id;

-- Of which smaller candles those of a timeframe are checked to be the exact sum.
ALTER TABLE market.timeframes ADD COLUMN parts text;
UPDATE market.timeframes SET parts = '5m' WHERE timeframe IN ('15m', '1h');

-- What the last run that looked at a day found.
CREATE TABLE market.validated_days (
    symbol          text        NOT NULL,
    timeframe       text        NOT NULL,
    day             date        NOT NULL,
    -- Of coverage_days, before the run looked; that of the parts too, where there are any.
    change_id       bigint      NOT NULL,
    parts_change_id bigint,
    -- Whether every expectation held of the window that the day was in.
    passed          boolean     NOT NULL,
    run_id          bigint      NOT NULL,
    -- The exchange's clock that the day was judged by.
    exchange_time   timestamptz NOT NULL,
    CONSTRAINT validated_days_pkey PRIMARY KEY (symbol, timeframe, day),
    CONSTRAINT validated_days_run_fkey FOREIGN KEY (run_id) REFERENCES market.validation_runs
);

-- Is it validated? Every candle that is stored is in a day that was found good, was found
-- broken, or was not looked at since it was last changed: the last three counts add up.
CREATE VIEW market.validation_coverage AS
SELECT d.symbol, d.timeframe, d.day, d.stored,
    CASE WHEN d.passed THEN d.stored ELSE 0 END AS validated,
    CASE WHEN NOT d.passed THEN d.stored ELSE 0 END AS failed,
    CASE WHEN d.passed IS NULL THEN d.stored ELSE 0 END AS unvalidated,
    d.changed_at, d.run_id, d.exchange_time, d.settles_at
FROM (
    SELECT h.symbol, h.timeframe, h.day, h.present_slots AS stored, h.changed_at, v.run_id,
        v.exchange_time,
        -- When the last candle of the day closed an hour ago, and all can be asked of it.
        (h.day + 1)::timestamp AT TIME ZONE 'UTC' + interval '1 hour' AS settles_at,
        CASE WHEN v.change_id = h.change_id AND v.parts_change_id IS NOT DISTINCT FROM p.change_id
            THEN v.passed END AS passed
    FROM market.coverage_days AS h
    JOIN market.timeframes AS t USING (timeframe)
    LEFT JOIN market.coverage_days AS p
        ON p.symbol = h.symbol AND p.timeframe = t.parts AND p.day = h.day
    LEFT JOIN market.validated_days AS v
        ON v.symbol = h.symbol AND v.timeframe = h.timeframe AND v.day = h.day
    WHERE h.present_slots > 0
) AS d;

-- The same, a row per series, with the days on which the rest lies.
CREATE VIEW market.validation_totals AS
SELECT c.symbol, c.timeframe, sum(c.stored) AS stored, sum(c.validated) AS validated,
    sum(c.failed) AS failed, sum(c.unvalidated) AS unvalidated,
    range_agg(daterange(c.day, c.day + 1)) FILTER (WHERE c.validated > 0) AS validated_days,
    range_agg(daterange(c.day, c.day + 1)) FILTER (WHERE c.validated = 0) AS other_days
FROM market.validation_coverage AS c
GROUP BY c.symbol, c.timeframe;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.validated_days, market.validation_coverage,
            market.validation_totals
        TO market_reader;
    END IF;
END $$;
