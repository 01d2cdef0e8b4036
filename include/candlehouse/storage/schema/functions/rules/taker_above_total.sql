CREATE OR REPLACE FUNCTION market.taker_above_total(
    taker_buy_volume numeric, volume numeric,
    taker_buy_quote_volume numeric, quote_volume numeric
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN taker_buy_volume > volume OR taker_buy_quote_volume > quote_volume;

COMMENT ON FUNCTION market.taker_above_total IS
    'Whether takers bought more than was traded; such a candle is not stored';
