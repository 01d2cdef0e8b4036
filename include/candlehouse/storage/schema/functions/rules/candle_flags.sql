-- What a candle's own values say of it: rules that the exchange itself has broken. In the
-- order of the alphabet, NULL when there is nothing to say. The first branch is what nearly
-- every row takes; the whole is one expression, which the planner puts where it is called.
CREATE OR REPLACE FUNCTION market.candle_flags(
    open_ms bigint, close_ms bigint, low numeric, high numeric, volume numeric, trades bigint,
    length_ms bigint
) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN open_ms % length_ms = 0 AND close_ms - open_ms = length_ms - 1
        AND volume <> 0 AND trades IS DISTINCT FROM 0 THEN NULL
    ELSE NULLIF(array_remove(ARRAY[
        CASE WHEN close_ms - open_ms <> length_ms - 1 THEN 'odd_close_time' END,
        CASE WHEN open_ms % length_ms <> 0 THEN 'off_grid' END,
        CASE WHEN (volume = 0) <> (trades = 0) OR volume = 0 AND low <> high
            THEN 'trades_disagree' END,
        CASE WHEN volume = 0 THEN 'zero_volume' END
    ], NULL), '{}')
END;

COMMENT ON FUNCTION market.candle_flags IS
    'Rules that the values of a candle break, in alphabetical order; NULL where none';
