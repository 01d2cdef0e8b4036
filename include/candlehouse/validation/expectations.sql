-- Batches, and rows in them that must not be.
--
-- The validation library runs these: it puts a batch's query in the place of {batch}, in
-- brackets and without a name. Parameters are written into the text as constants beforehand,
-- so that the planner leaves partitions and chunks out that a window does not touch.

-- name: give_memory
SELECT set_config('work_mem', '64MB', false),
    -- Workers would hand over sums of numbers, which costs more than to make them.
    set_config('max_parallel_workers_per_gather', '0', false)

-- name: candles
SELECT c.symbol, c.open_time, c.close_time, c.open, c.high, c.low, c.close, c.volume,
    c.quote_volume, c.trades, c.taker_buy_volume, c.taker_buy_quote_volume, c.source, c.flags
FROM market.candles_{timeframe} AS c
WHERE c.open_time >= :start AND c.open_time < :end
    AND (CAST(:symbols AS text[]) IS NULL OR c.symbol = ANY (CAST(:symbols AS text[])))

-- name: columns
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = to_regclass('market.' || :table) AND a.attnum > 0 AND NOT a.attisdropped

-- name: pick_candles
-- Three checks read every value of every candle: one pass picks those that any of these checks
-- may be about. Nearly every candle is plain: on the grid, with trades and without flags.
DROP TABLE IF EXISTS pg_temp.picked_candles;
CREATE TEMPORARY TABLE picked_candles AS
SELECT c.*
FROM {batch} AS c
WHERE c.low > LEAST(c.open, c.close) OR c.high < GREATEST(c.open, c.close)
    OR c.taker_buy_volume > c.volume OR c.taker_buy_quote_volume > c.quote_volume
    OR c.flags IS NOT NULL OR c.volume = 0 OR c.trades = 0
    OR c.open_time <> date_bin(:length, c.open_time, 'epoch')
    OR c.close_time - c.open_time <> CAST(:length AS interval) - interval '1 millisecond'

-- name: prices_out_of_order
SELECT c.symbol, c.open_time, c.open, c.high, c.low, c.close
FROM pg_temp.picked_candles AS c
WHERE c.low > LEAST(c.open, c.close) OR c.high < GREATEST(c.open, c.close)

-- name: taker_above_total
SELECT c.symbol, c.open_time, c.volume, c.taker_buy_volume, c.quote_volume,
    c.taker_buy_quote_volume
FROM pg_temp.picked_candles AS c
WHERE c.taker_buy_volume > c.volume OR c.taker_buy_quote_volume > c.quote_volume

-- name: doubled
SELECT c.symbol, c.open_time, count(*) AS rows
FROM {batch} AS c
GROUP BY c.symbol, c.open_time
HAVING count(*) > 1

-- name: flags_differ
-- The exchange published rows that are odd; these say so themselves. Flags that tell of a
-- candle's neighbours, or of its amounts, are set by a pass of their own, later.
SELECT c.symbol, c.open_time, c.close_time, c.volume, c.trades, c.flags, c.expected
FROM (
    SELECT k.symbol, k.open_time, k.close_time, k.volume, k.trades, k.flags,
        market.candle_flags(
            (extract(epoch FROM k.open_time) * 1000)::bigint,
            (extract(epoch FROM k.close_time) * 1000)::bigint,
            k.low, k.high, k.volume, k.trades,
            (extract(epoch FROM CAST(:length AS interval)) * 1000)::bigint) AS expected
    FROM pg_temp.picked_candles AS k
) AS c
WHERE (c.flags IS NOT NULL OR c.expected IS NOT NULL)
    AND COALESCE(c.expected, CAST(ARRAY[] AS text[])) <> ARRAY(
        SELECT f.flag
        FROM unnest(c.flags) AS f (flag)
        WHERE f.flag = ANY (CAST(:of_values AS text[]))
        ORDER BY f.flag
    )

-- name: not_closed
-- By the clock as it is now: candles come in while others are looked at, and between two
-- contacts streams are who has heard the exchange last. They write a candle an instant
-- before they note the time of its message.
SELECT c.symbol, c.open_time, c.source, e.heard
FROM {batch} AS c
CROSS JOIN (
    SELECT GREATEST(
        (SELECT max(s.exchange_time) FROM market.exchange_state AS s),
        (SELECT max(l.event_time) FROM market.live_candles AS l)
    ) AS heard
) AS e
WHERE c.open_time > e.heard + interval '10 seconds' - :length

