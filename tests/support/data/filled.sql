-- A warehouse as the fifteenth migration left it, with something in every table that has a
-- timeframe.
INSERT INTO market.exchange_state (identity, rest_url, coingecko_url, products_url, exchange_time,
    clock_offset_ms, weight_limit, close_grace)
VALUES ('sim:test', '', '', '', '2024-03-03 12:07+00', 0, 6000, '10 minutes');

INSERT INTO market.candles_5m (symbol, open_time, close_time, open, high, low, close, volume, source)
SELECT s, t, t + interval '299.999 s', 1.10, 2.5, 0.5, 1 + extract(minute FROM t) / 64, 7, 'rest'
FROM unnest(ARRAY['BTCUSDT', 'ETHUSDT']) AS s,
    generate_series(timestamptz '2023-12-31 00:00+00', '2024-01-01 23:55+00', '5 minutes') AS t;
INSERT INTO market.candles_1h (symbol, open_time, close_time, open, high, low, close, volume, source,
    trades, flags)
SELECT 'BTCUSDT', t, t + interval '3599.999 s', 1.10, 2.5, 0.5, 1.3, 7, 'archive', 3, ARRAY['off_grid']
FROM generate_series(timestamptz '2017-08-17 04:28+00', '2017-08-18 12:00+00', '1 hour') AS t;

INSERT INTO market.coverage_days (symbol, timeframe, day, present_slots)
SELECT c.symbol, c.timeframe, (c.open_time AT TIME ZONE 'UTC')::date, count(*)
FROM market.candles AS c GROUP BY 1, 2, 3;
INSERT INTO market.collector_state (symbol, timeframe, first_open_time, last_open_time)
SELECT c.symbol, c.timeframe, min(c.open_time), max(c.open_time) FROM market.candles AS c GROUP BY 1, 2;
INSERT INTO market.series (symbol, timeframe, first_open_time, wanted_from) VALUES
    ('BTCUSDT', '5m', '2023-12-31', '2023-12-31'), ('BTCUSDT', '1h', '2017-08-17 04:00+00', '2017-08-17 04:00+00'),
    ('ETHUSDT', '5m', '2023-12-30', '2023-12-30');

INSERT INTO market.gaps (symbol, timeframe, gap_start, gap_end, candles_missing, verdict, checked_at)
VALUES ('ETHUSDT', '5m', '2023-12-30', '2023-12-31', 288, 'no_data', '2024-03-01');
INSERT INTO market.gap_history (symbol, timeframe, gap_start, gap_end, candles_missing, verdict, evidence, checked_at, filled_at)
VALUES ('ETHUSDT', '5m', '2024-01-01', '2024-01-02', 288, 'pending', '{}', '2024-03-01', '2024-03-02');
INSERT INTO market.gap_checks (symbol, timeframe, subject, source, range_start, range_end, answer, asked_at)
VALUES ('ETHUSDT', '5m', 'BTCUSDT', 'rest', '2023-12-30', '2023-12-31', 'nothing', '2024-03-01');
INSERT INTO market.quarantined_candles (symbol, timeframe, source, rule, raw) VALUES
    (NULL, NULL, 'stream', 'not_json', '{'), ('BTCUSDT', '1h', 'rest', 'no_candle', 'x');
INSERT INTO market.corrections (symbol, timeframe, open_time, source_before, source_after, before, after, applied)
VALUES ('BTCUSDT', '5m', '2024-01-01', 'stream', 'rest', '{"close": 1}', '{"close": 2}', true),
    ('BTCUSDT', '5m', '2024-01-01', 'archive', 'rest', '{"close": 1}', '{"close": 2}', false);
INSERT INTO market.confirmations VALUES
    ('BTCUSDT', '5m', '2024-01-01', '2024-01-02', 'rest', '2024-01-03', 288, 1);
INSERT INTO market.reconciliations (run_id, symbol, timeframe, range_start, range_end, source,
    stored_source, compared, differing, held_only, source_only, checked_at)
VALUES (1, 'BTCUSDT', '5m', '2024-01-01', '2024-01-02', 'rest', 'rest', 288, 1, 0, 0, '2024-01-03');
INSERT INTO market.unmatched_candles VALUES
    ('BTCUSDT', '1h', '2017-08-17 04:28+00', 'rest', '2024-01-03', '2024-01-03');
INSERT INTO market.archive_files (symbol, timeframe, tree, period_start, url, state, checked_at)
VALUES ('BTCUSDT', '1h', 'monthly', '2017-08-01', 'http://x', 'missing', '2024-01-03');
INSERT INTO market.validation_runs (reach, timeframes, success, candles, finished_at)
VALUES ('new', ARRAY['5m', '1h'], true, 10, '2024-03-01');
INSERT INTO market.validation_results (run_id, suite, timeframe, expectation, severity, success, checked, unexpected)
VALUES (1, 'universe', '', 'members are known', 'critical', true, 3, 0),
    (1, 'candles', '5m', 'prices in order', 'critical', true, 3, 0);
INSERT INTO market.live_candles (symbol, timeframe, open_time, close_time, open, high, low, close,
    volume, is_closed, event_time, updated_at)
VALUES ('BTCUSDT', '15m', '2024-03-01', '2024-03-01', 1, 2, 1, 1.5, 3, false, '2024-03-01', '2024-03-01');
INSERT INTO market.stream_sessions (worker, role, mode, symbols, timeframes, lag_ms)
VALUES ('host:1', 'writer', 'stream', 2, ARRAY['1m', '5m'], '{"10": 3, "20": 1}'),
    ('host:2', 'standby', 'none', 2, ARRAY['1m', '5m'], '{}');
