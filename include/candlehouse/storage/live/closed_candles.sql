-- Closed candles as a stream brings them: few at a time, nearly always new, and wanted soon.
-- What is not plainly new is left to the general writer.

-- name: try_lock_series
SELECT t.position
FROM (
    SELECT k.position, pg_try_advisory_xact_lock(hashtextextended(k.key, 0)) AS got
    FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS k (key, position)
    ORDER BY k.position
) AS t
WHERE t.got

-- name: insert_closed
-- Candles of one timeframe as lines of text, each (symbol, open time) once; gives back the
-- places of those that were not inserted. OFFSET 0 keeps the planner from joining the slots
-- with a scan of a whole year, and the bounds of all slots are constants, so that it leaves
-- other years out.
WITH cells AS MATERIALIZED (
    SELECT l.place, string_to_array(l.line, E'\t', '\N') AS cell
    FROM string_to_table(:lines, E'\n') WITH ORDINALITY AS l (line, place)
),
candles AS MATERIALIZED (
    SELECT s.place, s.cell[1] AS symbol,
        s.cell[2]::bigint AS open_ms, s.cell[8]::bigint AS close_ms,
        -- Milliseconds fit a double exactly and to_timestamp rounds to microseconds.
        to_timestamp(s.cell[2]::double precision / 1000) AS open_time,
        to_timestamp(s.cell[8]::double precision / 1000) AS close_time,
        s.cell[3]::numeric AS open, s.cell[4]::numeric AS high,
        s.cell[5]::numeric AS low, s.cell[6]::numeric AS close,
        s.cell[7]::numeric AS volume, s.cell[9]::numeric AS quote_volume,
        s.cell[10]::bigint AS trades, s.cell[11]::numeric AS taker_buy_volume,
        s.cell[12]::numeric AS taker_buy_quote_volume
    FROM cells AS s
),
fresh AS MATERIALIZED (
    SELECT k.place, k.symbol, k.open_time, k.close_time, k.open, k.high, k.low, k.close,
        k.volume, k.quote_volume, k.trades, k.taker_buy_volume, k.taker_buy_quote_volume,
        market.candle_flags(
            k.open_ms, k.close_ms, k.low, k.high, k.volume, k.trades, :length_ms) AS flags
    FROM candles AS k
    WHERE k.open_ms % :length_ms = 0
        AND k.low >= 0 AND k.low <= LEAST(k.open, k.close) AND k.high >= GREATEST(k.open, k.close)
        AND (k.taker_buy_volume > k.volume) IS NOT TRUE
        AND (k.taker_buy_quote_volume > k.quote_volume) IS NOT TRUE
        AND NOT EXISTS (
            SELECT
            FROM market.gaps AS g
            WHERE g.symbol = k.symbol AND g.timeframe = :timeframe
                AND g.gap_start < k.open_time + CAST(:length AS interval)
                AND g.gap_end > k.open_time
            OFFSET 0
        )
        AND NOT EXISTS (
            SELECT
            FROM market.candles_{timeframe} AS c
            WHERE c.symbol = k.symbol AND c.open_time >= k.open_time
                AND c.open_time < k.open_time + CAST(:length AS interval)
                AND c.open_time >= :low AND c.open_time < :high
            OFFSET 0
        )
),
inserted AS (
    INSERT INTO market.candles_{timeframe} (
        symbol, open_time, close_time, open, high, low, close, volume, quote_volume, trades,
        taker_buy_volume, taker_buy_quote_volume, source, flags)
    SELECT f.symbol, f.open_time, f.close_time, f.open, f.high, f.low, f.close, f.volume,
        f.quote_volume, f.trades, f.taker_buy_volume, f.taker_buy_quote_volume, 'stream', f.flags
    FROM fresh AS f
    ORDER BY f.symbol, f.open_time
),
-- Each fresh candle opens on the grid in a slot of its own that held nothing.
counted AS (
    INSERT INTO market.coverage_days AS h (symbol, timeframe, day, present_slots)
    SELECT f.symbol, :timeframe, (f.open_time AT TIME ZONE 'UTC')::date AS day, count(*)
    FROM fresh AS f
    GROUP BY f.symbol, (f.open_time AT TIME ZONE 'UTC')::date
    ORDER BY f.symbol, day
    ON CONFLICT (symbol, timeframe, day) DO UPDATE
    SET present_slots = h.present_slots + EXCLUDED.present_slots, change_id = EXCLUDED.change_id,
        changed_at = EXCLUDED.changed_at
),
-- What is said of later candles depends on these: mostly there are none yet. A day that is
-- counted above is marked by that, and one statement changes no row twice.
marked AS (
    UPDATE market.coverage_days AS h
    SET change_id = DEFAULT, changed_at = DEFAULT
    FROM (
        SELECT DISTINCT f.symbol, (f.open_time AT TIME ZONE 'UTC')::date AS day,
            ((f.open_time + CAST(:affected AS interval)) AT TIME ZONE 'UTC')::date AS last_day
        FROM fresh AS f
    ) AS r
    WHERE h.symbol = r.symbol AND h.timeframe = :timeframe
        AND h.day > r.day AND h.day <= r.last_day
        AND NOT EXISTS (
            SELECT FROM fresh AS f
            WHERE f.symbol = h.symbol AND (f.open_time AT TIME ZONE 'UTC')::date = h.day
        )
),
touched AS (
    INSERT INTO market.collector_state AS k (
        symbol, timeframe, first_open_time, last_open_time, last_updated)
    SELECT f.symbol, :timeframe, min(f.open_time), max(f.open_time), clock_timestamp()
    FROM fresh AS f
    GROUP BY f.symbol
    ORDER BY f.symbol
    ON CONFLICT (symbol, timeframe) DO UPDATE
    SET first_open_time = LEAST(k.first_open_time, EXCLUDED.first_open_time),
        last_open_time = GREATEST(k.last_open_time, EXCLUDED.last_open_time),
        last_updated = EXCLUDED.last_updated,
        last_error = NULL
)
SELECT k.place
FROM candles AS k
WHERE k.place NOT IN (SELECT f.place FROM fresh AS f)
ORDER BY k.place
