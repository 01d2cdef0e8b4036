-- Writing candles: COPY into a staging table, take out what is already stored, keep what
-- ranks lower as a refusal, and write the rest. One transaction a batch of one timeframe.
--
-- What is stored is read once, range by range through the key: OFFSET 0 keeps the planner
-- from joining the ranges with a scan of a whole year instead, and the bounds of all ranges
-- are given as constants so that it leaves other years out.

-- name: stage_published
-- To be compared with what is stored.
INSERT INTO staging_candles
SELECT :symbol, p.*
FROM published_candles AS p

-- name: lock_series
-- In sorted order, so that two writers never wait for each other in a circle.
SELECT pg_advisory_xact_lock(hashtextextended(key, 0))
FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS k (key, position)
ORDER BY position

-- name: quarantine_impossible
WITH impossible AS (
    DELETE FROM staging_candles AS s
    WHERE market.prices_out_of_order(s.open, s.high, s.low, s.close)
        OR market.taker_above_total(
            s.taker_buy_volume, s.volume, s.taker_buy_quote_volume, s.quote_volume)
        OR market.closes_far_off(
            market.milliseconds(s.open_raw), market.milliseconds(s.close_raw), :length_ms)
    RETURNING s.*
)
INSERT INTO market.quarantined_candles (symbol, timeframe, open_time, source, rule, raw)
SELECT i.symbol, :timeframe, market.moment(i.open_raw), :source,
    CASE
        WHEN market.prices_out_of_order(i.open, i.high, i.low, i.close)
            THEN 'prices_out_of_order'
        WHEN market.taker_above_total(
            i.taker_buy_volume, i.volume, i.taker_buy_quote_volume, i.quote_volume)
            THEN 'taker_above_total'
        ELSE 'wrong_close_time'
    END,
    concat_ws(',', i.open_raw, i.open, i.high, i.low, i.close, i.volume, i.close_raw,
        i.quote_volume, i.trades, i.taker_buy_volume, i.taker_buy_quote_volume)
FROM impossible AS i
ON CONFLICT DO NOTHING

-- name: create_stored
CREATE TEMPORARY TABLE IF NOT EXISTS stored_candles (LIKE market.candles_1h) ON COMMIT DELETE ROWS;

DELETE FROM stored_candles

-- name: load_stored
-- What is stored in the ranges of the batch: mostly nothing, while history is loaded.
INSERT INTO stored_candles
SELECT k.*
FROM unnest(
    CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
) AS r (symbol, range_start, range_end)
CROSS JOIN LATERAL (
    SELECT c.*
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = r.symbol AND c.open_time >= r.range_start AND c.open_time < r.range_end
        AND c.open_time >= :low AND c.open_time < :high
    OFFSET 0
) AS k

-- name: find_repeated
-- A symbol of which two rows open at one time: only files bring that, and which of the two is
-- the candle is not decided by what is stored.
SELECT s.symbol
FROM staging_candles AS s
GROUP BY s.symbol, market.milliseconds(s.open_raw)
HAVING count(*) > 1
LIMIT 1

-- name: drop_equal
-- Equal in all ten values: confirmed, and nothing of the stored row changes. A row that lacks
-- columns is equal in those that it has; its close time may be none of them.
WITH confirmed AS (
    DELETE FROM staging_candles AS s
    USING stored_candles AS c
    WHERE c.symbol = s.symbol AND c.open_time = market.moment(s.open_raw)
        AND ((c.close_time, c.open, c.high, c.low, c.close, c.volume,
            c.quote_volume, c.trades, c.taker_buy_volume, c.taker_buy_quote_volume)
        IS NOT DISTINCT FROM
            (market.moment(s.close_raw), s.open, s.high, s.low, s.close, s.volume,
            s.quote_volume, s.trades, s.taker_buy_volume, s.taker_buy_quote_volume)
            OR (s.quote_volume IS NULL OR s.trades IS NULL OR s.taker_buy_volume IS NULL
                OR s.taker_buy_quote_volume IS NULL)
            AND (c.open, c.high, c.low, c.close, c.volume)
                = (s.open, s.high, s.low, s.close, s.volume)
            AND (s.quote_volume IS NULL OR s.quote_volume = c.quote_volume)
            AND (s.trades IS NULL OR s.trades = c.trades)
            AND (s.taker_buy_volume IS NULL OR s.taker_buy_volume = c.taker_buy_volume)
            AND (s.taker_buy_quote_volume IS NULL
                OR s.taker_buy_quote_volume = c.taker_buy_quote_volume))
    RETURNING s.symbol
)
SELECT symbol, count(*) AS candles
FROM confirmed
GROUP BY symbol

-- name: create_differing
CREATE TEMPORARY TABLE IF NOT EXISTS differing_candles (
    symbol text NOT NULL, open_time timestamptz NOT NULL, refusal text
) ON COMMIT DELETE ROWS;

DELETE FROM differing_candles

-- name: find_differing
-- What is left in staging and stored all the same is stored with other values.
INSERT INTO differing_candles (symbol, open_time, refusal)
SELECT s.symbol, c.open_time, market.refusal(:source, c.source,
    ARRAY[s.volume, s.trades, s.quote_volume, s.taker_buy_volume, s.taker_buy_quote_volume],
    ARRAY[c.volume, c.trades, c.quote_volume, c.taker_buy_volume, c.taker_buy_quote_volume],
    :excuse)
