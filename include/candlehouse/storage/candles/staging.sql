-- The staging table: filled by COPY, surveyed, counted by day.

-- name: create_staging
-- As it comes: times are converted where they are used, which costs less than keeping them,
-- and PLAIN numbers need no unpacking for each comparison. Files are of one symbol, which
-- their lines do not have.
CREATE TEMPORARY TABLE IF NOT EXISTS published_candles (
    open_raw               bigint                NOT NULL,
    open                   numeric STORAGE PLAIN NOT NULL,
    high                   numeric STORAGE PLAIN NOT NULL,
    low                    numeric STORAGE PLAIN NOT NULL,
    close                  numeric STORAGE PLAIN NOT NULL,
    volume                 numeric STORAGE PLAIN NOT NULL,
    close_raw              bigint                NOT NULL,
    quote_volume           numeric STORAGE PLAIN,
    trades                 bigint,
    taker_buy_volume       numeric STORAGE PLAIN,
    taker_buy_quote_volume numeric STORAGE PLAIN,
    unused                 text
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE IF NOT EXISTS staging_candles (
    symbol text NOT NULL,
    LIKE published_candles INCLUDING STORAGE
) ON COMMIT DELETE ROWS;

-- The batch before may have been in this transaction, and of another timeframe.
DELETE FROM published_candles;

DELETE FROM staging_candles

-- name: copy_lines
COPY staging_candles ({columns}) FROM STDIN

-- name: copy_csv
-- Twelve columns as published. There are no quotes in them, and an empty item is an error.
-- Impossible rows are left out, which the row count shows; NOT in the place of CASE makes
-- PostgreSQL 18 look for "function 0". The order of prices is a constraint of the tables.
COPY published_candles ({columns}) FROM STDIN (DELIMITER ',')
WHERE CASE
    WHEN market.taker_above_total(
            taker_buy_volume, volume, taker_buy_quote_volume, quote_volume)
        OR market.closes_far_off(
            market.milliseconds(open_raw), market.milliseconds(close_raw), %(length_ms)s)
        THEN false
    ELSE true
END

-- name: survey_staging
-- What the batch holds, a UTC day of a symbol: how much, whether any of it opens off the
-- grid, and whether any of it cannot be.
SELECT s.symbol, market.milliseconds(s.open_raw) / 86400000 AS day, count(*) AS candles,
    min(market.milliseconds(s.open_raw)) AS first_open_ms,
    max(market.milliseconds(s.open_raw)) AS last_open_ms,
    bool_or(market.milliseconds(s.open_raw) % :length_ms <> 0) AS off_grid,
    bool_or(market.taker_above_total(
            s.taker_buy_volume, s.volume, s.taker_buy_quote_volume, s.quote_volume)
        OR market.closes_far_off(
            market.milliseconds(s.open_raw), market.milliseconds(s.close_raw), :length_ms)
        OR market.prices_out_of_order(s.open, s.high, s.low, s.close)) AS impossible
FROM staging_candles AS s
GROUP BY s.symbol, market.milliseconds(s.open_raw) / 86400000

-- name: select_days_held
-- Which of the days hold anything already: mostly none, while history is loaded.
SELECT h.symbol, h.day
FROM unnest(CAST(:symbols AS text[]), CAST(:days AS date[])) AS d (symbol, day)
JOIN market.coverage_days AS h
    ON h.symbol = d.symbol AND h.timeframe = :timeframe AND h.day = d.day
WHERE h.present_slots > 0

-- name: count_days
INSERT INTO market.coverage_days AS h (symbol, timeframe, day, present_slots)
SELECT d.symbol, :timeframe, d.day, d.slots
FROM unnest(
    CAST(:symbols AS text[]), CAST(:days AS date[]), CAST(:slots AS integer[])
) AS d (symbol, day, slots)
ORDER BY d.symbol, d.day
ON CONFLICT (symbol, timeframe, day) DO UPDATE
SET present_slots = EXCLUDED.present_slots, change_id = EXCLUDED.change_id,
    changed_at = EXCLUDED.changed_at
WHERE h.present_slots <> EXCLUDED.present_slots

-- name: recount_days
-- Distinct slots of days of which not all is in the batch, or that have two rows in a slot.
INSERT INTO market.coverage_days AS h (symbol, timeframe, day, present_slots)
SELECT d.symbol, :timeframe, d.day, counted.slots
FROM unnest(CAST(:symbols AS text[]), CAST(:days AS date[])) AS d (symbol, day)
CROSS JOIN LATERAL (
    SELECT count(DISTINCT date_bin(:length, c.open_time, 'epoch')) AS slots
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = d.symbol AND c.open_time >= d.day::timestamp AT TIME ZONE 'UTC'
        AND c.open_time < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
        AND c.open_time >= :low AND c.open_time < :high
) AS counted
ORDER BY d.symbol, d.day
ON CONFLICT (symbol, timeframe, day) DO UPDATE
SET present_slots = EXCLUDED.present_slots
WHERE h.present_slots <> EXCLUDED.present_slots

-- name: mark_changed
-- Days whose candles have changed, or what is said of them: they are to be validated again.
UPDATE market.coverage_days AS h
SET change_id = DEFAULT, changed_at = DEFAULT
FROM unnest(
    CAST(:symbols AS text[]), CAST(:firsts AS date[]), CAST(:lasts AS date[])
) AS r (symbol, first_day, last_day)
WHERE h.symbol = r.symbol AND h.timeframe = :timeframe
    AND h.day >= r.first_day AND h.day <= r.last_day

-- name: touch_collector_state
INSERT INTO market.collector_state AS k (
    symbol, timeframe, first_open_time, last_open_time, last_updated)
SELECT s.symbol, :timeframe, s.first_open_time, s.last_open_time, clock_timestamp()
FROM unnest(
    CAST(:symbols AS text[]), CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[])
) AS s (symbol, first_open_time, last_open_time)
ORDER BY s.symbol
ON CONFLICT (symbol, timeframe) DO UPDATE
SET first_open_time = LEAST(k.first_open_time, EXCLUDED.first_open_time),
    last_open_time = GREATEST(k.last_open_time, EXCLUDED.last_open_time),
    last_updated = EXCLUDED.last_updated,
    last_error = NULL
