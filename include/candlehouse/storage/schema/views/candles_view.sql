-- The timeframe is a constant in each branch, so that the planner leaves the others out.
CREATE OR REPLACE VIEW market.candles AS
SELECT symbol, '1m'::market.timeframe AS timeframe, open_time, close_time, open, high, low,
    close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, source, flags,
    loaded_at
FROM market.candles_1m
UNION ALL
SELECT symbol, '5m'::market.timeframe AS timeframe, open_time, close_time, open, high, low,
    close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, source, flags,
    loaded_at
FROM market.candles_5m
UNION ALL
SELECT symbol, '15m'::market.timeframe AS timeframe, open_time, close_time, open, high, low,
    close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, source, flags,
    loaded_at
FROM market.candles_15m
UNION ALL
SELECT symbol, '30m'::market.timeframe AS timeframe, open_time, close_time, open, high, low,
    close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, source, flags,
    loaded_at
FROM market.candles_30m
UNION ALL
SELECT symbol, '1h'::market.timeframe AS timeframe, open_time, close_time, open, high, low,
    close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, source, flags,
    loaded_at
FROM market.candles_1h
UNION ALL
SELECT symbol, '4h'::market.timeframe AS timeframe, open_time, close_time, open, high, low,
    close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, source, flags,
    loaded_at
FROM market.candles_4h
UNION ALL
SELECT symbol, '1d'::market.timeframe AS timeframe, open_time, close_time, open, high, low,
    close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, source, flags,
    loaded_at
FROM market.candles_1d;

COMMENT ON VIEW market.candles IS
    'Closed candles of all timeframes, one row per symbol, timeframe and open time. Ask for one'
    ' timeframe, and only its table is read';
COMMENT ON COLUMN market.candles.symbol IS
    'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.candles.timeframe IS
    'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.candles.open_time IS
    'Open time of the candle: the start of a slot of its timeframe, except for old candles that'
    ' the exchange published off the grid';
COMMENT ON COLUMN market.candles.close_time IS
    'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of'
    ' the exchange';
COMMENT ON COLUMN market.candles.open IS
    'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.candles.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.candles.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.candles.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.candles.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.candles.quote_volume IS
    'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles.trades IS
    'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles.taker_buy_volume IS
    'Part of the volume that takers bought, in the base asset; NULL where an imported file did'
    ' not have it';
COMMENT ON COLUMN market.candles.taker_buy_quote_volume IS
    'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file'
    ' did not have it';
COMMENT ON COLUMN market.candles.source IS
    'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.candles.flags IS
    'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks'
    ' none';
COMMENT ON COLUMN market.candles.loaded_at IS
    'When it was stored or last corrected, on the clock of the database';
