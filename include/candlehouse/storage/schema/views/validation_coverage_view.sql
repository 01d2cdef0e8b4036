-- Is it validated? Every candle that is stored is in a day that was found good, was found
-- broken, or was not looked at since it was last changed: the last three counts add up.
CREATE OR REPLACE VIEW market.validation_coverage AS
SELECT d.symbol, d.timeframe, d.day, d.stored,
    CASE WHEN d.passed THEN d.stored ELSE 0 END AS validated,
    CASE WHEN NOT d.passed THEN d.stored ELSE 0 END AS failed,
    CASE WHEN d.passed IS NULL THEN d.stored ELSE 0 END AS unvalidated,
    d.changed_at, d.run_id, d.exchange_time, d.settles_at
FROM (
    SELECT h.symbol, h.timeframe, h.day, h.present_slots AS stored, h.changed_at, v.run_id,
        v.exchange_time,
        -- When the last candle of the day closed an hour ago, and all can be asked of it.
        (h.day + 1)::timestamp AT TIME ZONE 'UTC' + interval '1 hour' AS settles_at,
        CASE WHEN v.change_id = h.change_id AND v.parts_change_id IS NOT DISTINCT FROM p.change_id
            THEN v.passed END AS passed
    FROM market.coverage_days AS h
    JOIN market.timeframes AS t USING (timeframe)
    LEFT JOIN market.coverage_days AS p
        ON p.symbol = h.symbol AND p.timeframe = t.parts AND p.day = h.day
    LEFT JOIN market.validated_days AS v
        ON v.symbol = h.symbol AND v.timeframe = h.timeframe AND v.day = h.day
    WHERE h.present_slots > 0
) AS d;

COMMENT ON VIEW market.validation_coverage IS
    'Is it validated? One row per symbol, timeframe and UTC day: stored = validated + failed +'
    ' unvalidated';
COMMENT ON COLUMN market.validation_coverage.symbol IS
    'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.validation_coverage.timeframe IS
    'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.validation_coverage.day IS 'UTC day';
COMMENT ON COLUMN market.validation_coverage.stored IS 'Candles that are stored';
COMMENT ON COLUMN market.validation_coverage.validated IS
    'Candles that passed a validation since their last change';
COMMENT ON COLUMN market.validation_coverage.failed IS
    'Candles of windows with a broken expectation';
COMMENT ON COLUMN market.validation_coverage.unvalidated IS
    'Candles that were not validated since their last change';
COMMENT ON COLUMN market.validation_coverage.changed_at IS
    'When the candles of the day changed last, on the clock of the database';
COMMENT ON COLUMN market.validation_coverage.run_id IS
    'Number of the last run that validated the day; NULL before the first';
COMMENT ON COLUMN market.validation_coverage.exchange_time IS
    'Time on the clock of the exchange for which the day was validated; NULL before the first'
    ' validation';
COMMENT ON COLUMN market.validation_coverage.settles_at IS
    'When all expectations apply to the day: an hour after the close of its last candle';
