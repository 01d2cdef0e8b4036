-- Which ranges were compared with a better source, by range and never by candle.

-- name: select_confirmations
-- Touching neighbours too: they may grow.
SELECT f.symbol, f.timeframe, f.source, f.range_start, f.range_end, f.checked_at,
    f.candles, f.differing
FROM unnest(
    CAST(:symbols AS text[]), CAST(:timeframes AS market.timeframe[]), CAST(:sources AS text[]),
    CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
) AS r (symbol, timeframe, source, range_start, range_end)
JOIN market.confirmations AS f
    ON f.symbol = r.symbol AND f.timeframe = r.timeframe AND f.source = r.source
    -- None is longer than a day.
    AND f.range_start >= r.range_start - interval '1 day' AND f.range_start <= r.range_end
    AND f.range_end >= r.range_start
ORDER BY f.symbol, f.timeframe, f.source, f.range_start

-- name: delete_confirmations
DELETE FROM market.confirmations AS f
USING unnest(
    CAST(:symbols AS text[]), CAST(:timeframes AS market.timeframe[]), CAST(:sources AS text[]),
    CAST(:starts AS timestamptz[])
) AS d (symbol, timeframe, source, range_start)
WHERE f.symbol = d.symbol AND f.timeframe = d.timeframe AND f.source = d.source
    AND f.range_start = d.range_start

-- name: upsert_confirmations
INSERT INTO market.confirmations (
    symbol, timeframe, range_start, range_end, source, checked_at, candles, differing)
SELECT n.symbol, n.timeframe, n.range_start, n.range_end, n.source, n.checked_at, n.candles,
    n.differing
FROM unnest(
    CAST(:symbols AS text[]), CAST(:timeframes AS market.timeframe[]), CAST(:sources AS text[]),
    CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
    CAST(:checked AS timestamptz[]), CAST(:candles AS integer[]), CAST(:differing AS integer[])
) AS n (symbol, timeframe, source, range_start, range_end, checked_at, candles, differing)
ON CONFLICT (symbol, timeframe, range_start, source) DO UPDATE
SET range_end = EXCLUDED.range_end, checked_at = EXCLUDED.checked_at,
    candles = EXCLUDED.candles, differing = EXCLUDED.differing

-- name: select_confirmed_until
SELECT s.symbol, max(f.range_end) AS confirmed_until
FROM unnest(CAST(:symbols AS text[])) AS s (symbol)
JOIN market.confirmations AS f ON f.symbol = s.symbol AND f.timeframe = :timeframe
GROUP BY s.symbol

-- name: select_unconfirmed
-- OFFSET 0 keeps each series' candles from being read in any way but through the key.
SELECT s.symbol, date_bin(:length, min(k.open_time), 'epoch') AS first_slot,
    date_bin(:length, max(k.open_time), 'epoch') AS last_slot
FROM unnest(CAST(:symbols AS text[])) AS s (symbol)
CROSS JOIN LATERAL (
    SELECT c.open_time
    FROM market.candles_{timeframe} AS c
    WHERE c.symbol = s.symbol AND c.open_time >= :since AND c.source = 'stream'
        AND NOT EXISTS (
            SELECT
            FROM market.confirmations AS f
            WHERE f.symbol = c.symbol AND f.timeframe = :timeframe
                AND f.range_start > c.open_time - interval '1 day'
                AND f.range_start <= c.open_time AND f.range_end > c.open_time
            OFFSET 0
        )
    OFFSET 0
) AS k
GROUP BY s.symbol
