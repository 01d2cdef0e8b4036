-- Milliseconds fit a double exactly and to_timestamp rounds to microseconds.
CREATE OR REPLACE FUNCTION market.moment(raw bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp(market.milliseconds(raw)::double precision / 1000);

COMMENT ON FUNCTION market.moment IS
    'Time from a number of the exchange in milliseconds or microseconds since 1970';
