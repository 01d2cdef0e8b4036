-- Which exchange the warehouse belongs to, its clock and its weight limit.

-- name: select_exchange_state
SELECT identity, rest_url, coingecko_url, products_url, exchange_time, weight_limit,
    limits_checked_at < clock_timestamp() - interval '1 day' OR limits_checked_at IS NULL
        AS limits_are_stale
FROM market.exchange_state;

-- name: insert_exchange_state
-- Whoever comes first decides; the others read what was decided.
INSERT INTO market.exchange_state (
    identity, rest_url, coingecko_url, products_url, exchange_time, clock_offset_ms,
    weight_limit, close_grace)
VALUES (
    :identity, :rest_url, :coingecko_url, :products_url, :exchange_time, :clock_offset_ms,
    :weight_limit, :close_grace)
ON CONFLICT (only_row) DO NOTHING;

-- name: update_exchange_contact
-- Exchange time only moves forward: what was closed once stays closed.
UPDATE market.exchange_state
SET exchange_time = GREATEST(exchange_time, CAST(:exchange_time AS timestamptz)),
    clock_offset_ms = :clock_offset_ms,
    seen_at = clock_timestamp(),
    rest_url = :rest_url,
    coingecko_url = :coingecko_url,
    products_url = :products_url,
    close_grace = :close_grace
WHERE identity = :identity;

-- name: update_weight_limit
UPDATE market.exchange_state
SET weight_limit = :weight_limit, limits_checked_at = clock_timestamp();
