-- What no exchange can mean, in one place: each is one expression, which the planner puts where
-- it is called. NULL where a source does not have the columns.
CREATE FUNCTION market.prices_out_of_order(
    open numeric, high numeric, low numeric, close numeric
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN low > LEAST(open, close) OR high < GREATEST(open, close);

CREATE FUNCTION market.taker_above_total(
    taker_buy_volume numeric, volume numeric,
    taker_buy_quote_volume numeric, quote_volume numeric
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN taker_buy_volume > volume OR taker_buy_quote_volume > quote_volume;

-- More than a day from where it must close. Genuine ones close early, even before they open.
CREATE FUNCTION market.closes_far_off(
    open_ms bigint, close_ms bigint, length_ms bigint
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN abs(close_ms - open_ms) > length_ms + 86400000;
