-- Dropping what is no longer wanted: data, counts and what is wanted in one transaction.

-- name: wait_shortly
-- A long query on what is dropped must not keep the series locked for everyone else.
SELECT set_config('lock_timeout', '10s', true)

-- name: select_straddling
-- The chunk that a moment falls into, not the one that ends or begins there.
SELECT range_start
FROM timescaledb_information.chunks
WHERE hypertable_schema = 'market' AND hypertable_name = 'candles_{timeframe}'
    AND range_start < :moment AND range_end > :moment

-- name: select_symbols
SELECT symbol FROM market.coverage_days WHERE timeframe = :timeframe
UNION
SELECT symbol FROM market.series WHERE timeframe = :timeframe
UNION
SELECT symbol FROM market.gaps WHERE timeframe = :timeframe
UNION
SELECT symbol FROM market.confirmations WHERE timeframe = :timeframe
ORDER BY symbol

-- name: select_first_day
SELECT min(day) FROM market.coverage_days WHERE timeframe = :timeframe

-- name: drop_chunks
SELECT drop_chunks(
    CAST('market.candles_{timeframe}' AS regclass), older_than => CAST(:boundary AS timestamptz))

-- name: truncate_partition
CALL market.truncate_candles_partition(:timeframe, :year)

-- name: delete_candles
DELETE FROM market.candles_{timeframe}
WHERE symbol = ANY (:symbols) AND open_time >= :low AND open_time < :boundary

-- name: delete_counts
DELETE FROM market.coverage_days
WHERE timeframe = :timeframe AND symbol = ANY (:symbols)
    AND day < CAST(:boundary AS timestamptz) AT TIME ZONE 'UTC'

-- name: delete_validated
DELETE FROM market.validated_days
WHERE timeframe = :timeframe AND symbol = ANY (:symbols)
    AND day < CAST(:boundary AS timestamptz) AT TIME ZONE 'UTC'

-- name: delete_confirmations
-- None reaches across a midnight.
DELETE FROM market.confirmations
WHERE timeframe = :timeframe AND symbol = ANY (:symbols) AND range_start < :boundary

-- name: delete_unmatched
DELETE FROM market.unmatched_candles
WHERE timeframe = :timeframe AND symbol = ANY (:symbols) AND open_time < :boundary

-- name: delete_gaps
DELETE FROM market.gaps
WHERE timeframe = :timeframe AND symbol = ANY (:symbols) AND gap_end <= :boundary

-- name: cut_gaps
UPDATE market.gaps
SET gap_start = :boundary,
    candles_missing = (extract(epoch FROM gap_end - CAST(:boundary AS timestamptz))
        / extract(epoch FROM CAST(:length AS interval)))::bigint
WHERE timeframe = :timeframe AND symbol = ANY (:symbols) AND gap_start < :boundary

-- name: delete_checks
DELETE FROM market.gap_checks
WHERE timeframe = :timeframe AND symbol = ANY (:symbols) AND range_end <= :boundary

-- name: cut_checks
UPDATE market.gap_checks
SET range_start = :boundary
WHERE timeframe = :timeframe AND symbol = ANY (:symbols) AND range_start < :boundary

-- name: move_wanted
UPDATE market.series
SET wanted_from = :boundary
WHERE timeframe = :timeframe AND symbol = ANY (:symbols) AND wanted_from < :boundary

-- name: move_first_held
UPDATE market.collector_state AS k
SET first_open_time = (
    SELECT c.open_time
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = k.symbol AND c.open_time >= :boundary
    ORDER BY c.open_time
    LIMIT 1
)
WHERE k.timeframe = :timeframe AND k.symbol = ANY (:symbols) AND k.first_open_time < :boundary
