-- The warehouse's schema: names, columns and keys that analysts and other programs use.
-- The same on plain PostgreSQL (native range partitions) and with TimescaleDB (hypertables).

-- Readers get everything in this schema and nothing else. Where the migrating role may not
-- create roles, an administrator makes market_reader beforehand or goes without it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        CREATE ROLE market_reader NOLOGIN;
    END IF;
EXCEPTION
    WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
        RAISE NOTICE 'role market_reader was not created: %', SQLERRM;
END $$;

-- Which exchange this warehouse belongs to, and that exchange's clock as last seen:
-- closed, expected and pending are computed from it.
CREATE TABLE market.exchange_state (
    only_row          boolean     NOT NULL DEFAULT true,
    identity          text        NOT NULL,
    rest_url          text        NOT NULL,
    coingecko_url     text        NOT NULL,
    products_url      text        NOT NULL,
    exchange_time     timestamptz NOT NULL,
    clock_offset_ms   bigint      NOT NULL,
    seen_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    weight_limit      integer     NOT NULL,
    -- When the exchange last said its limit, on wall time; NULL while it is only assumed.
    limits_checked_at timestamptz,
    close_grace       interval    NOT NULL,
    CONSTRAINT exchange_state_pkey PRIMARY KEY (only_row),
    CONSTRAINT exchange_state_only_row CHECK (only_row),
    CONSTRAINT exchange_state_weight_limit_positive CHECK (weight_limit > 0)
);

-- The request weight that is taken or was spent in the last minute, for all processes.
-- On wall time: the exchange's limits run on it, however fast its market's clock is.
CREATE TABLE market.weight_reservations (
    ticket      bigint      GENERATED ALWAYS AS IDENTITY,
    weight      integer     NOT NULL,
    reserved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at  timestamptz,
    CONSTRAINT weight_reservations_pkey PRIMARY KEY (ticket)
);

-- Closed for everyone until then, after a 429 or 418.
CREATE TABLE market.exchange_gate (
    only_row     boolean     NOT NULL DEFAULT true,
    closed_until timestamptz NOT NULL,
    reason       text        NOT NULL,
    CONSTRAINT exchange_gate_pkey PRIMARY KEY (only_row),
    CONSTRAINT exchange_gate_only_row CHECK (only_row)
);

CREATE TABLE market.timeframes (
    timeframe text     NOT NULL,
    length    interval NOT NULL,
    CONSTRAINT timeframes_pkey PRIMARY KEY (timeframe)
);
INSERT INTO market.timeframes (timeframe, length) VALUES
    ('1m', '1 minute'), ('5m', '5 minutes'), ('15m', '15 minutes'), ('30m', '30 minutes'),
    ('1h', '1 hour'), ('4h', '4 hours'), ('1d', '1 day');

-- A snapshot a refresh, never overwritten.
CREATE TABLE market.universe (
    as_of          timestamptz NOT NULL,
    rank           integer     NOT NULL,
    symbol         text        NOT NULL,
    base_asset     text        NOT NULL,
    market_cap_usd numeric,
    source         text        NOT NULL,
    CONSTRAINT universe_pkey PRIMARY KEY (as_of, symbol),
    CONSTRAINT universe_rank_positive CHECK (rank > 0)
);

CREATE FUNCTION market.universe_at(moment timestamptz) RETURNS SETOF market.universe
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.as_of, u.rank, u.symbol, u.base_asset, u.market_cap_usd, u.source
    FROM market.universe AS u
    WHERE u.as_of = (SELECT max(v.as_of) FROM market.universe AS v WHERE v.as_of <= moment)
    ORDER BY u.rank;
END;

CREATE TABLE market.instruments (
    symbol          text        NOT NULL,
    base_asset      text        NOT NULL,
    quote_asset     text        NOT NULL,
    status          text        NOT NULL,
    tick_size       numeric,
    lot_size        numeric,
    min_notional    numeric,
    first_open_time timestamptz,
    left_at         timestamptz,
    refreshed_at    timestamptz NOT NULL,
    CONSTRAINT instruments_pkey PRIMARY KEY (symbol)
);

CREATE TABLE market.asset_aliases (
    old_asset    text        NOT NULL,
    new_asset    text        NOT NULL,
    effective_at timestamptz NOT NULL,
    ratio        numeric     NOT NULL DEFAULT 1,
    CONSTRAINT asset_aliases_pkey PRIMARY KEY (old_asset, effective_at)
);

-- Which asset a ticker meant and when: one ticker may have had two.
CREATE TABLE market.instrument_lives (
    symbol     text        NOT NULL,
    asset_id   text        NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to   timestamptz,
    CONSTRAINT instrument_lives_pkey PRIMARY KEY (symbol, valid_from),
    CONSTRAINT instrument_lives_ordered CHECK (valid_to > valid_from)
);
INSERT INTO market.instrument_lives (symbol, asset_id, valid_from, valid_to) VALUES
    ('LUNAUSDT', 'terra-luna', '2020-08-21 00:00+00', '2022-05-13 00:00+00'),
    ('LUNAUSDT', 'terra-luna-2', '2022-05-31 00:00+00', NULL);

