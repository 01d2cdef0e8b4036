-- What no exchange can mean, in one place: each is one expression, which the planner puts where
-- it is called. NULL where a source does not have the columns.
CREATE OR REPLACE FUNCTION market.prices_out_of_order(
    open numeric, high numeric, low numeric, close numeric
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN low > LEAST(open, close) OR high < GREATEST(open, close);

COMMENT ON FUNCTION market.prices_out_of_order IS
    'Whether the low is above, or the high below, another price; such a candle is not stored';
