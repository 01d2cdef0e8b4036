-- Live candles: what is forming now, who streams it, and what was confirmed after it closed.

-- The newest candle of each streamed series, one row a series. Every flush rewrites most
-- rows: with room left in every page for several versions of all of its rows an update
-- touches no index, and vacuum never locks the table to give its end back.
CREATE TABLE market.live_candles (
    symbol                 text        NOT NULL,
    timeframe              text        NOT NULL,
    open_time              timestamptz NOT NULL,
    close_time             timestamptz NOT NULL,
    open                   numeric     NOT NULL,
    high                   numeric     NOT NULL,
    low                    numeric     NOT NULL,
    close                  numeric     NOT NULL,
    volume                 numeric     NOT NULL,
    quote_volume           numeric,
    trades                 bigint,
    taker_buy_volume       numeric,
    taker_buy_quote_volume numeric,
    is_closed              boolean     NOT NULL,
    -- The exchange's clock when it sent this; updated_at is the database's.
    event_time             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    CONSTRAINT live_candles_pkey PRIMARY KEY (symbol, timeframe),
    CONSTRAINT live_candles_timeframe_fkey FOREIGN KEY (timeframe) REFERENCES market.timeframes
) WITH (
    fillfactor = 20,
    vacuum_truncate = false,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 100000
);

-- The last price of each streamed symbol, and what was traded in the 24 hours before.
CREATE TABLE market.latest_prices (
    symbol           text        NOT NULL,
    price            numeric     NOT NULL,
    volume_24h       numeric     NOT NULL,
    quote_volume_24h numeric     NOT NULL,
    event_time       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT latest_prices_pkey PRIMARY KEY (symbol)
) WITH (
    fillfactor = 20,
    vacuum_truncate = false,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 100000
);

-- Every closed candle touches these rows too.
ALTER TABLE market.collector_state SET (fillfactor = 50, vacuum_truncate = false);

-- Which ranges of a series were compared with a better source; half-open, never across a
-- UTC midnight, never overlapping within one source.
CREATE TABLE market.confirmations (
    symbol      text        NOT NULL,
    timeframe   text        NOT NULL,
    range_start timestamptz NOT NULL,
    range_end   timestamptz NOT NULL,
    source      text        NOT NULL,
    checked_at  timestamptz NOT NULL,
    -- How many stored candles were compared, and how many of them had other values.
    candles     integer     NOT NULL,
    differing   integer     NOT NULL,
    CONSTRAINT confirmations_pkey PRIMARY KEY (symbol, timeframe, range_start, source),
    CONSTRAINT confirmations_timeframe_fkey FOREIGN KEY (timeframe) REFERENCES market.timeframes,
    CONSTRAINT confirmations_ordered CHECK (range_end > range_start),
    CONSTRAINT confirmations_source_known CHECK (source IN ('rest', 'archive', 'stream')),
    CONSTRAINT confirmations_counts_possible CHECK (differing >= 0 AND candles >= differing)
);

-- Attempts to connect to the exchange's streams, for all processes. On wall time: the
-- exchange's limits run on it, however fast its market's clock is.
CREATE TABLE market.connection_attempts (
    attempt_id   bigint      GENERATED ALWAYS AS IDENTITY,
    attempted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT connection_attempts_pkey PRIMARY KEY (attempt_id)
);

-- Whether streaming is wanted at all; people switch it.
CREATE TABLE market.stream_control (
    only_row   boolean     NOT NULL DEFAULT true,
    is_running boolean     NOT NULL DEFAULT true,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by text        NOT NULL,
    CONSTRAINT stream_control_pkey PRIMARY KEY (only_row),
    CONSTRAINT stream_control_only_row CHECK (only_row)
);
INSERT INTO market.stream_control (changed_by) VALUES ('migration');

-- A run of a stream task, on wall time; ended_at is NULL while it lives.
CREATE TABLE market.stream_sessions (
    session_id      bigint      GENERATED ALWAYS AS IDENTITY,
    worker          text        NOT NULL,
    role            text        NOT NULL,
    mode            text        NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at        timestamptz,
    end_reason      text,
    symbols         integer     NOT NULL,
    timeframes      text[]      NOT NULL,
    received        bigint      NOT NULL DEFAULT 0,
    validated       bigint      NOT NULL DEFAULT 0,
    errors          bigint      NOT NULL DEFAULT 0,
    stale           bigint      NOT NULL DEFAULT 0,
    coalesced       bigint      NOT NULL DEFAULT 0,
    closed_written  bigint      NOT NULL DEFAULT 0,
    forming_written bigint      NOT NULL DEFAULT 0,
    spooled         bigint      NOT NULL DEFAULT 0,
    replayed        bigint      NOT NULL DEFAULT 0,
    reconnects      bigint      NOT NULL DEFAULT 0,
    last_message_at timestamptz,
    -- A histogram: upper bound of a bucket in milliseconds -> how many messages.
    lag_ms          jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT stream_sessions_pkey PRIMARY KEY (session_id),
    CONSTRAINT stream_sessions_role_known CHECK (role IN ('writer', 'standby')),
    CONSTRAINT stream_sessions_mode_known CHECK (mode IN ('stream', 'polling', 'none')),
    CONSTRAINT stream_sessions_end_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CONSTRAINT stream_sessions_lag_is_object CHECK (jsonb_typeof(lag_ms) = 'object')
) WITH (fillfactor = 50);

-- A message may not say what it is about.
ALTER TABLE market.quarantined_candles
    ALTER COLUMN symbol DROP NOT NULL,
    ALTER COLUMN timeframe DROP NOT NULL;
DROP INDEX market.quarantined_candles_once;
CREATE UNIQUE INDEX quarantined_candles_once
    ON market.quarantined_candles (symbol, timeframe, source, rule, md5(raw)) NULLS NOT DISTINCT;

-- Empties a native partition, in which nothing is wanted any more.
CREATE PROCEDURE market.truncate_candles_partition(timeframe text, year integer)
LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'candles_' || timeframe || '_' || year;
BEGIN
    IF to_regclass('market.' || quote_ident(partition)) IS NOT NULL THEN
        EXECUTE format('TRUNCATE market.%I', partition);
    END IF;
END $$;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.live_candles, market.latest_prices, market.confirmations,
            market.connection_attempts, market.stream_control, market.stream_sessions
        TO market_reader;
    END IF;
END $$;