-- name: compare_with_parts
-- What two checks ask about is found in one pass: the parts are many times more candles than
-- the batch has. A symbol at a time, so that the sums of few candles are in memory at once. All
-- parts of a candle must be there and on the grid, so the first one opens where the candle
-- does. A part whose amount is not known leaves the sum unknown.
DROP TABLE IF EXISTS pg_temp.unlike_parts;
CREATE TEMPORARY TABLE unlike_parts AS
SELECT d.*
FROM (
    -- A window may be wide and its candles few.
    SELECT n.symbol, min(n.open_time) AS first_open, max(n.open_time) AS last_open
    FROM {batch} AS n
    GROUP BY n.symbol
) AS m
CROSS JOIN LATERAL (
    SELECT c.symbol, c.open_time, c.open, c.high, c.low, c.close, c.volume, c.quote_volume,
        c.trades, c.taker_buy_volume, c.taker_buy_quote_volume, p.open AS parts_open,
        p.high AS parts_high, p.low AS parts_low, p.close AS parts_close,
        p.volume AS parts_volume, p.quote_volume AS parts_quote_volume, p.trades AS parts_trades,
        p.taker_buy_volume AS parts_taker_buy_volume,
        p.taker_buy_quote_volume AS parts_taker_buy_quote_volume
    FROM {batch} AS c
    JOIN (
        SELECT date_bin(:length, s.open_time, 'epoch') AS slot, count(*) AS parts,
            max(s.open) FILTER (
                WHERE s.open_time = date_bin(:length, s.open_time, 'epoch')) AS open,
            max(s.high) AS high, min(s.low) AS low,
            max(s.close) FILTER (WHERE s.open_time = date_bin(:length, s.open_time, 'epoch')
                + (CAST(:length AS interval) - CAST(:part_length AS interval))) AS close,
            sum(s.volume) AS volume,
            CASE WHEN count(s.quote_volume) = count(*) THEN sum(s.quote_volume) END
                AS quote_volume,
            CASE WHEN count(s.trades) = count(*) THEN sum(s.trades) END AS trades,
            CASE WHEN count(s.taker_buy_volume) = count(*) THEN sum(s.taker_buy_volume) END
                AS taker_buy_volume,
            CASE WHEN count(s.taker_buy_quote_volume) = count(*)
                THEN sum(s.taker_buy_quote_volume) END AS taker_buy_quote_volume,
            bool_or(s.flags && ARRAY['off_grid', 'odd_close_time']) AS misplaced
        FROM market.candles_{timeframe} AS s
        WHERE s.symbol = m.symbol AND s.open_time >= :start AND s.open_time < :end
            AND s.open_time >= m.first_open
            AND s.open_time < m.last_open + CAST(:length AS interval)
        GROUP BY date_bin(:length, s.open_time, 'epoch')
        OFFSET 0
    ) AS p ON p.slot = c.open_time
    -- One condition: the planner takes several for rare, and looks up each candle by itself.
    WHERE c.symbol = m.symbol
        AND CASE WHEN p.parts = :parts AND p.misplaced IS NOT TRUE
                AND (c.flags && ARRAY['off_grid', 'odd_close_time']) IS NOT TRUE
            THEN c.open <> p.open OR c.high <> p.high OR c.low <> p.low OR c.close <> p.close
                OR c.volume <> p.volume OR c.quote_volume <> p.quote_volume
                OR c.trades <> p.trades OR c.taker_buy_volume <> p.taker_buy_volume
                OR c.taker_buy_quote_volume <> p.taker_buy_quote_volume
            END
    OFFSET 0
) AS d

-- name: prices_differ_from_parts
-- A part in which nothing was traded repeats the price before it: whether a longer candle
-- takes that for its own first price, highest and lowest is the exchange's affair. So the
-- candles are compared once more, with the parts that have trades.
SELECT d.symbol, d.open_time, d.open, COALESCE(t.open, d.parts_open) AS parts_open,
    d.high, COALESCE(t.high, d.parts_high) AS parts_high,
    d.low, COALESCE(t.low, d.parts_low) AS parts_low, d.close, d.parts_close
