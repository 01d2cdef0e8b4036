-- Times as the exchange writes them: milliseconds, in its files of 2025 and later microseconds.
-- No millisecond is that large before the year 5138. Both are plain expressions to the planner.
CREATE OR REPLACE FUNCTION market.milliseconds(raw bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN raw > 100000000000000 THEN raw / 1000 ELSE raw END;

COMMENT ON FUNCTION market.milliseconds IS
    'Milliseconds since 1970, from a number of the exchange in milliseconds or microseconds';
