-- One table per timeframe, so that retention drops whole chunks of one timeframe alone.
-- Prices and quantities are numeric without a scale: volumes pass 1e12, and columnstore
-- keeps numeric smaller than double precision. No constraint speaks of the grid: the
-- exchange published candles that open off it and close before they open.
CREATE OR REPLACE PROCEDURE market.create_candles_table(timeframe text, chunk interval)
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

COMMENT ON PROCEDURE market.create_candles_table IS
    'Creates the table of candles of a timeframe; used by the migrations';
