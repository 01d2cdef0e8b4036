-- Slots from a moment to the end of its UTC day that are held: of the last day of what is
-- wanted, on which nobody could miss them yet. Of a day that is held without a hole up to the
-- newest candle that is arithmetic; only of others the candles are read.
CREATE OR REPLACE FUNCTION market.count_early(
    of_symbol text, of_timeframe market.timeframe, length interval, moment timestamptz,
    present bigint
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    day_start timestamptz := date_trunc('day', moment, 'UTC');
    day_end   timestamptz := day_start + interval '24 hours';
    held_from timestamptz;
    held_to   timestamptz;
    slots     bigint;
BEGIN
    IF moment = day_start THEN
        RETURN 0;
    END IF;
    SELECT GREATEST(day_start, date_bin(length, k.first_open_time, 'epoch')),
        LEAST(day_end, date_bin(length, k.last_open_time, 'epoch') + length)
    INTO held_from, held_to
    FROM market.collector_state AS k
    WHERE k.symbol = of_symbol AND k.timeframe = of_timeframe
        AND k.first_open_time IS NOT NULL AND k.last_open_time IS NOT NULL;
    IF held_to <= moment THEN
        RETURN 0;
    ELSIF held_from <= moment
        AND extract(epoch FROM held_to - held_from) = present * extract(epoch FROM length) THEN
        RETURN extract(epoch FROM held_to - moment) / extract(epoch FROM length);
    END IF;
    EXECUTE format(
        'SELECT count(DISTINCT date_bin($1, open_time, ''epoch'')) FROM market.%I'
        ' WHERE symbol = $2 AND open_time >= $3 AND open_time < $4', 'candles_' || of_timeframe)
    INTO slots USING length, of_symbol, moment, day_end;
    RETURN slots;
END $$;

COMMENT ON FUNCTION market.count_early IS
    'Part of coverage: stored slots of the last wanted day that are not expected yet';
