CREATE OR REPLACE FUNCTION market.has_timescale() RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'timescaledb');

COMMENT ON FUNCTION market.has_timescale IS
    'Whether candles are in hypertables of TimescaleDB and not in native partitions';
