-- Flags of candles that are stored: found in one pass over a range, changed where they differ.

-- name: select_duplicates
-- Few rows are in quarantine, and fewer for this: they are found before any candle is.
SELECT c.symbol, c.open_time, c.flags
FROM (
    SELECT DISTINCT q.symbol, q.open_time
    FROM market.quarantined_candles AS q
    WHERE q.symbol = ANY (:symbols) AND q.timeframe = :timeframe AND q.rule = :flag
        AND q.open_time >= :low AND q.open_time < :high
) AS q
CROSS JOIN LATERAL (
    SELECT k.symbol, k.open_time, k.flags
    FROM market.candles_{timeframe} AS k
    WHERE k.symbol = q.symbol AND k.open_time = q.open_time
        AND k.open_time >= :low AND k.open_time < :high
    OFFSET 0
) AS c
WHERE :flag <> ALL (COALESCE(c.flags, '{}'))
ORDER BY c.symbol, c.open_time

-- name: select_suspects
-- A change over a hole is no jump: the close before is that of the slot before, or none. The
-- cheap tests come first, for nearly every candle passes them: exact flags, rounding and slots
-- are worked out only for candles that do not.
WITH held AS (
    SELECT c.open_time, c.close_time, c.low, c.high, c.close, c.volume, c.quote_volume, c.trades,
        c.flags, date_bin(:length, c.open_time, 'epoch') AS slot,
        lag(c.close) OVER (ORDER BY c.open_time) AS close_before
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = :symbol AND c.open_time >= :before AND c.open_time < :high
),
duplicates AS MATERIALIZED (
    SELECT q.open_time
    FROM market.quarantined_candles AS q
    WHERE q.symbol = :symbol AND q.timeframe = :timeframe AND q.rule = :duplicate
        AND q.open_time IS NOT NULL
),
looked_at AS (
    SELECT h.open_time, h.close, h.flags, h.slot,
        CASE WHEN h.volume = 0 OR h.trades = 0 OR h.open_time <> h.slot
                OR h.close_time - h.open_time <> CAST(:length AS interval) - interval '1 millisecond'
            THEN market.candle_flags(
                round(extract(epoch FROM h.open_time) * 1000)::bigint,
                round(extract(epoch FROM h.close_time) * 1000)::bigint,
                h.low, h.high, h.volume, h.trades, :length_ms)
        END AS of_values,
        -- Each trade's part was rounded.
        (h.quote_volume < h.low * h.volume
                AND h.quote_volume < h.low * h.volume - h.trades * :rounding
            OR h.quote_volume > h.high * h.volume
                AND h.quote_volume > h.high * h.volume + h.trades * :rounding) AS quote_odd,
        h.open_time IN (SELECT d.open_time FROM duplicates AS d) AS duplicate,
        abs(h.close - h.close_before) > h.close_before * :least AS changed
    FROM held AS h
    WHERE h.open_time >= :low
)
SELECT l.open_time, COALESCE(l.flags, '{}') AS stored,
    COALESCE(l.of_values, '{}')
        || CASE WHEN l.duplicate THEN ARRAY[:duplicate] ELSE '{}' END
        || CASE WHEN l.quote_odd THEN ARRAY[:quote_odd] ELSE '{}' END AS of_values,
    CASE WHEN l.changed AND EXISTS (
        SELECT
        FROM market.candles_{timeframe} AS b
        WHERE b.symbol = :symbol AND b.open_time >= l.slot - CAST(:length AS interval)
            AND b.open_time < l.slot
    ) THEN ARRAY(
        SELECT c.close
        FROM market.candles_{timeframe} AS c
        WHERE c.symbol = :symbol AND c.open_time < l.open_time
            AND c.open_time >= l.slot - CAST(:reach AS interval)
        ORDER BY c.open_time
    ) || l.close ELSE '{}' END AS closes
FROM looked_at AS l
WHERE l.flags IS NOT NULL OR l.of_values IS NOT NULL OR l.quote_odd OR l.duplicate OR l.changed
ORDER BY l.open_time

-- name: lift_decompression_limit
SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)
WHERE market.has_timescale()

-- name: update_flags
UPDATE market.candles_{timeframe} AS c
SET flags = NULLIF(string_to_array(f.flags, ','), '{}')
FROM unnest(CAST(:opens AS timestamptz[]), CAST(:flags AS text[])) AS f (open_time, flags)
WHERE c.symbol = :symbol AND c.open_time = f.open_time
    AND c.open_time >= :low AND c.open_time <= :high
