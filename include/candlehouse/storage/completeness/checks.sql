-- What was asked about missing candles is read and written under the locks of their series,
-- that of many together.

-- name: select_checks
SELECT c.symbol, c.subject, c.source, c.range_start, c.range_end, c.answer, c.asked_at
FROM market.gap_checks AS c
JOIN unnest(CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
    AS r (symbol, range_start, range_end) ON r.symbol = c.symbol
-- Touching neighbours too: they may have to be merged.
WHERE c.timeframe = :timeframe
    AND c.range_start <= r.range_end AND c.range_end >= r.range_start
    AND (:of_others OR c.subject = c.symbol)
ORDER BY c.symbol, c.subject, c.source, c.range_start

-- name: delete_checks
DELETE FROM market.gap_checks AS c
USING unnest(
    CAST(:symbols AS text[]), CAST(:subjects AS text[]), CAST(:sources AS text[]),
    CAST(:starts AS timestamptz[])
) AS d (symbol, subject, source, range_start)
WHERE c.symbol = d.symbol AND c.timeframe = :timeframe AND c.subject = d.subject
    AND c.source = d.source AND c.range_start = d.range_start

-- name: insert_checks
INSERT INTO market.gap_checks (
    symbol, timeframe, subject, source, range_start, range_end, answer, asked_at)
SELECT n.symbol, :timeframe, n.subject, n.source, n.range_start, n.range_end, n.answer, n.asked_at
FROM unnest(
    CAST(:symbols AS text[]), CAST(:subjects AS text[]), CAST(:sources AS text[]),
    CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]), CAST(:answers AS text[]),
    CAST(:asked AS timestamptz[])
) AS n (symbol, subject, source, range_start, range_end, answer, asked_at)
