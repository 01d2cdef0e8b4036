-- What is wanted of a series up to what can be expected by now, half-open, and the first and
-- last day of that; only series of which anything is.
-- Ranges of days are made of these before rows of which nothing is wanted are left out, or after
-- it, as the planner likes: so the last day is never before the first.
CREATE OR REPLACE VIEW market.wanted_series AS
SELECT n.symbol, n.timeframe, n.length, market.slots_per_day(n.length) AS slots_per_day,
    n.wanted_from, n.wanted_end, (n.wanted_from AT TIME ZONE 'UTC')::date AS first_day,
    ((GREATEST(n.wanted_end - interval '1 microsecond', n.wanted_from)) AT TIME ZONE 'UTC')::date
        AS last_day
FROM (
    SELECT s.symbol, s.timeframe, t.length, s.wanted_from, LEAST(
        date_bin(t.length, e.exchange_time - e.close_grace, 'epoch'), s.wanted_to
    ) AS wanted_end
    FROM market.series AS s
    JOIN market.timeframes AS t USING (timeframe)
    CROSS JOIN market.exchange_state AS e
) AS n
WHERE n.wanted_end > n.wanted_from;

COMMENT ON VIEW market.wanted_series IS
    'Wanted range up to now, one row per symbol and timeframe with such a range';
COMMENT ON COLUMN market.wanted_series.symbol IS
    'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.wanted_series.timeframe IS
    'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.wanted_series.length IS 'Length of a candle';
COMMENT ON COLUMN market.wanted_series.slots_per_day IS 'Candles of a whole day';
COMMENT ON COLUMN market.wanted_series.wanted_from IS 'Start of the wanted range, inclusive';
COMMENT ON COLUMN market.wanted_series.wanted_end IS
    'End of the wanted range that can be expected by the clock of the exchange, exclusive';
COMMENT ON COLUMN market.wanted_series.first_day IS 'UTC day of the start';
COMMENT ON COLUMN market.wanted_series.last_day IS 'Last UTC day of the wanted range';
