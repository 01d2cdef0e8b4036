-- How far the sources agree with what is stored, and where each stored candle came from.

CREATE SEQUENCE market.reconciliation_runs;

-- One source beside what was stored from one source, within one UTC day of a series; half-open.
-- stored_source is where the stored candles had come from when they were compared, and 'none'
-- for what was not stored.
CREATE TABLE market.reconciliations (
    run_id        bigint      NOT NULL,
    symbol        text        NOT NULL,
    timeframe     text        NOT NULL,
    range_start   timestamptz NOT NULL,
    range_end     timestamptz NOT NULL,
    source        text        NOT NULL,
    stored_source text        NOT NULL,
    -- Candles that both have.
    compared      integer     NOT NULL,
    equal         integer     GENERATED ALWAYS AS (compared - differing) STORED,
    differing     integer     NOT NULL,
    -- Stored, and the source does not have them; in the source, and stored only now.
    held_only     integer     NOT NULL,
    source_only   integer     NOT NULL,
    -- On the exchange's clock; recorded_at is the database's.
    checked_at    timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT reconciliations_pkey
        PRIMARY KEY (symbol, timeframe, range_start, source, run_id, stored_source),
    CONSTRAINT reconciliations_timeframe_fkey FOREIGN KEY (timeframe) REFERENCES market.timeframes,
    CONSTRAINT reconciliations_ordered CHECK (range_end > range_start),
    CONSTRAINT reconciliations_counts_possible CHECK (
        differing >= 0 AND compared >= differing AND held_only >= 0 AND source_only >= 0)
);
CREATE INDEX reconciliations_run ON market.reconciliations (run_id);

-- Stored candles that a source did not have when it was last asked for them. They stay stored.
CREATE TABLE market.unmatched_candles (
    symbol     text        NOT NULL,
    timeframe  text        NOT NULL,
    open_time  timestamptz NOT NULL,
    -- That lacks the candle.
    source     text        NOT NULL,
    -- Both on the exchange's clock.
    found_at   timestamptz NOT NULL,
    checked_at timestamptz NOT NULL,
    CONSTRAINT unmatched_candles_pkey PRIMARY KEY (symbol, timeframe, open_time, source),
    CONSTRAINT unmatched_candles_timeframe_fkey
        FOREIGN KEY (timeframe) REFERENCES market.timeframes
);

-- How far two sources agree on a UTC day of a series. Of several runs the newest counts of
-- those that saw the most candles of the day. What was corrected at any time, while streaming
-- or loading too, is stored as another source's since, and counts as differing all the same.
CREATE VIEW market.agreement AS
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

-- Where each stored candle of a range came from, and what the other sources said of it.
-- confirmed_by: the other sources whose comparisons cover it, and when they last did (exchange
-- clock); refused: what lower sources say instead, with all values; lacking: who has no such
-- candle. A single query, so that the planner sees the range and leaves other years out.
CREATE FUNCTION market.provenance(
    of_symbol text, of_timeframe text, range_start timestamptz, range_end timestamptz
) RETURNS TABLE (
    open_time timestamptz, source text, loaded_at timestamptz, confirmed_by jsonb,
    corrections bigint, refused jsonb, lacking text[]
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.open_time, c.source, c.loaded_at, COALESCE(f.confirmed_by, '{}') AS confirmed_by,
        k.corrections, COALESCE(k.refused, '[]') AS refused, u.lacking
    FROM market.candles AS c
    CROSS JOIN LATERAL (
        SELECT array_agg(n.source ORDER BY n.source) AS lacking
        FROM market.unmatched_candles AS n
        WHERE n.symbol = of_symbol AND n.timeframe = of_timeframe AND n.open_time = c.open_time
    ) AS u
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE x.applied) AS corrections,
            array_agg(x.source_after) FILTER (WHERE x.stands) AS refusing,
            jsonb_agg(jsonb_build_object('source', x.source_after, 'values', x.after)
                ORDER BY x.correction_id) FILTER (WHERE x.stands) AS refused
        FROM (
            SELECT r.*, NOT r.applied AND r.after <> jsonb_build_object(
                'close_time', c.close_time, 'open', c.open, 'high', c.high, 'low', c.low,
                'close', c.close, 'volume', c.volume, 'quote_volume', c.quote_volume,
                'trades', c.trades, 'taker_buy_volume', c.taker_buy_volume,
                'taker_buy_quote_volume', c.taker_buy_quote_volume
            -- Refused against a candle that was replaced since, it may have been again.
            ) AND NOT EXISTS (
                SELECT
                FROM market.corrections AS again
                WHERE again.symbol = of_symbol AND again.timeframe = of_timeframe
                    AND again.open_time = r.open_time AND NOT again.applied
                    AND again.source_after = r.source_after AND again.after = r.after
                    AND again.correction_id > r.correction_id
            ) AS stands
            FROM market.corrections AS r
            WHERE r.symbol = of_symbol AND r.timeframe = of_timeframe
                AND r.open_time = c.open_time
        ) AS x
    ) AS k
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(o.source, o.checked_at) AS confirmed_by
        FROM market.confirmations AS o
        WHERE o.symbol = of_symbol AND o.timeframe = of_timeframe
            -- None is longer than a day, and a candle off the grid opens after its slot does.
            AND o.range_start > c.open_time - interval '24 hours'
            AND o.range_start <= c.open_time AND o.range_end > c.open_time
            AND o.source <> c.source
            AND o.source <> ALL (COALESCE(k.refusing, '{}'))
            AND o.source <> ALL (COALESCE(u.lacking, '{}'))
    ) AS f
    WHERE c.symbol = of_symbol AND c.timeframe = of_timeframe
        AND c.open_time >= range_start AND c.open_time < range_end
    ORDER BY c.open_time;
END;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.reconciliations, market.unmatched_candles, market.agreement
        TO market_reader;
    END IF;
END $$;
