-- What was measured and found wrong: a row from when it is raised until it is cleared. Times
-- are wall time, as in logs.
CREATE TABLE market.alerts (
    alert_id     bigint           GENERATED ALWAYS AS IDENTITY,
    name         text             NOT NULL,
    subject      text             NOT NULL,
    raised_at    timestamptz      NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz      NOT NULL DEFAULT clock_timestamp(),
    cleared_at   timestamptz,
    -- When somebody was told; NULL while that is still to be done.
    notified_at  timestamptz,
    -- Percent, seconds or a count, as the name has it; as last seen.
    value        double precision NOT NULL,
    threshold    double precision NOT NULL,
    message      text             NOT NULL,
    CONSTRAINT alerts_pkey PRIMARY KEY (alert_id),
    CONSTRAINT alerts_cleared_after_raised CHECK (cleared_at >= raised_at)
);
CREATE UNIQUE INDEX alerts_open_once ON market.alerts (name, subject) WHERE cleared_at IS NULL;

-- Corrections of the last day are counted every few minutes, however many there are in all.
CREATE INDEX corrections_applied_at ON market.corrections (corrected_at) WHERE applied;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.alerts TO market_reader;
    END IF;
END $$;
