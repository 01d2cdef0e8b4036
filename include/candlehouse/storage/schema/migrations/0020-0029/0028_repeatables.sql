-- From here on every view and function has a file of its own below schema/views and
-- schema/functions, which is applied again whenever its text changes; what was applied last is
-- recorded here. Numbered files make what holds data: tables, columns, types and constraints.

CREATE TABLE market.schema_repeatables (
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT schema_repeatables_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE market.schema_repeatables IS
    'Which definitions of views and functions are in place, one row per file';
COMMENT ON COLUMN market.schema_repeatables.name IS 'Name of the file';
COMMENT ON COLUMN market.schema_repeatables.checksum IS 'SHA-256 of the text that was applied last';
COMMENT ON COLUMN market.schema_repeatables.applied_at IS 'When, on the clock of the database';

-- These were said of the universe before past months could be backfilled.
COMMENT ON COLUMN market.universe.source IS
    'What the pair was ranked by: coingecko and binance are sources of market capitalisation,'
    ' volume is the quote volume of the 24 hours before the snapshot, and volume_backfill is the'
    ' quote volume of the calendar month before as_of, ranked afterwards';
COMMENT ON COLUMN market.universe.rank IS
    'Place in the snapshot, from 1 on: by market capitalisation, or by quote volume where source'
    ' is volume or volume_backfill. Ranks in between may belong to pairs that were not chosen';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.schema_repeatables TO market_reader;
    END IF;
END $$;
