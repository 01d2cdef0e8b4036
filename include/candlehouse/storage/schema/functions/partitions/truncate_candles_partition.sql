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

COMMENT ON PROCEDURE market.truncate_candles_partition IS
    'Empties the native partition of a year of which no candle is wanted';
