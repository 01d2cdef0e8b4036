-- What is forming now: a small table that every flush rewrites.

-- name: write_forming
-- Each message has the complete state. A row is only replaced by a later candle, by its closed
-- state, or by a message that was sent later.
INSERT INTO market.live_candles AS l (
    symbol, timeframe, open_time, close_time, open, high, low, close, volume, quote_volume,
    trades, taker_buy_volume, taker_buy_quote_volume, is_closed, event_time, updated_at)
SELECT s.cell[4], s.cell[1],
    -- Milliseconds fit a double exactly and to_timestamp rounds to microseconds.
    to_timestamp(s.cell[5]::double precision / 1000),
    to_timestamp(s.cell[11]::double precision / 1000),
    s.cell[6]::numeric, s.cell[7]::numeric, s.cell[8]::numeric, s.cell[9]::numeric,
    s.cell[10]::numeric, s.cell[12]::numeric, s.cell[13]::bigint, s.cell[14]::numeric,
    s.cell[15]::numeric, s.cell[3]::boolean,
    to_timestamp(s.cell[2]::double precision / 1000), clock_timestamp()
FROM (
    SELECT string_to_array(line, E'\t', '\N') AS cell
    FROM string_to_table(:candles, E'\n') AS t (line)
    OFFSET 0
) AS s
ON CONFLICT (symbol, timeframe) DO UPDATE
SET open_time = EXCLUDED.open_time, close_time = EXCLUDED.close_time, open = EXCLUDED.open,
    high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close,
    volume = EXCLUDED.volume, quote_volume = EXCLUDED.quote_volume,
    trades = EXCLUDED.trades, taker_buy_volume = EXCLUDED.taker_buy_volume,
    taker_buy_quote_volume = EXCLUDED.taker_buy_quote_volume,
    is_closed = EXCLUDED.is_closed, event_time = EXCLUDED.event_time,
    updated_at = EXCLUDED.updated_at
WHERE (EXCLUDED.open_time, EXCLUDED.is_closed, EXCLUDED.event_time)
    > (l.open_time, l.is_closed, l.event_time)

-- name: keep_forming
DELETE FROM market.live_candles AS l
WHERE NOT EXISTS (
    SELECT
    FROM unnest(CAST(:symbols AS text[]), CAST(:timeframes AS market.timeframe[]))
        AS k (symbol, timeframe)
    WHERE l.symbol = k.symbol AND l.timeframe = k.timeframe
)
