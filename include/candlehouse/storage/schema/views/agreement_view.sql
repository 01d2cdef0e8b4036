-- How far two sources agree on a UTC day of a series. Of several runs the newest counts of
-- those that saw the most candles of the day. What was corrected at any time, while streaming
-- or loading too, is stored as another source's since, and counts as differing all the same.
CREATE OR REPLACE VIEW market.agreement AS
WITH runs AS (
    SELECT r.run_id, r.symbol, r.timeframe, (r.range_start AT TIME ZONE 'UTC')::date AS day,
        r.stored_source, r.source, sum(r.compared) AS compared, sum(r.differing) AS differing,
        sum(r.held_only) AS held_only, max(r.checked_at) AS checked_at,
        sum(r.compared) + sum(r.held_only) + sum(r.source_only) AS candles
    FROM market.reconciliations AS r
    GROUP BY r.run_id, r.symbol, r.timeframe, (r.range_start AT TIME ZONE 'UTC')::date,
        r.stored_source, r.source
),
seen AS (
    SELECT s.*, sum(s.candles) OVER (
        PARTITION BY s.symbol, s.timeframe, s.day, s.source, s.run_id) AS seen
    FROM runs AS s
),
latest AS (
    SELECT DISTINCT ON (n.symbol, n.timeframe, n.day, n.stored_source, n.source)
        n.symbol, n.timeframe, n.day, n.stored_source, n.source, n.compared, n.differing,
        n.held_only, n.checked_at,
        market.source_rank(n.source) >= market.source_rank(n.stored_source) AS corrects
    FROM seen AS n
    WHERE n.stored_source <> 'none'
    ORDER BY n.symbol, n.timeframe, n.day, n.stored_source, n.source, n.seen DESC, n.run_id DESC
),
parts AS (
    SELECT l.symbol, l.timeframe, l.day, l.stored_source, l.source,
        l.compared - l.differing AS equal,
        -- What this run corrected is among the corrections.
        CASE WHEN l.corrects THEN 0 ELSE l.differing END AS refused, 0::bigint AS corrected,
        l.held_only, l.checked_at
    FROM latest AS l
    UNION ALL
    SELECT k.symbol, k.timeframe, (k.open_time AT TIME ZONE 'UTC')::date, k.source_before,
        k.source_after, 0, 0, count(DISTINCT k.open_time), 0, NULL
    FROM market.corrections AS k
    WHERE k.applied AND EXISTS (
        SELECT
        FROM market.reconciliations AS r
        WHERE r.symbol = k.symbol AND r.timeframe = k.timeframe AND r.source = k.source_after
            AND r.range_start >= date_trunc('day', k.open_time, 'UTC')
            AND r.range_start < date_trunc('day', k.open_time, 'UTC') + interval '24 hours'
    )
    GROUP BY k.symbol, k.timeframe, (k.open_time AT TIME ZONE 'UTC')::date, k.source_before,
        k.source_after
),
days AS (
    SELECT p.symbol, p.timeframe, p.day, p.stored_source, p.source,
        -- A source that corrected itself is still the source of what it corrected.
        CASE WHEN p.stored_source = p.source
            THEN GREATEST(sum(p.equal), sum(p.corrected))
            ELSE sum(p.equal) + sum(p.refused) + sum(p.corrected)
        END AS compared,
        sum(p.refused) + sum(p.corrected) AS differing,
        sum(p.held_only) AS held_only, max(p.checked_at) AS checked_at
    FROM parts AS p
    GROUP BY p.symbol, p.timeframe, p.day, p.stored_source, p.source
)
SELECT symbol, timeframe, day, stored_source, source, compared::integer AS compared,
    differing::integer AS differing, held_only::integer AS held_only,
    -- Cut off: 100 is said only when it is true.
    trunc(100 * (compared - differing) / NULLIF(compared, 0), 4) AS agreement_percent, checked_at
FROM days;

COMMENT ON VIEW market.agreement IS
    'How far a source agrees with what was stored from another one, one row per symbol,'
    ' timeframe, UTC day and pair of sources';
COMMENT ON COLUMN market.agreement.symbol IS
    'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.agreement.timeframe IS
    'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.agreement.day IS 'UTC day';
COMMENT ON COLUMN market.agreement.stored_source IS
    'Source of the stored candles at the time of the comparison';
COMMENT ON COLUMN market.agreement.source IS 'Source with which stored candles were compared';
COMMENT ON COLUMN market.agreement.compared IS
    'Number of candles that both had at the time of the comparison';
COMMENT ON COLUMN market.agreement.differing IS 'Number of compared candles with different values';
COMMENT ON COLUMN market.agreement.held_only IS
    'Number of stored candles that the source does not have';
COMMENT ON COLUMN market.agreement.agreement_percent IS
    'Percentage of compared candles with equal values, truncated to four digits, so that 100'
    ' means all; NULL where none were compared';
COMMENT ON COLUMN market.agreement.checked_at IS
    'Time of the last check, on the clock of the exchange';
