-- The way from text to a timeframe; immutable, for no label ever means another one.
CREATE OR REPLACE FUNCTION market.to_timeframe(name text) RETURNS market.timeframe
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    -- One constant expression, which costs a microsecond; streams take this way for each row.
    found market.timeframe := CASE name
        WHEN '1m' THEN '1m'::market.timeframe WHEN '5m' THEN '5m'::market.timeframe
        WHEN '15m' THEN '15m'::market.timeframe WHEN '30m' THEN '30m'::market.timeframe
        WHEN '1h' THEN '1h'::market.timeframe WHEN '4h' THEN '4h'::market.timeframe
        WHEN '1d' THEN '1d'::market.timeframe
    END;
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION '% is no timeframe: one of %', quote_literal(name),
                array_to_string(enum_range(NULL::market.timeframe), ', ')
            USING ERRCODE = 'invalid_text_representation';
    END IF;
    RETURN found;
END $$;

COMMENT ON FUNCTION market.to_timeframe IS
    'The timeframe with that name; for any other text an error that lists the allowed names';
