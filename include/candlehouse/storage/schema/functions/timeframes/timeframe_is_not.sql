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
    'What timeframe <> text is: an error when there is no timeframe of that name';
COMMENT ON FUNCTION market.timeframe_is_not(market.timeframe, text) IS
    'What timeframe <> text is: an error when there is no timeframe of that name';
