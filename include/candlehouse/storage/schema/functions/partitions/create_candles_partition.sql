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

COMMENT ON PROCEDURE market.create_candles_partition IS 'Creates the native partition of a year';
