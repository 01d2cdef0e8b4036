CREATE OR REPLACE FUNCTION market.source_rank(source text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE source WHEN 'archive' THEN 3 WHEN 'rest' THEN 2 WHEN 'stream' THEN 1 END;

COMMENT ON FUNCTION market.source_rank IS
    'Rank of a source: archive 3, rest 2, stream 1; higher ranks replace lower ones';
