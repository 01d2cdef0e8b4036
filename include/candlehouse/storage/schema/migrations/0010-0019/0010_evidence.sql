-- What was asked about a range in which a series lacks candles, of whom, when, and what came
-- back: the evidence of its verdicts. Ranges of a series, subject and source never overlap;
-- the latest answer about a slot is the one that is kept, so this does not grow with how
-- often it is asked. What a gap was judged by stays when the gap is filled.
CREATE TABLE market.gap_checks (
    symbol      text        NOT NULL,
    timeframe   text        NOT NULL,
    -- The symbol that was asked about: the series' own, or that of a witness.
    subject     text        NOT NULL,
    source      text        NOT NULL,
    range_start timestamptz NOT NULL,
    range_end   timestamptz NOT NULL,
    answer      text        NOT NULL,
    -- On the exchange's clock.
    asked_at    timestamptz NOT NULL,
    CONSTRAINT gap_checks_pkey PRIMARY KEY (symbol, timeframe, subject, source, range_start),
    CONSTRAINT gap_checks_ordered CHECK (range_end > range_start),
    CONSTRAINT gap_checks_source_known CHECK (source IN ('rest', 'archive', 'warehouse')),
    CONSTRAINT gap_checks_answer_known CHECK (
        answer IN ('nothing', 'present', 'not published', 'broken file', 'unknown symbol'))
);

-- When the first candle was asked for, on the exchange's clock: the evidence of not_listed.
ALTER TABLE market.series ADD COLUMN first_asked_at timestamptz;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.gap_checks TO market_reader;
    END IF;
END $$;
