-- Gaps are read and written under the locks of their series, those of many together.

-- name: select_gaps
SELECT g.symbol, g.timeframe, g.gap_start, g.gap_end, g.verdict, g.evidence, g.next_check_at
FROM market.gaps AS g
JOIN unnest(CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
    AS r (symbol, range_start, range_end) ON r.symbol = g.symbol
-- Touching neighbours too: they may have to be merged.
WHERE g.timeframe = :timeframe AND g.gap_start <= r.range_end AND g.gap_end >= r.range_start
ORDER BY g.symbol, g.gap_start

-- name: select_judged_by_held
-- What was judged by what is held alone, and may be judged otherwise when more is held.
SELECT g.symbol, g.gap_start, g.gap_end, g.verdict, g.evidence, g.next_check_at
FROM market.gaps AS g
WHERE g.timeframe = :timeframe AND g.gap_start < :high AND g.gap_end > :low
    AND g.evidence ->> 'asked' = 'held' AND g.verdict IN ('pending', 'exchange_outage')
ORDER BY g.symbol, g.gap_start

-- name: select_pending
SELECT g.symbol, g.timeframe, g.gap_start, g.gap_end
FROM market.gaps AS g
WHERE g.verdict = 'pending' AND g.symbol = ANY (:symbols)
ORDER BY g.symbol, g.timeframe, g.gap_start

-- name: delete_gaps
DELETE FROM market.gaps AS g
USING unnest(CAST(:symbols AS text[]), CAST(:starts AS timestamptz[])) AS d (symbol, gap_start)
WHERE g.symbol = d.symbol AND g.timeframe = :timeframe AND g.gap_start = d.gap_start

-- name: insert_gaps
INSERT INTO market.gaps (
    symbol, timeframe, gap_start, gap_end, candles_missing, verdict, evidence,
    checked_at, next_check_at)
SELECT n.symbol, :timeframe, n.gap_start, n.gap_end, n.candles_missing, n.verdict, n.evidence,
    :checked_at, n.next_check_at
FROM unnest(
    CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
    CAST(:missing AS bigint[]), CAST(:verdicts AS text[]), CAST(:evidence AS jsonb[]),
    CAST(:next_checks AS timestamptz[])
) AS n (symbol, gap_start, gap_end, candles_missing, verdict, evidence, next_check_at)

-- name: insert_gap_history
INSERT INTO market.gap_history (
    symbol, timeframe, gap_start, gap_end, candles_missing, verdict, evidence,
    checked_at, filled_at)
SELECT n.symbol, :timeframe, n.gap_start, n.gap_end, n.candles_missing, n.verdict, n.evidence,
    :checked_at, :checked_at
FROM unnest(
    CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
    CAST(:missing AS bigint[]), CAST(:verdicts AS text[]), CAST(:evidence AS jsonb[])
) AS n (symbol, gap_start, gap_end, candles_missing, verdict, evidence)
