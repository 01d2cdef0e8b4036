-- One table a timeframe, so that retention drops whole chunks of one timeframe alone.
-- Prices and quantities are numeric without a scale: volumes pass 1e12, and columnstore
-- keeps numeric smaller than double precision. No constraint speaks of the grid: the
-- exchange published candles that open off it and close before they open.

CREATE FUNCTION market.has_timescale() RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'timescaledb');

CREATE PROCEDURE market.create_candles_partition(timeframe text, year integer)
LANGUAGE plpgsql AS $$
DECLARE
    parent    text := 'candles_' || timeframe;
    partition text := parent || '_' || year;
BEGIN
    IF to_regclass('market.' || quote_ident(partition)) IS NOT NULL THEN
        RETURN;
    END IF;
    -- CREATE ... PARTITION OF would wait behind every open insert; attaching does not.
    EXECUTE format('CREATE TABLE market.%I (LIKE market.%I INCLUDING ALL)', partition, parent);
    EXECUTE format('ALTER TABLE market.%I ATTACH PARTITION market.%I FOR VALUES FROM (%L) TO (%L)',
        parent, partition, format('%s-01-01 00:00+00', year), format('%s-01-01 00:00+00', year + 1));
END $$;

CREATE PROCEDURE market.create_candles_table(timeframe text, chunk interval)
LANGUAGE plpgsql AS $$
DECLARE
    name text := 'candles_' || timeframe;
BEGIN
    EXECUTE format($sql$
        CREATE TABLE market.%1$I (
            symbol                 text        NOT NULL,
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
            source                 text        NOT NULL,
            flags                  text[],
            loaded_at              timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT %2$I PRIMARY KEY (symbol, open_time),
            CONSTRAINT %3$I CHECK (
                low >= 0 AND low <= open AND low <= close AND high >= open AND high >= close),
            CONSTRAINT %4$I CHECK (source IN ('rest', 'archive', 'stream'))
        ) %5$s
        $sql$,
        name, name || '_pkey', name || '_prices_ordered', name || '_source_known',
        CASE WHEN market.has_timescale() THEN '' ELSE 'PARTITION BY RANGE (open_time)' END);
    IF market.has_timescale() THEN
        EXECUTE format(
            'SELECT create_hypertable(%L::regclass, by_range(%L, %L::interval), create_default_indexes => false)',
            'market.' || quote_ident(name), 'open_time', chunk);
        EXECUTE format(
            'ALTER TABLE market.%I SET (timescaledb.enable_columnstore, '
            'timescaledb.segmentby = ''symbol'', timescaledb.orderby = ''open_time'')', name);
    ELSE
        FOR year IN 2017..2035 LOOP
            CALL market.create_candles_partition(timeframe, year);
        END LOOP;
    END IF;
END $$;

-- A chunk is sized so that the newest of all series fit in memory together.
CALL market.create_candles_table('1m', '7 days');
CALL market.create_candles_table('5m', '30 days');
CALL market.create_candles_table('15m', '90 days');
CALL market.create_candles_table('30m', '180 days');
CALL market.create_candles_table('1h', '360 days');
CALL market.create_candles_table('4h', '720 days');
CALL market.create_candles_table('1d', '3600 days');

-- The timeframe is a constant in each branch, so that the planner leaves the others out.
DO $$
DECLARE
    branches text;
BEGIN
    SELECT string_agg(format(
        'SELECT symbol, %L::text AS timeframe, open_time, close_time, open, high, low, close, volume, '
        'quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, source, flags, loaded_at '
        'FROM market.%I', t.timeframe, 'candles_' || t.timeframe), ' UNION ALL ' ORDER BY t.length)
    INTO branches
    FROM market.timeframes AS t;
    EXECUTE 'CREATE VIEW market.candles AS ' || branches;
END $$;
