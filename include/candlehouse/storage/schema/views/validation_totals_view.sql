-- The same, a row per series, with the days on which the rest lies.
CREATE OR REPLACE VIEW market.validation_totals AS
SELECT c.symbol, c.timeframe, sum(c.stored) AS stored, sum(c.validated) AS validated,
    sum(c.failed) AS failed, sum(c.unvalidated) AS unvalidated,
    range_agg(daterange(c.day, c.day + 1)) FILTER (WHERE c.validated > 0) AS validated_days,
    range_agg(daterange(c.day, c.day + 1)) FILTER (WHERE c.validated = 0) AS other_days
FROM market.validation_coverage AS c
GROUP BY c.symbol, c.timeframe;

COMMENT ON VIEW market.validation_totals IS
    'Is it validated? One row per symbol and timeframe: sums of validation_coverage';
COMMENT ON COLUMN market.validation_totals.symbol IS
    'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.validation_totals.timeframe IS
    'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.validation_totals.stored IS 'Candles that are stored';
COMMENT ON COLUMN market.validation_totals.validated IS
    'Candles that passed a validation since their last change';
COMMENT ON COLUMN market.validation_totals.failed IS 'Candles of windows with a broken expectation';
COMMENT ON COLUMN market.validation_totals.unvalidated IS
    'Candles that were not validated since their last change';
COMMENT ON COLUMN market.validation_totals.validated_days IS
    'UTC days that passed validation; NULL without any';
COMMENT ON COLUMN market.validation_totals.other_days IS
    'UTC days that failed or were not validated; NULL without any';
