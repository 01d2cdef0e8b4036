-- Candles of any longer timeframe out of those that are stored, exactly: sums and extremes of
-- numeric, the first open, the last close.
CREATE OR REPLACE FUNCTION market.resample(
    of_symbol text, target interval, range_start timestamptz, range_end timestamptz,
    source text DEFAULT NULL
) RETURNS TABLE (
    open_time timestamptz, open numeric, high numeric, low numeric, close numeric,
    volume numeric, quote_volume numeric, trades bigint, taker_buy_volume numeric,
    taker_buy_quote_volume numeric, candles bigint, expected bigint,
    source_timeframe market.timeframe
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    seconds numeric := extract(epoch FROM target);
    -- Whole weeks begin on a Monday, all else is counted from 1970.
    origin  timestamptz := CASE WHEN mod(seconds, 604800) = 0 THEN '1970-01-05 00:00+00' ELSE 'epoch' END;
    stored  market.timeframe[];
    part    market.timeframe;
    length  interval;
BEGIN
    IF seconds <= 0 OR extract(year FROM target) <> 0 OR extract(month FROM target) <> 0 THEN
        RAISE EXCEPTION 'candles of % cannot be made: it has no fixed length above 0', target
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    stored := CASE WHEN source IS NOT NULL THEN ARRAY[market.to_timeframe(source)] ELSE ARRAY(
        SELECT t.timeframe
        FROM market.timeframes AS t
        WHERE EXISTS (
            SELECT
            FROM market.coverage_days AS h
            WHERE h.symbol = of_symbol AND h.timeframe = t.timeframe AND h.present_slots > 0
                AND h.day >= (range_start AT TIME ZONE 'UTC')::date
                AND h.day <= ((range_end + target) AT TIME ZONE 'UTC')::date
        )
        ORDER BY t.timeframe
    ) END;
    SELECT t.timeframe, t.length
    INTO part, length
    FROM market.timeframes AS t
    WHERE t.timeframe = ANY (stored) AND mod(seconds, extract(epoch FROM t.length)) = 0
    ORDER BY t.length DESC
    LIMIT 1;
    IF part IS NULL AND (stored <> '{}' OR mod(seconds, 60) <> 0) THEN
        RAISE EXCEPTION 'candles of % are not made of whole ones of %', target,
                COALESCE(NULLIF(array_to_string(stored, ', '), ''), '1m')
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF part IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format($sql$
        SELECT date_bin($2, c.open_time, $3), (array_agg(c.open ORDER BY c.open_time))[1],
            max(c.high), min(c.low), (array_agg(c.close ORDER BY c.open_time))[count(*)::integer],
            sum(c.volume),
            -- A part whose number is not known leaves the sum unknown.
            CASE WHEN count(c.quote_volume) = count(*) THEN sum(c.quote_volume) END,
            CASE WHEN count(c.trades) = count(*) THEN sum(c.trades)::bigint END,
            CASE WHEN count(c.taker_buy_volume) = count(*) THEN sum(c.taker_buy_volume) END,
            CASE WHEN count(c.taker_buy_quote_volume) = count(*)
                THEN sum(c.taker_buy_quote_volume) END,
            count(DISTINCT date_bin($6, c.open_time, 'epoch')), $7, $8
        FROM market.%I AS c
        WHERE c.symbol = $1 AND c.open_time >= $4 AND c.open_time < $5
        GROUP BY 1
        ORDER BY 1
        $sql$, 'candles_' || part)
    USING of_symbol, target, origin,
        date_bin(target, range_start - interval '1 microsecond', origin) + target,
        date_bin(target, range_end - interval '1 microsecond', origin) + target,
        length, (seconds / extract(epoch FROM length))::bigint, part;
END $$;

COMMENT ON FUNCTION market.resample IS
    'Candles of any longer timeframe (target, such as 2h or 1 week) out of stored ones, exactly;'
    ' one row per slot that opens in [range_start, range_end) and has any. Slots are counted from'
    ' 1970 in UTC, whole weeks from a Monday. candles says how many source candles a row is made'
    ' of, expected how many a whole one has. source is the timeframe they are taken from; if it is'
    ' not given, the longest that divides target and has candles in the range';
