-- Times as the exchange writes them: milliseconds, in its files of 2025 and later microseconds.
-- No millisecond is that large before the year 5138. Both are plain expressions to the planner.
CREATE FUNCTION market.milliseconds(raw bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN raw > 100000000000000 THEN raw / 1000 ELSE raw END;

-- Milliseconds fit a double exactly and to_timestamp rounds to microseconds.
CREATE FUNCTION market.moment(raw bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp(market.milliseconds(raw)::double precision / 1000);

-- The exchange's published files that were asked for: what was loaded of each, by which the
-- next one of the same name is known to be another; and which are not there.
CREATE TABLE market.archive_files (
    symbol       text        NOT NULL,
    timeframe    text        NOT NULL,
    tree         text        NOT NULL,
    period_start date        NOT NULL,
    url          text        NOT NULL,
    state        text        NOT NULL,
    -- Of the zip that was loaded last; NULL while none was.
    sha256       text,
    size         bigint,
    rows         integer,
    loaded_at    timestamptz,
    -- On the exchange's clock, like all that decides when to look again.
    checked_at   timestamptz NOT NULL,
    -- Why it was not loaded when it was last looked at.
    problem      text,
    CONSTRAINT archive_files_pkey PRIMARY KEY (symbol, timeframe, tree, period_start),
    CONSTRAINT archive_files_tree_known CHECK (tree IN ('monthly', 'daily')),
    CONSTRAINT archive_files_state_known CHECK (state IN ('loaded', 'missing', 'broken')),
    CONSTRAINT archive_files_loaded CHECK (
        state <> 'loaded' OR (sha256, size, rows, loaded_at) IS NOT NULL)
);
