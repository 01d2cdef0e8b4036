CREATE OR REPLACE FUNCTION market.universe_at(moment timestamptz) RETURNS SETOF market.universe
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.as_of, u.rank, u.symbol, u.base_asset, u.market_cap_usd, u.source
    FROM market.universe AS u
    WHERE u.as_of = (SELECT max(v.as_of) FROM market.universe AS v WHERE v.as_of <= moment)
    ORDER BY u.rank;
END;

COMMENT ON FUNCTION market.universe_at IS
    'The membership valid at a moment: the latest snapshot not after it. Nothing before the first'
    ' snapshot unless past months were backfilled (universe backfill); today''s members in their'
    ' place would have survivorship bias.';
