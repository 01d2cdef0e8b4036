-- What was refused. The same text for the same rule is kept once.

-- name: quarantine_row
INSERT INTO market.quarantined_candles (symbol, timeframe, open_time, source, rule, raw)
VALUES (:symbol, :timeframe, :open_time, :source, :rule, :raw)
ON CONFLICT DO NOTHING
