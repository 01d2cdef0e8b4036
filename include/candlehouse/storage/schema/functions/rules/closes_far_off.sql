-- More than a day from where it must close. Genuine ones close early, even before they open.
CREATE OR REPLACE FUNCTION market.closes_far_off(
    open_ms bigint, close_ms bigint, length_ms bigint
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN abs(close_ms - open_ms) > length_ms + 86400000;

COMMENT ON FUNCTION market.closes_far_off IS
    'Whether a candle closes more than a day before or after the end of its slot; such a candle'
    ' is not stored';
