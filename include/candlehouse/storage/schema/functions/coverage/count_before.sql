-- Slots held on the day of `moment` that open before it.
CREATE OR REPLACE FUNCTION market.count_before(
    of_symbol text, of_timeframe market.timeframe, length interval, moment timestamptz
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    day_start timestamptz := date_trunc('day', moment, 'UTC');
    held_from timestamptz;
    slots     bigint;
BEGIN
    IF moment = day_start THEN
        RETURN 0;
    END IF;
    SELECT date_bin(length, k.first_open_time, 'epoch')
    INTO held_from
    FROM market.collector_state AS k
    WHERE k.symbol = of_symbol AND k.timeframe = of_timeframe;
    IF held_from >= moment THEN
        RETURN 0;
    END IF;
    EXECUTE format(
        'SELECT count(DISTINCT date_bin($1, open_time, ''epoch'')) FROM market.%I'
        ' WHERE symbol = $2 AND open_time >= $3 AND open_time < $4', 'candles_' || of_timeframe)
    INTO slots USING length, of_symbol, day_start, moment;
    RETURN slots;
END $$;

COMMENT ON FUNCTION market.count_before IS
    'Part of coverage: stored slots of the first wanted day that lie before the wanted range';
