-- A timeframe is compared with text, and so with a literal, by these where the schema is on the
-- search path: the planner puts the comparison of two timeframes in their place, which indexes
-- and constants of views know, and a literal that is none is refused with what is allowed.
-- Without the search path the type itself refuses it.
CREATE OR REPLACE FUNCTION market.timeframe_is(timeframe market.timeframe, name text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN timeframe = market.to_timeframe(name);

CREATE OR REPLACE FUNCTION market.timeframe_is(name text, timeframe market.timeframe)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN market.to_timeframe(name) = timeframe;

COMMENT ON FUNCTION market.timeframe_is(text, market.timeframe) IS
    'Operator timeframe = text; an error for a text that is not the name of a timeframe';
COMMENT ON FUNCTION market.timeframe_is(market.timeframe, text) IS
    'Operator timeframe = text; an error for a text that is not the name of a timeframe';
