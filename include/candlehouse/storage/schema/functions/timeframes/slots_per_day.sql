CREATE OR REPLACE FUNCTION market.slots_per_day(length interval) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (86400 / extract(epoch FROM length))::integer;

COMMENT ON FUNCTION market.slots_per_day IS 'Number of candles of a whole day, given their length';
