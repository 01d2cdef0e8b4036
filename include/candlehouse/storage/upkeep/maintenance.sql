-- Keeps the tables in shape; everything is measured against the exchange's clock.

-- name: has_timescale
SELECT market.has_timescale()

-- name: create_partition
CALL market.create_candles_partition(:timeframe, :year)

-- name: select_convertible_chunks
-- Chunks that are over, and are not in the columnstore or got rows since they were put there.
SELECT k.chunk
FROM (
    SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk, is_compressed, range_end
    FROM timescaledb_information.chunks
    WHERE hypertable_schema = 'market' AND hypertable_name LIKE 'candles%'
        AND range_end <= :before
) AS k
WHERE NOT k.is_compressed
    OR 'PARTIAL' = ANY (_timescaledb_functions.chunk_status_text(CAST(k.chunk AS regclass)))
ORDER BY k.range_end, k.chunk

-- name: convert_chunk
CALL convert_to_columnstore(CAST(:chunk AS regclass))

-- name: analyze
ANALYZE market.candles_{timeframe}

-- name: forget_old_weight
DELETE FROM market.weight_reservations
WHERE reserved_at < clock_timestamp() - interval '1 hour'
