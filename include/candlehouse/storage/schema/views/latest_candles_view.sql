-- The newest candle that is stored of each series: a look through the key per series, in place
-- of a sort of all candles.
CREATE OR REPLACE VIEW market.latest_candles AS
SELECT s.symbol, s.timeframe, c.*
FROM market.coverage_series AS s
CROSS JOIN LATERAL (
    SELECT k.open_time, k.close_time, k.open, k.high, k.low, k.close, k.volume, k.quote_volume,
        k.trades, k.taker_buy_volume, k.taker_buy_quote_volume, k.source, k.flags, k.loaded_at
    FROM market.candles_1m AS k
    WHERE k.symbol = s.symbol
    ORDER BY k.open_time DESC
    LIMIT 1
) AS c
WHERE s.timeframe = '1m'::market.timeframe
UNION ALL
SELECT s.symbol, s.timeframe, c.*
FROM market.coverage_series AS s
CROSS JOIN LATERAL (
    SELECT k.open_time, k.close_time, k.open, k.high, k.low, k.close, k.volume, k.quote_volume,
        k.trades, k.taker_buy_volume, k.taker_buy_quote_volume, k.source, k.flags, k.loaded_at
    FROM market.candles_5m AS k
    WHERE k.symbol = s.symbol
    ORDER BY k.open_time DESC
    LIMIT 1
) AS c
WHERE s.timeframe = '5m'::market.timeframe
UNION ALL
SELECT s.symbol, s.timeframe, c.*
FROM market.coverage_series AS s
CROSS JOIN LATERAL (
    SELECT k.open_time, k.close_time, k.open, k.high, k.low, k.close, k.volume, k.quote_volume,
        k.trades, k.taker_buy_volume, k.taker_buy_quote_volume, k.source, k.flags, k.loaded_at
    FROM market.candles_15m AS k
    WHERE k.symbol = s.symbol
    ORDER BY k.open_time DESC
    LIMIT 1
) AS c
WHERE s.timeframe = '15m'::market.timeframe
UNION ALL
SELECT s.symbol, s.timeframe, c.*
FROM market.coverage_series AS s
CROSS JOIN LATERAL (
    SELECT k.open_time, k.close_time, k.open, k.high, k.low, k.close, k.volume, k.quote_volume,
        k.trades, k.taker_buy_volume, k.taker_buy_quote_volume, k.source, k.flags, k.loaded_at
    FROM market.candles_30m AS k
    WHERE k.symbol = s.symbol
    ORDER BY k.open_time DESC
    LIMIT 1
) AS c
WHERE s.timeframe = '30m'::market.timeframe
UNION ALL
SELECT s.symbol, s.timeframe, c.*
FROM market.coverage_series AS s
CROSS JOIN LATERAL (
    SELECT k.open_time, k.close_time, k.open, k.high, k.low, k.close, k.volume, k.quote_volume,
        k.trades, k.taker_buy_volume, k.taker_buy_quote_volume, k.source, k.flags, k.loaded_at
    FROM market.candles_1h AS k
    WHERE k.symbol = s.symbol
    ORDER BY k.open_time DESC
    LIMIT 1
) AS c
WHERE s.timeframe = '1h'::market.timeframe
UNION ALL
SELECT s.symbol, s.timeframe, c.*
FROM market.coverage_series AS s
CROSS JOIN LATERAL (
    SELECT k.open_time, k.close_time, k.open, k.high, k.low, k.close, k.volume, k.quote_volume,
        k.trades, k.taker_buy_volume, k.taker_buy_quote_volume, k.source, k.flags, k.loaded_at
    FROM market.candles_4h AS k
    WHERE k.symbol = s.symbol
    ORDER BY k.open_time DESC
    LIMIT 1
) AS c
WHERE s.timeframe = '4h'::market.timeframe
UNION ALL
SELECT s.symbol, s.timeframe, c.*
FROM market.coverage_series AS s
CROSS JOIN LATERAL (
    SELECT k.open_time, k.close_time, k.open, k.high, k.low, k.close, k.volume, k.quote_volume,
        k.trades, k.taker_buy_volume, k.taker_buy_quote_volume, k.source, k.flags, k.loaded_at
    FROM market.candles_1d AS k
    WHERE k.symbol = s.symbol
    ORDER BY k.open_time DESC
    LIMIT 1
) AS c
WHERE s.timeframe = '1d'::market.timeframe;

COMMENT ON VIEW market.latest_candles IS
    'The newest stored candle of each series, one row per symbol and timeframe';
COMMENT ON COLUMN market.latest_candles.symbol IS
    'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.latest_candles.timeframe IS
    'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.latest_candles.open_time IS
    'Open time of the candle: the start of a slot of its timeframe, except for old candles that'
    ' the exchange published off the grid';
COMMENT ON COLUMN market.latest_candles.close_time IS
    'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of'
    ' the exchange';
COMMENT ON COLUMN market.latest_candles.open IS
    'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.latest_candles.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.latest_candles.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.latest_candles.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.latest_candles.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.latest_candles.quote_volume IS
    'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.latest_candles.trades IS
    'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.latest_candles.taker_buy_volume IS
    'Part of the volume that takers bought, in the base asset; NULL where an imported file did'
    ' not have it';
COMMENT ON COLUMN market.latest_candles.taker_buy_quote_volume IS
    'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file'
    ' did not have it';
COMMENT ON COLUMN market.latest_candles.source IS
    'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.latest_candles.flags IS
    'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks'
    ' none';
COMMENT ON COLUMN market.latest_candles.loaded_at IS
    'When it was stored or last corrected, on the clock of the database';
