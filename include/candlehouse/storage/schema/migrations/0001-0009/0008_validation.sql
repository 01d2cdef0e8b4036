-- What was validated, when, and what was found: kept for good, a row a run and a row an
-- expectation of it.

CREATE TABLE market.validation_runs (
    run_id        bigint      GENERATED ALWAYS AS IDENTITY,
    -- new: from where the last good run ended; everything; range: as a person asked.
    reach         text        NOT NULL,
    -- NULL for all of them.
    symbols       text[],
    timeframes    text[]      NOT NULL,
    range_start   timestamptz,
    range_end     timestamptz,
    -- The exchange's clock that all was judged by; NULL before an exchange was chosen.
    exchange_time timestamptz,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- NULL while it is at work, and for ever if it was killed.
    finished_at   timestamptz,
    success       boolean,
    -- Rows of candles that were looked at.
    candles       bigint,
    CONSTRAINT validation_runs_pkey PRIMARY KEY (run_id),
    CONSTRAINT validation_runs_reach_known CHECK (reach IN ('new', 'everything', 'range')),
    CONSTRAINT validation_runs_range CHECK (
        (reach = 'range') = (range_start IS NOT NULL AND range_end IS NOT NULL)),
    CONSTRAINT validation_runs_finished CHECK (
        finished_at IS NULL OR (success, candles) IS NOT NULL)
);
CREATE INDEX validation_runs_finished_at ON market.validation_runs (finished_at);

CREATE TABLE market.validation_results (
    run_id      bigint  NOT NULL,
    suite       text    NOT NULL,
    -- Empty where an expectation is not about one timeframe.
    timeframe   text    NOT NULL,
    expectation text    NOT NULL,
    severity    text    NOT NULL,
    success     boolean NOT NULL,
    checked     bigint  NOT NULL,
    unexpected  bigint  NOT NULL,
    -- The first rows that failed, at most a few: all values as text, numbers to the digit.
    samples     jsonb   NOT NULL DEFAULT '[]',
    -- Why it could not be evaluated.
    exception   text,
    CONSTRAINT validation_results_pkey PRIMARY KEY (run_id, suite, timeframe, expectation),
    CONSTRAINT validation_results_run_fkey FOREIGN KEY (run_id) REFERENCES market.validation_runs
        ON DELETE CASCADE,
    CONSTRAINT validation_results_severity_known CHECK (severity IN ('critical', 'warning')),
    CONSTRAINT validation_results_samples CHECK (jsonb_typeof(samples) = 'array')
);
CREATE INDEX validation_results_failed ON market.validation_results (expectation, run_id)
    WHERE NOT success;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.validation_runs, market.validation_results TO market_reader;
    END IF;
END $$;
