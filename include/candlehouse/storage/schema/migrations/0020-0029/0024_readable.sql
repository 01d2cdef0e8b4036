-- What an analyst sees who lists the schema: tables that are asked for, and not their parts.

-- Native partitions have a schema of their own, which readers have no rights in and need none:
-- what they ask of a table reaches its partitions. TimescaleDB keeps its chunks apart by itself.
DO $$
DECLARE
    partition regclass;
BEGIN
    IF market.has_timescale() THEN
        RETURN;
    END IF;
    IF to_regnamespace('market_partitions') IS NULL THEN
        IF NOT has_database_privilege(current_database(), 'CREATE') THEN
            RAISE EXCEPTION 'role % may not create the schema market_partitions in database %',
                    current_user, current_database()
                USING HINT = format('As an administrator: CREATE SCHEMA market_partitions AUTHORIZATION %I',
                    current_user);
        END IF;
        CREATE SCHEMA market_partitions;
    END IF;
    FOR partition IN
        SELECT c.oid
        FROM pg_catalog.pg_class AS c
        WHERE c.relispartition AND c.relkind = 'r'
            AND c.relnamespace = CAST('market' AS regnamespace)
        ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE %s SET SCHEMA market_partitions', partition);
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'market_reader') THEN
            EXECUTE format('REVOKE ALL ON %s FROM market_reader', partition);
        END IF;
    END LOOP;
END $$;

CREATE OR REPLACE PROCEDURE market.create_candles_partition(timeframe text, year integer)
LANGUAGE plpgsql AS $$
DECLARE
    parent    text := 'candles_' || timeframe;
    partition text := parent || '_' || year;
BEGIN
    IF to_regclass('market_partitions.' || quote_ident(partition)) IS NOT NULL THEN
        RETURN;
    END IF;
    -- CREATE ... PARTITION OF would wait behind every open insert; attaching does not.
    EXECUTE format('CREATE TABLE market_partitions.%I (LIKE market.%I INCLUDING ALL)',
        partition, parent);
    EXECUTE format(
        'ALTER TABLE market.%I ATTACH PARTITION market_partitions.%I FOR VALUES FROM (%L) TO (%L)',
        parent, partition, format('%s-01-01 00:00+00', year), format('%s-01-01 00:00+00', year + 1));
END $$;

-- Empties a native partition, in which nothing is wanted any more.
CREATE OR REPLACE PROCEDURE market.truncate_candles_partition(timeframe text, year integer)
LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'candles_' || timeframe || '_' || year;
BEGIN
    IF to_regclass('market_partitions.' || quote_ident(partition)) IS NOT NULL THEN
        EXECUTE format('TRUNCATE market_partitions.%I', partition);
    END IF;
END $$;

-- The newest candle that is stored of each series: a look through the key per series, in place
-- of a sort of all candles.
DO $$
DECLARE
    branches text;
BEGIN
    SELECT string_agg(format($sql$
        SELECT s.symbol, s.timeframe, c.open_time, c.close_time, c.open, c.high, c.low, c.close,
            c.volume, c.quote_volume, c.trades, c.taker_buy_volume, c.taker_buy_quote_volume,
            c.source, c.flags, c.loaded_at
        FROM market.coverage_series AS s
        CROSS JOIN LATERAL (
            SELECT k.*
            FROM market.%I AS k
            WHERE k.symbol = s.symbol
            ORDER BY k.open_time DESC
            LIMIT 1
        ) AS c
        WHERE s.timeframe = %L
        $sql$, 'candles_' || t.timeframe, t.timeframe), ' UNION ALL ' ORDER BY t.length)
    INTO branches
    FROM market.timeframes AS t;
    EXECUTE 'CREATE VIEW market.latest_candles AS ' || branches;
END $$;

-- How long the messages of a session took, apart from the sessions: hundreds of numbers, which
-- only the view below is for.
CREATE TABLE market.stream_lag_histograms (
    session_id bigint NOT NULL,
    -- Upper bound of a bucket in milliseconds -> how many messages.
    lag_ms     jsonb  NOT NULL,
    CONSTRAINT stream_lag_histograms_pkey PRIMARY KEY (session_id),
    CONSTRAINT stream_lag_histograms_session_fkey
        FOREIGN KEY (session_id) REFERENCES market.stream_sessions ON DELETE CASCADE,
    CONSTRAINT stream_lag_histograms_is_object CHECK (jsonb_typeof(lag_ms) = 'object')
) WITH (fillfactor = 50);
INSERT INTO market.stream_lag_histograms (session_id, lag_ms)
SELECT s.session_id, s.lag_ms
FROM market.stream_sessions AS s
WHERE s.lag_ms <> '{}';
ALTER TABLE market.stream_sessions DROP COLUMN lag_ms;

-- Each quantile is the upper bound of the first bucket that reaches it.
CREATE VIEW market.stream_lag AS
SELECT s.session_id, s.worker, s.role, s.started_at, s.ended_at, q.messages, q.p50_ms, q.p90_ms,
    q.p99_ms, q.p999_ms, q.longest_ms
FROM market.stream_sessions AS s
JOIN market.stream_lag_histograms AS h USING (session_id)
CROSS JOIN LATERAL (
    SELECT max(b.up_to)::bigint AS messages,
        min(b.bound) FILTER (WHERE b.up_to >= 0.5 * b.total) AS p50_ms,
        min(b.bound) FILTER (WHERE b.up_to >= 0.9 * b.total) AS p90_ms,
        min(b.bound) FILTER (WHERE b.up_to >= 0.99 * b.total) AS p99_ms,
        min(b.bound) FILTER (WHERE b.up_to >= 0.999 * b.total) AS p999_ms,
        max(b.bound) AS longest_ms
    FROM (
        SELECT e.key::double precision AS bound,
            sum(e.value::numeric) OVER (ORDER BY e.key::double precision) AS up_to,
            sum(e.value::numeric) OVER () AS total
        FROM jsonb_each_text(h.lag_ms) AS e
        WHERE e.value <> '0'
    ) AS b
) AS q
WHERE q.messages > 0;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.latest_candles, market.stream_lag_histograms, market.stream_lag
        TO market_reader;
    END IF;
END $$;