FROM pg_temp.unlike_parts AS d
CROSS JOIN LATERAL (
    SELECT (array_agg(s.open ORDER BY s.open_time))[1] AS open, max(s.high) AS high,
        min(s.low) AS low
    FROM market.candles_{timeframe} AS s
    WHERE s.symbol = d.symbol AND s.open_time >= d.open_time
        AND s.open_time < d.open_time + CAST(:length AS interval) AND s.volume > 0
) AS t
WHERE d.open NOT IN (d.parts_open, COALESCE(t.open, d.parts_open))
    OR d.high NOT IN (d.parts_high, COALESCE(t.high, d.parts_high))
    OR d.low NOT IN (d.parts_low, COALESCE(t.low, d.parts_low))
    OR d.close <> d.parts_close

-- name: amounts_differ_from_parts
SELECT d.symbol, d.open_time, d.volume, d.parts_volume, d.quote_volume, d.parts_quote_volume,
    d.trades, d.parts_trades, d.taker_buy_volume, d.parts_taker_buy_volume,
    d.taker_buy_quote_volume, d.parts_taker_buy_quote_volume
FROM pg_temp.unlike_parts AS d
WHERE d.volume <> d.parts_volume OR d.quote_volume <> d.parts_quote_volume
    OR d.trades <> d.parts_trades OR d.taker_buy_volume <> d.parts_taker_buy_volume
    OR d.taker_buy_quote_volume <> d.parts_taker_buy_quote_volume

-- name: unconfirmed
SELECT c.symbol, c.open_time, c.source
FROM {batch} AS c
LEFT JOIN (
    SELECT f.symbol, range_agg(tstzrange(f.range_start, f.range_end)) AS confirmed
    FROM market.confirmations AS f
    -- None is longer than a day.
    WHERE f.timeframe = :timeframe AND f.source <> 'stream'
        AND f.range_start >= :start - interval '1 day' AND f.range_start < :end
    GROUP BY f.symbol
) AS n ON n.symbol = c.symbol
WHERE c.source = 'stream' AND c.open_time <= :now - :length - :patience
    AND (n.confirmed @> c.open_time) IS NOT TRUE

-- name: corrections
SELECT k.symbol, k.timeframe, k.open_time, k.source_before, k.source_after, k.before, k.after,
    k.applied, k.corrected_at
FROM market.corrections AS k
WHERE k.timeframe = :timeframe AND k.open_time >= :start AND k.open_time < :end
    AND (CAST(:symbols AS text[]) IS NULL OR k.symbol = ANY (CAST(:symbols AS text[])))

-- name: corrected_streams
SELECT k.symbol, k.open_time, k.source_after, k.before, k.after
FROM {batch} AS k
WHERE k.source_before = 'stream' AND k.applied

-- name: counts_differ
-- On the grid each candle has a slot of its own, so that slots are told apart only of days
-- that have candles off it.
SELECT symbol, day, COALESCE(h.present_slots, 0) AS counted, COALESCE(k.slots, 0) AS held
FROM (
    SELECT n.symbol, CAST(n.day_start AT TIME ZONE 'UTC' AS date) AS day,
        CASE WHEN NOT n.off_grid THEN n.candles ELSE (
            SELECT count(DISTINCT date_bin(:length, c.open_time, 'epoch'))
            FROM {batch} AS c
            WHERE c.symbol = n.symbol AND c.open_time >= n.day_start
                AND c.open_time < n.day_start + interval '24 hours'
        ) END AS slots
    FROM (
        SELECT c.symbol, date_bin('1 day', c.open_time, 'epoch') AS day_start,
            count(*) AS candles,
            bool_or(c.open_time <> date_bin(:length, c.open_time, 'epoch')) AS off_grid
        FROM {batch} AS c
        GROUP BY 1, 2
    ) AS n
) AS k
FULL JOIN (
    SELECT d.symbol, d.day, d.present_slots
    FROM market.coverage_days AS d
    WHERE d.timeframe = :timeframe AND d.day >= CAST(:start AT TIME ZONE 'UTC' AS date)
        AND d.day < CAST(:end AT TIME ZONE 'UTC' AS date)
        AND (CAST(:symbols AS text[]) IS NULL OR d.symbol = ANY (CAST(:symbols AS text[])))
) AS h USING (symbol, day)
WHERE COALESCE(h.present_slots, 0) <> COALESCE(k.slots, 0)

-- name: wanted
SELECT w.symbol, w.timeframe, w.wanted_from, w.wanted_end, w.wanted_end - w.length AS newest_slot
FROM market.wanted_series AS w
WHERE w.timeframe = :timeframe
    AND (CAST(:symbols AS text[]) IS NULL OR w.symbol = ANY (CAST(:symbols AS text[])))