-- What is wanted of a series, half-open; wanted_from is NULL for a series that is only held.
-- wanted_to is NULL while the symbol trades.
CREATE TABLE market.series (
    symbol          text        NOT NULL,
    timeframe       text        NOT NULL,
    first_open_time timestamptz,
    wanted_from     timestamptz,
    wanted_to       timestamptz,
    CONSTRAINT series_pkey PRIMARY KEY (symbol, timeframe),
    CONSTRAINT series_timeframe_fkey FOREIGN KEY (timeframe) REFERENCES market.timeframes
);

CREATE TABLE market.collector_state (
    symbol          text        NOT NULL,
    timeframe       text        NOT NULL,
    first_open_time timestamptz,
    last_open_time  timestamptz,
    last_updated    timestamptz NOT NULL DEFAULT clock_timestamp(),
    is_realtime     boolean     NOT NULL DEFAULT false,
    last_error      text,
    CONSTRAINT collector_state_pkey PRIMARY KEY (symbol, timeframe)
);

-- Distinct slots held, a UTC day; written in the transaction that writes the candles.
CREATE TABLE market.coverage_days (
    symbol        text    NOT NULL,
    timeframe     text    NOT NULL,
    day           date    NOT NULL,
    present_slots integer NOT NULL,
    CONSTRAINT coverage_days_pkey PRIMARY KEY (symbol, timeframe, day)
);

-- Slots that were asked for and are not there; half-open, never overlapping in a series.
CREATE TABLE market.gaps (
    symbol          text        NOT NULL,
    timeframe       text        NOT NULL,
    gap_start       timestamptz NOT NULL,
    gap_end         timestamptz NOT NULL,
    candles_missing bigint      NOT NULL,
    verdict         text        NOT NULL,
    evidence        jsonb       NOT NULL DEFAULT '{}',
    checked_at      timestamptz NOT NULL,
    next_check_at   timestamptz,
    CONSTRAINT gaps_pkey PRIMARY KEY (symbol, timeframe, gap_start),
    CONSTRAINT gaps_ordered CHECK (gap_end > gap_start),
    CONSTRAINT gaps_verdict_known CHECK (verdict IN (
        'pending', 'exchange_outage', 'not_listed', 'not_trading', 'delisted', 'no_data'))
);

CREATE TABLE market.gap_history (
    symbol          text        NOT NULL,
    timeframe       text        NOT NULL,
    gap_start       timestamptz NOT NULL,
    gap_end         timestamptz NOT NULL,
    candles_missing bigint      NOT NULL,
    verdict         text        NOT NULL,
    evidence        jsonb       NOT NULL,
    checked_at      timestamptz NOT NULL,
    filled_at       timestamptz NOT NULL,
    history_id      bigint      GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT gap_history_pkey PRIMARY KEY (history_id)
);
CREATE INDEX gap_history_series ON market.gap_history (symbol, timeframe, gap_start);

CREATE TABLE market.quarantined_candles (
    quarantine_id  bigint      GENERATED ALWAYS AS IDENTITY,
    symbol         text        NOT NULL,
    timeframe      text        NOT NULL,
    open_time      timestamptz,
    source         text        NOT NULL,
    rule           text        NOT NULL,
    raw            text        NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT quarantined_candles_pkey PRIMARY KEY (quarantine_id)
);
-- The same refused row seen again is the same fact; the text is hashed as rows may be long.
CREATE UNIQUE INDEX quarantined_candles_once
    ON market.quarantined_candles (symbol, timeframe, source, rule, md5(raw));

-- What a later source said differently: applied when it ranks at least as high, refused if not.
CREATE TABLE market.corrections (
    correction_id bigint      GENERATED ALWAYS AS IDENTITY,
    symbol        text        NOT NULL,
    timeframe     text        NOT NULL,
    open_time     timestamptz NOT NULL,
    source_before text        NOT NULL,
    source_after  text        NOT NULL,
    before        jsonb       NOT NULL,
    after         jsonb       NOT NULL,
    applied       boolean     NOT NULL,
    corrected_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT corrections_pkey PRIMARY KEY (correction_id)
);
CREATE INDEX corrections_candle ON market.corrections (symbol, timeframe, open_time);
-- A refusal that is seen again is the same fact.
CREATE UNIQUE INDEX corrections_refused_once ON market.corrections
    (symbol, timeframe, open_time, source_after, md5(before::text || after::text))
    WHERE NOT applied;

CREATE FUNCTION market.source_rank(source text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE source WHEN 'archive' THEN 3 WHEN 'rest' THEN 2 WHEN 'stream' THEN 1 END;
