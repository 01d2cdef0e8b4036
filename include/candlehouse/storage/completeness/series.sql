-- What is wanted of each series, what is known of it, and how it stands.

-- name: select_series
SELECT s.symbol, s.timeframe, s.first_open_time, s.wanted_from, s.wanted_to, s.first_asked_at
FROM market.series AS s
WHERE s.timeframe = ANY (CAST(:timeframes AS market.timeframe[]))
    AND (CAST(:symbols AS text[]) IS NULL OR s.symbol = ANY (:symbols))
ORDER BY s.symbol, s.timeframe

-- name: upsert_first_open_time
INSERT INTO market.series AS s (symbol, timeframe, first_open_time, first_asked_at)
VALUES (
    :symbol, :timeframe, :first_open_time, (SELECT e.exchange_time FROM market.exchange_state AS e))
ON CONFLICT (symbol, timeframe) DO UPDATE
SET first_open_time = EXCLUDED.first_open_time, first_asked_at = EXCLUDED.first_asked_at

-- name: note_first_candles
-- A long candle opens before the listing that falls in it, so the latest of the first ones
-- says best when the pair was listed.
UPDATE market.instruments AS i
SET first_open_time = f.first_open_time
FROM (
    SELECT s.symbol, max(s.first_open_time) AS first_open_time
    FROM market.series AS s
    WHERE s.symbol = ANY (:symbols)
    GROUP BY s.symbol
) AS f
WHERE i.symbol = f.symbol AND i.first_open_time IS DISTINCT FROM f.first_open_time

-- name: select_unfinished
-- Symbols of which anything is wanted, or was asked for and has no verdict.
SELECT s.symbol FROM market.series AS s WHERE s.wanted_from IS NOT NULL
UNION
SELECT g.symbol FROM market.gaps AS g WHERE g.verdict = 'pending'
ORDER BY symbol

-- name: want_series
UPDATE market.series AS s
SET wanted_from = w.wanted_from
FROM unnest(
    CAST(:symbols AS text[]), CAST(:timeframes AS market.timeframe[]),
    CAST(:starts AS timestamptz[])
) AS w (symbol, timeframe, wanted_from)
WHERE s.symbol = w.symbol AND s.timeframe = w.timeframe

-- name: want_streamed
INSERT INTO market.series AS s (symbol, timeframe, wanted_from)
SELECT m.symbol, r.timeframe, r.wanted_from
FROM unnest(CAST(:symbols AS text[])) AS m (symbol)
CROSS JOIN unnest(CAST(:timeframes AS market.timeframe[]), CAST(:starts AS timestamptz[]))
    AS r (timeframe, wanted_from)
ORDER BY m.symbol, r.timeframe
ON CONFLICT (symbol, timeframe) DO UPDATE
-- GREATEST ignores NULL, so a first candle that is not known yet sets no bound.
SET wanted_from = GREATEST(
    COALESCE(s.wanted_from, EXCLUDED.wanted_from),
    (
        SELECT date_bin(t.length, s.first_open_time, 'epoch')
        FROM market.timeframes AS t
        WHERE t.timeframe = s.timeframe
    )
)
WHERE s.wanted_from IS NULL OR s.wanted_from < s.first_open_time

-- name: end_series
-- The symbol stopped trading: nothing after its last candle is wanted.
UPDATE market.series AS s
SET wanted_to = :wanted_to
WHERE s.symbol = :symbol AND s.timeframe = :timeframe AND s.wanted_to IS DISTINCT FROM :wanted_to

-- name: reopen_series
UPDATE market.series AS s
SET wanted_to = NULL
FROM market.instruments AS i
WHERE i.symbol = s.symbol AND i.status = 'TRADING' AND s.wanted_to IS NOT NULL

-- name: select_lives
SELECT l.symbol, l.asset_id, l.valid_from, l.valid_to
FROM market.instrument_lives AS l
WHERE l.symbol = ANY (:symbols)
ORDER BY l.symbol, l.valid_from

-- name: select_last_held
SELECT k.last_open_time
FROM market.collector_state AS k
WHERE k.symbol = :symbol AND k.timeframe = :timeframe

-- name: select_held_bounds
SELECT k.symbol, k.first_open_time, k.last_open_time
FROM market.collector_state AS k
WHERE k.timeframe = :timeframe AND k.first_open_time IS NOT NULL AND k.last_open_time IS NOT NULL
ORDER BY k.symbol

-- name: record_error
INSERT INTO market.collector_state (symbol, timeframe, last_error)
VALUES (:symbol, :timeframe, :last_error)
ON CONFLICT (symbol, timeframe) DO UPDATE
SET last_error = EXCLUDED.last_error, last_updated = clock_timestamp()
