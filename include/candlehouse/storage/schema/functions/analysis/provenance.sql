-- Where each stored candle of a range came from, and what the other sources said of it.
-- confirmed_by: the other sources whose comparisons cover it, and when they last did (exchange
-- clock); refused: what lower sources say instead, with all values; lacking: who has no such
-- candle. A single query, so that the planner sees the range and leaves other years out.
CREATE OR REPLACE FUNCTION market.provenance(
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
        WHERE n.symbol = of_symbol AND n.timeframe = market.to_timeframe(of_timeframe)
            AND n.open_time = c.open_time
    ) AS u
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE x.applied) AS corrections,
            array_agg(x.source_after) FILTER (WHERE x.stands) AS refusing,
            jsonb_agg(jsonb_build_object('source', x.source_after, 'values', x.after)
                ORDER BY x.correction_id) FILTER (WHERE x.stands) AS refused
        FROM (
            SELECT r.correction_id, r.source_after, r.after, r.applied,
                NOT r.applied AND r.after <> jsonb_build_object(
                    'close_time', c.close_time, 'open', c.open, 'high', c.high, 'low', c.low,
                    'close', c.close, 'volume', c.volume, 'quote_volume', c.quote_volume,
                    'trades', c.trades, 'taker_buy_volume', c.taker_buy_volume,
                    'taker_buy_quote_volume', c.taker_buy_quote_volume
                -- Refused against a candle that was replaced since, it may have been again.
                ) AND NOT EXISTS (
                    SELECT
                    FROM market.corrections AS again
                    WHERE again.symbol = of_symbol
                        AND again.timeframe = market.to_timeframe(of_timeframe)
                        AND again.open_time = r.open_time AND NOT again.applied
                        AND again.source_after = r.source_after AND again.after = r.after
                        AND again.correction_id > r.correction_id
                ) AS stands
            FROM market.corrections AS r
            WHERE r.symbol = of_symbol AND r.timeframe = market.to_timeframe(of_timeframe)
                AND r.open_time = c.open_time
        ) AS x
    ) AS k
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(o.source, o.checked_at) AS confirmed_by
        FROM market.confirmations AS o
        WHERE o.symbol = of_symbol AND o.timeframe = market.to_timeframe(of_timeframe)
            -- None is longer than a day, and a candle off the grid opens after its slot does.
            AND o.range_start > c.open_time - interval '24 hours'
            AND o.range_start <= c.open_time AND o.range_end > c.open_time
            AND o.source <> c.source
            AND o.source <> ALL (COALESCE(k.refusing, '{}'))
            AND o.source <> ALL (COALESCE(u.lacking, '{}'))
    ) AS f
    WHERE c.symbol = of_symbol AND c.timeframe = market.to_timeframe(of_timeframe)
        AND c.open_time >= range_start AND c.open_time < range_end
    ORDER BY c.open_time;
END;

COMMENT ON FUNCTION market.provenance IS
    'Source of each stored candle in [range_start, range_end), the other sources that confirm'
    ' it and when they last did, the differing values of lower-ranking sources, and the sources'
    ' that lack it';