-- name: stale
-- The newest slot that can be expected is neither held nor known to be absent. What loads is
-- not late.
SELECT w.symbol, w.timeframe, w.newest_slot, k.last_open_time
FROM {batch} AS w
LEFT JOIN market.collector_state AS k ON k.symbol = w.symbol AND k.timeframe = w.timeframe
WHERE NOT EXISTS (
        SELECT
        FROM market.loads AS l
        WHERE l.symbol = w.symbol AND l.timeframe = w.timeframe AND l.newest
    )
    AND NOT EXISTS (
        SELECT
        FROM market.candles_{timeframe} AS c
        WHERE c.symbol = w.symbol AND c.open_time >= w.newest_slot
        OFFSET 0
    )
    AND NOT EXISTS (
        SELECT
        FROM market.gaps AS g
        WHERE g.symbol = w.symbol AND g.timeframe = w.timeframe AND g.verdict <> 'pending'
            AND g.gap_start <= w.newest_slot AND g.gap_end > w.newest_slot
    )

-- name: gaps
SELECT g.symbol, g.timeframe, g.gap_start, g.gap_end, g.candles_missing, g.verdict, g.checked_at,
    g.next_check_at
FROM market.gaps AS g
WHERE g.timeframe = :timeframe AND g.gap_end > :start AND g.gap_start < :end
    AND (CAST(:symbols AS text[]) IS NULL OR g.symbol = ANY (CAST(:symbols AS text[])))

-- name: gaps_miscounted
SELECT g.symbol, g.timeframe, g.gap_start, g.gap_end, g.candles_missing
FROM {batch} AS g
WHERE g.gap_start <> date_bin(:length, g.gap_start, 'epoch')
    OR g.gap_end <> date_bin(:length, g.gap_end, 'epoch')
    OR g.gap_end - g.gap_start <> g.candles_missing * :length

-- name: gaps_overlapping
SELECT n.symbol, n.timeframe, n.gap_start, n.previous_end
FROM (
    SELECT g.symbol, g.timeframe, g.gap_start,
        lag(g.gap_end) OVER (PARTITION BY g.symbol ORDER BY g.gap_start) AS previous_end
    FROM {batch} AS g
) AS n
WHERE n.previous_end > n.gap_start

-- name: gaps_contradicted
SELECT g.symbol, g.timeframe, g.gap_start, g.gap_end, g.verdict, k.open_time
FROM {batch} AS g
CROSS JOIN LATERAL (
    SELECT c.open_time
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = g.symbol AND c.open_time >= g.gap_start AND c.open_time < g.gap_end
    ORDER BY c.open_time
    LIMIT 1
) AS k

-- name: gaps_not_over
SELECT g.symbol, g.timeframe, g.gap_start, g.gap_end
FROM {batch} AS g
WHERE g.gap_end > (SELECT e.exchange_time FROM market.exchange_state AS e)

-- name: universe
SELECT u.as_of, u.rank, u.symbol, u.base_asset, u.market_cap_usd, u.source
FROM market.universe AS u
WHERE u.as_of >= :start AND u.as_of < :end
    AND (CAST(:symbols AS text[]) IS NULL OR u.symbol = ANY (CAST(:symbols AS text[])))

-- name: unknown_members
SELECT u.as_of, u.symbol, u.base_asset
FROM {batch} AS u
WHERE NOT EXISTS (
    SELECT FROM market.instruments AS i
    WHERE i.symbol = u.symbol AND i.base_asset = u.base_asset
)

-- name: snapshots_ahead
-- Two snapshots at one moment of the exchange's clock are told apart by microseconds.
SELECT u.as_of, u.symbol
FROM {batch} AS u
WHERE u.as_of > (SELECT e.exchange_time FROM market.exchange_state AS e) + interval '1 second'

-- name: instruments
SELECT i.symbol, i.base_asset, i.quote_asset, i.status, i.tick_size, i.lot_size, i.min_notional,
    i.first_open_time, i.left_at, i.refreshed_at
FROM market.instruments AS i
WHERE (CAST(:symbols AS text[]) IS NULL OR i.symbol = ANY (CAST(:symbols AS text[])))

-- name: left_and_trading
SELECT i.symbol, i.status, i.left_at
FROM {batch} AS i
WHERE (i.status = 'TRADING') = (i.left_at IS NOT NULL)
