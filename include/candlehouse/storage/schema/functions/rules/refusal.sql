-- Why a row may not take the place of a stored one that has other values, NULL when it may. A
-- source that ranks lower never may, and one that knows less neither: only imported files lack
-- columns. Of two that rank the same, one has seen the candle before it was complete: the one
-- with fewer trades or less volume; it may only when the change has an excuse.
-- Values are volume and trades, and then whatever else a row may lack, in any one order.
CREATE OR REPLACE FUNCTION market.refusal(
    new_source text, stored_source text, new_values numeric[], stored_values numeric[], excuse text
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN market.source_rank(new_source) < market.source_rank(stored_source) THEN 'lower_source'
    WHEN array_position(new_values, NULL) IS NOT NULL AND EXISTS (
        SELECT FROM unnest(new_values, stored_values) AS v (new, stored)
        WHERE v.new IS NULL AND v.stored IS NOT NULL
    ) THEN 'knows_less'
    WHEN market.source_rank(new_source) = market.source_rank(stored_source) AND excuse IS NULL
        AND (new_values[1] < stored_values[1] OR new_values[2] < stored_values[2])
        THEN 'loses_trades'
END;

COMMENT ON FUNCTION market.refusal IS
    'Why a candle may not replace a stored candle with other values; NULL where it may';
