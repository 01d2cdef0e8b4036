-- The last price of each symbol: a small table that every flush rewrites.

-- name: write_prices
-- Each message has the complete state. A row is only replaced by a message that was sent later.
INSERT INTO market.latest_prices AS p (
    symbol, price, volume_24h, quote_volume_24h, event_time, updated_at)
SELECT s.cell[1], s.cell[3]::numeric, s.cell[4]::numeric, s.cell[5]::numeric,
    to_timestamp(s.cell[2]::double precision / 1000), clock_timestamp()
FROM (
    SELECT string_to_array(line, E'\t') AS cell
    FROM string_to_table(:prices, E'\n') AS t (line)
    OFFSET 0
) AS s
ON CONFLICT (symbol) DO UPDATE
SET price = EXCLUDED.price, volume_24h = EXCLUDED.volume_24h,
    quote_volume_24h = EXCLUDED.quote_volume_24h, event_time = EXCLUDED.event_time,
    updated_at = EXCLUDED.updated_at
WHERE EXCLUDED.event_time > p.event_time

-- name: keep_prices
DELETE FROM market.latest_prices AS p
WHERE p.symbol <> ALL (CAST(:symbols AS text[]))
