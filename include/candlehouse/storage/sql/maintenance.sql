-- Keeps the tables in shape; everything is measured against the exchange's clock.

-- name: has_timescale
SELECT market.has_timescale()

-- name: create_partition
CALL market.create_candles_partition(:timeframe, :year)

-- name: select_convertible_chunks
-- Chunks that are over, and are not in the columnstore or got rows since they were put there.
SELECT format('%I.%I', k.chunk_schema, k.chunk_name) AS chunk, NOT k.is_compressed AS fresh
FROM timescaledb_information.chunks AS k
JOIN _timescaledb_catalog.chunk AS c
    ON c.schema_name = k.chunk_schema AND c.table_name = k.chunk_name
WHERE k.hypertable_schema = 'market' AND k.hypertable_name LIKE 'candles\_%'
    -- Bit 1 is compressed, bit 8 is partial: rows arrived beside the compressed ones.
    AND (NOT k.is_compressed OR (c.status & 8) <> 0)
    AND k.range_end <= :before
ORDER BY k.range_end, chunk

-- name: convert_chunk
CALL convert_to_columnstore(CAST(:chunk AS regclass))

-- name: analyze
ANALYZE market.candles_{timeframe}

-- name: forget_old_weight
DELETE FROM market.weight_reservations
WHERE reserved_at < clock_timestamp() - interval '1 hour'
