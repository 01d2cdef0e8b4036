-- The opposite of timeframe_is, for `<>`.
CREATE OR REPLACE FUNCTION market.timeframe_is_not(timeframe market.timeframe, name text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN timeframe <> market.to_timeframe(name);

CREATE OR REPLACE FUNCTION market.timeframe_is_not(name text, timeframe market.timeframe)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN market.to_timeframe(name) <> timeframe;

COMMENT ON FUNCTION market.timeframe_is_not(text, market.timeframe) IS
    'Operator timeframe <> text; an error for a text that is not the name of a timeframe';
COMMENT ON FUNCTION market.timeframe_is_not(market.timeframe, text) IS
    'Operator timeframe <> text; an error for a text that is not the name of a timeframe';
