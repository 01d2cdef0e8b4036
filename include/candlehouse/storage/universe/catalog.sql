-- Which exchange, which pairs, which of them are collected.

-- name: insert_snapshot
INSERT INTO market.universe (as_of, rank, symbol, base_asset, market_cap_usd, source)
SELECT :as_of, m.rank, m.symbol, m.base_asset, m.market_cap_usd, :source
FROM unnest(
    CAST(:ranks AS integer[]), CAST(:symbols AS text[]), CAST(:base_assets AS text[]),
    CAST(:market_caps AS numeric[])
) AS m (rank, symbol, base_asset, market_cap_usd);

-- name: note_refusal
INSERT INTO market.universe_refusal (refused_at, found, due, reason)
VALUES (:refused_at, :found, :due, :reason)
ON CONFLICT (only_row) DO UPDATE
SET refused_at = EXCLUDED.refused_at, found = EXCLUDED.found, due = EXCLUDED.due,
    reason = EXCLUDED.reason;

-- name: forget_refusal
DELETE FROM market.universe_refusal;

-- name: select_trading
SELECT symbol FROM market.instruments WHERE status = :trading ORDER BY symbol;

-- name: select_last_as_of
SELECT max(as_of) AS as_of FROM market.universe;

-- name: select_snapshot
SELECT as_of, rank, symbol, base_asset, market_cap_usd, source
FROM market.universe_at(COALESCE(:moment, timestamptz 'infinity'))
ORDER BY rank;

-- name: select_last_live
SELECT max(u.as_of) AS as_of FROM market.universe AS u WHERE u.source <> :backfilled;

-- name: select_members_ever
SELECT DISTINCT symbol FROM market.universe ORDER BY symbol;

-- name: lock_universe
SELECT pg_advisory_xact_lock(:lock_key);

-- name: upsert_instruments
INSERT INTO market.instruments AS i (
    symbol, base_asset, quote_asset, status, tick_size, lot_size, min_notional, left_at,
    refreshed_at)
SELECT n.symbol, n.base_asset, n.quote_asset, n.status, n.tick_size, n.lot_size, n.min_notional,
    CASE WHEN n.status <> :trading THEN CAST(:refreshed_at AS timestamptz) END, :refreshed_at
FROM unnest(
    CAST(:symbols AS text[]), CAST(:base_assets AS text[]), CAST(:quote_assets AS text[]),
    CAST(:statuses AS text[]), CAST(:tick_sizes AS numeric[]), CAST(:lot_sizes AS numeric[]),
    CAST(:min_notionals AS numeric[])
) AS n (symbol, base_asset, quote_asset, status, tick_size, lot_size, min_notional)
ON CONFLICT (symbol) DO UPDATE
SET base_asset = EXCLUDED.base_asset,
    quote_asset = EXCLUDED.quote_asset,
    status = EXCLUDED.status,
    tick_size = EXCLUDED.tick_size,
    lot_size = EXCLUDED.lot_size,
    min_notional = EXCLUDED.min_notional,
    -- When it was first seen not trading; trading again takes that back.
    left_at = CASE WHEN EXCLUDED.left_at IS NOT NULL THEN COALESCE(i.left_at, EXCLUDED.left_at) END,
    refreshed_at = EXCLUDED.refreshed_at;

-- name: note_returns
-- Pairs that had left and are said to trade; for the time before the instruments are refreshed.
INSERT INTO market.instrument_returns (symbol, left_at, returned_at)
SELECT i.symbol, i.left_at, :refreshed_at
FROM market.instruments AS i
JOIN unnest(CAST(:symbols AS text[])) AS n (symbol) ON n.symbol = i.symbol
WHERE i.left_at < CAST(:refreshed_at AS timestamptz)
ON CONFLICT (symbol, returned_at) DO NOTHING
RETURNING symbol, left_at, returned_at;

-- name: date_return
UPDATE market.instrument_returns
SET ended_at = :ended_at, resumed_at = :resumed_at
WHERE symbol = :symbol AND returned_at = :returned_at;

-- name: retire_absent_instruments
UPDATE market.instruments
SET status = 'GONE',
    left_at = COALESCE(left_at, CAST(:refreshed_at AS timestamptz)),
    refreshed_at = :refreshed_at
WHERE symbol <> ALL (CAST(:symbols AS text[])) AND status <> 'GONE'
RETURNING symbol;

-- name: select_instruments
SELECT symbol, base_asset, quote_asset, status, tick_size, lot_size, min_notional, left_at
FROM market.instruments
ORDER BY symbol;

-- name: select_unrecorded
-- Symbols that the exchange has never listed, that never were members, and of which no candle is
-- stored or known. A row in series proves nothing, because failures and streams insert one too.
SELECT n.symbol
FROM unnest(CAST(:symbols AS text[])) AS n (symbol)
WHERE NOT EXISTS (SELECT FROM market.instruments AS i WHERE i.symbol = n.symbol)
    AND NOT EXISTS (SELECT FROM market.universe AS u WHERE u.symbol = n.symbol)
    AND NOT EXISTS (SELECT FROM market.coverage_series AS c WHERE c.symbol = n.symbol)
    AND NOT EXISTS (
        SELECT FROM market.series AS s
        WHERE s.symbol = n.symbol AND s.first_open_time IS NOT NULL
    )
ORDER BY n.symbol;
