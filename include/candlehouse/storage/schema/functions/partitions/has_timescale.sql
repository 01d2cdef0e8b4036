CREATE OR REPLACE FUNCTION market.has_timescale() RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'timescaledb');

COMMENT ON FUNCTION market.has_timescale IS
    'Whether candles are stored in hypertables of TimescaleDB instead of native partitions';