FROM staging_candles AS s
JOIN stored_candles AS c ON c.symbol = s.symbol AND c.open_time = market.moment(s.open_raw)

-- name: select_differing
SELECT d.symbol, min(d.open_time) AS low, max(d.open_time) AS high,
    array_agg(d.open_time) AS open_times, bool_or(d.refusal IS NULL) AS replaced
FROM differing_candles AS d
GROUP BY d.symbol
ORDER BY d.symbol

-- name: record_corrections
INSERT INTO market.corrections (
    symbol, timeframe, open_time, source_before, source_after, before, after, applied, reason)
SELECT s.symbol, :timeframe, d.open_time, c.source, :source,
    jsonb_build_object(
        'close_time', c.close_time, 'open', c.open, 'high', c.high, 'low', c.low,
        'close', c.close, 'volume', c.volume, 'quote_volume', c.quote_volume,
        'trades', c.trades, 'taker_buy_volume', c.taker_buy_volume,
        'taker_buy_quote_volume', c.taker_buy_quote_volume),
    jsonb_build_object(
        'close_time', market.moment(s.close_raw), 'open', s.open, 'high', s.high, 'low', s.low,
        'close', s.close, 'volume', s.volume, 'quote_volume', s.quote_volume,
        'trades', s.trades, 'taker_buy_volume', s.taker_buy_volume,
        'taker_buy_quote_volume', s.taker_buy_quote_volume),
    d.refusal IS NULL, COALESCE(d.refusal, :excuse)
FROM differing_candles AS d
JOIN staging_candles AS s ON s.symbol = d.symbol AND market.moment(s.open_raw) = d.open_time
JOIN stored_candles AS c ON c.symbol = d.symbol AND c.open_time = d.open_time
ON CONFLICT DO NOTHING

-- name: lift_decompression_limit
SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)
WHERE market.has_timescale()

-- name: join_by_loop
-- Neither table has statistics of what was just loaded: the planner takes both for tiny, and
-- a loop over the one inside a loop over the other took half a minute for a year of hours.
SELECT set_config('enable_nestloop', :allowed, true)

-- name: apply_corrections
-- The columnstore unpacks everything that the constants below admit, whether or not it is
-- joined: so a symbol at a time, and only from the first to the last candle that differs.
UPDATE market.candles_{timeframe} AS c
SET close_time = market.moment(s.close_raw), open = s.open, high = s.high, low = s.low,
    close = s.close, volume = s.volume, quote_volume = s.quote_volume, trades = s.trades,
    taker_buy_volume = s.taker_buy_volume, taker_buy_quote_volume = s.taker_buy_quote_volume,
    source = :source, loaded_at = now(),
    flags = market.candle_flags(market.milliseconds(s.open_raw), market.milliseconds(s.close_raw),
        s.low, s.high, s.volume, s.trades, :length_ms)
FROM staging_candles AS s
JOIN differing_candles AS d ON d.symbol = s.symbol AND d.open_time = market.moment(s.open_raw)
WHERE c.symbol = s.symbol AND c.open_time = market.moment(s.open_raw)
    AND c.symbol = :symbol AND c.open_time >= :low AND c.open_time <= :high
    AND d.refusal IS NULL
RETURNING c.open_time

-- name: drop_stored
DELETE FROM staging_candles AS s
USING stored_candles AS c
WHERE c.symbol = s.symbol AND c.open_time = market.moment(s.open_raw)

-- name: insert_new
-- In the order of staging, which is that of the pages: each ascends, and sorting them all
-- would cost a tenth of the whole.
INSERT INTO market.candles_{timeframe} (
    symbol, open_time, close_time, open, high, low, close, volume, quote_volume, trades,
    taker_buy_volume, taker_buy_quote_volume, source, flags)
SELECT s.symbol, market.moment(s.open_raw), market.moment(s.close_raw), s.open, s.high, s.low,
    s.close, s.volume, s.quote_volume, s.trades, s.taker_buy_volume, s.taker_buy_quote_volume,
    :source,
    market.candle_flags(market.milliseconds(s.open_raw), market.milliseconds(s.close_raw),
        s.low, s.high, s.volume, s.trades, :length_ms)
FROM staging_candles AS s

-- name: insert_published
-- Of days that hold nothing: straight from what was published.
INSERT INTO market.candles_{timeframe} (
    symbol, open_time, close_time, open, high, low, close, volume, quote_volume, trades,
    taker_buy_volume, taker_buy_quote_volume, source, flags)
SELECT :symbol, market.moment(p.open_raw), market.moment(p.close_raw), p.open, p.high, p.low,
    p.close, p.volume, p.quote_volume, p.trades, p.taker_buy_volume, p.taker_buy_quote_volume,
    :source,
    market.candle_flags(market.milliseconds(p.open_raw), market.milliseconds(p.close_raw),
        p.low, p.high, p.volume, p.trades, :length_ms)
FROM published_candles AS p
