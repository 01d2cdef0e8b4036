#!/usr/bin/env bash
# Runs once, in the database container's empty data folder: databases and login roles.
set -euo pipefail

psql --username postgres --dbname postgres --set ON_ERROR_STOP=1 <<'SQL'
\getenv owner OWNER_PASSWORD
\getenv airflow AIRFLOW_PASSWORD
\getenv analyst ANALYST_PASSWORD
CREATE ROLE candlehouse LOGIN PASSWORD :'owner';
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE ROLE analyst LOGIN PASSWORD :'analyst';
CREATE ROLE market_reader;
GRANT market_reader TO analyst;
ALTER ROLE analyst SET statement_timeout = '60s';
ALTER ROLE analyst SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE analyst SET default_transaction_read_only = on;
ALTER ROLE analyst SET temp_file_limit = '2GB';
ALTER ROLE analyst CONNECTION LIMIT 20;
CREATE DATABASE candlehouse OWNER candlehouse TEMPLATE template0;
CREATE DATABASE airflow OWNER airflow TEMPLATE template0;
REVOKE CONNECT, TEMPORARY ON DATABASE candlehouse, airflow FROM PUBLIC;
GRANT CONNECT ON DATABASE candlehouse TO market_reader;
SQL

psql --username postgres --dbname candlehouse --set ON_ERROR_STOP=1 <<'SQL'
CREATE EXTENSION timescaledb;
-- What everybody may do in a new database: fill the disk with large objects, and hold the locks
-- that writers wait for.
SELECT format('GRANT EXECUTE ON FUNCTION %1$s TO candlehouse; REVOKE EXECUTE ON FUNCTION %1$s FROM PUBLIC',
    string_agg(oid::regprocedure::text, ', '))
FROM pg_catalog.pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
    AND proname ~ '^(lo_(creat|create|from_bytea)|pg_(try_)?advisory_.*lock.*)$'
\gexec
SQL
