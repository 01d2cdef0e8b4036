-- When columns are NULL, and since when.
COMMENT ON COLUMN market.collector_state.first_open_time IS
    'Open time of the first stored candle; NULL until a candle is stored, and again after retention has deleted all of them';
COMMENT ON COLUMN market.collector_state.last_open_time IS
    'Open time of the last candle that was stored, which retention does not change; NULL until a candle is stored';
COMMENT ON COLUMN market.collector_state.last_updated IS
    'When candles were stored or a failure was noted the last time, on the clock of the database';
COMMENT ON COLUMN market.collector_state.last_error IS
    'Why the series could not be collected; NULL until that happens, and again as soon as candles are stored';
