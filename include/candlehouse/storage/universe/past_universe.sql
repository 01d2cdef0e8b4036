-- Volumes and snapshots of past months.

-- name: insert_volumes
-- Existing rows are kept, because another process may have stored the same months meanwhile.
INSERT INTO market.monthly_volumes (symbol, month, quote_volume, days, last_day)
SELECT v.symbol, v.month, v.quote_volume, v.days, v.last_day
FROM unnest(
    CAST(:symbols AS text[]), CAST(:months AS date[]), CAST(:quote_volumes AS numeric[]),
    CAST(:days AS integer[]), CAST(:last_days AS date[])
) AS v (symbol, month, quote_volume, days, last_day)
ON CONFLICT (month, symbol) DO NOTHING;

-- name: select_known
SELECT v.symbol, v.month
FROM market.monthly_volumes AS v
WHERE v.month >= CAST(:first AS date) AND v.month <= CAST(:last AS date);

-- name: select_volumes
SELECT v.symbol, v.month, v.quote_volume, v.days, v.last_day
FROM market.monthly_volumes AS v
WHERE v.month = CAST(:month AS date) AND v.days > 0;

-- name: select_first_live
SELECT min(u.as_of) AS as_of FROM market.universe AS u WHERE u.source <> :backfilled;

-- name: select_backfilled_months
SELECT DISTINCT u.as_of FROM market.universe AS u WHERE u.source = :backfilled;

-- name: select_backfilled_members
SELECT u.symbol
FROM market.universe AS u
WHERE u.as_of = :as_of AND u.source = :backfilled;

-- name: is_free
-- Whether a snapshot of then would neither stand in the place of another one nor after one that
-- was taken live.
SELECT NOT EXISTS (
    SELECT FROM market.universe AS u
    WHERE u.as_of = CAST(:as_of AS timestamptz)
        OR (u.as_of <= CAST(:as_of AS timestamptz) AND u.source <> :backfilled)
) AS is_free;

-- name: select_without_first_candle
-- Series of members whose pair did not trade at the last refresh, and whose first candle is
-- unknown.
SELECT i.symbol, t.timeframe
FROM market.instruments AS i
CROSS JOIN unnest(CAST(:timeframes AS market.timeframe[])) AS t (timeframe)
LEFT JOIN market.series AS s ON s.symbol = i.symbol AND s.timeframe = t.timeframe
WHERE i.status <> :trading AND s.first_open_time IS NULL
    AND EXISTS (SELECT FROM market.universe AS u WHERE u.symbol = i.symbol)
ORDER BY i.symbol, t.timeframe;

-- name: select_departed
-- Series that are wanted without an end, of pairs that do not trade by the last refresh.
SELECT s.symbol, s.timeframe
FROM market.series AS s
JOIN market.instruments AS i USING (symbol)
WHERE s.wanted_from IS NOT NULL AND s.wanted_to IS NULL AND i.status <> :trading
    AND s.symbol = ANY (CAST(:symbols AS text[]))
    AND s.timeframe = ANY (CAST(:timeframes AS market.timeframe[]))
ORDER BY s.symbol, s.timeframe;
