-- A timeframe that does not exist is an error and not an empty answer: '5M' is none.

CREATE TYPE market.timeframe AS ENUM ('1m', '5m', '15m', '30m', '1h', '4h', '1d');

-- The way from text to a timeframe; immutable, for no label ever means another one.
CREATE FUNCTION market.to_timeframe(name text) RETURNS market.timeframe
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    -- One constant expression, which costs a microsecond; streams take this way for each row.
    found market.timeframe := CASE name
        WHEN '1m' THEN '1m'::market.timeframe WHEN '5m' THEN '5m'::market.timeframe
        WHEN '15m' THEN '15m'::market.timeframe WHEN '30m' THEN '30m'::market.timeframe
        WHEN '1h' THEN '1h'::market.timeframe WHEN '4h' THEN '4h'::market.timeframe
        WHEN '1d' THEN '1d'::market.timeframe
    END;
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION '% is no timeframe: one of %', quote_literal(name),
                array_to_string(enum_range(NULL::market.timeframe), ', ')
            USING ERRCODE = 'invalid_text_representation';
    END IF;
    RETURN found;
END $$;

CREATE CAST (text AS market.timeframe) WITH FUNCTION market.to_timeframe(text) AS IMPLICIT;

-- A timeframe is compared with text, and so with a literal, by these where the schema is on the
-- search path: the planner puts the comparison of two timeframes in their place, which indexes
-- and constants of views know, and a literal that is none is refused with what is allowed.
-- Without the search path the type itself refuses it.
CREATE FUNCTION market.timeframe_is(timeframe market.timeframe, name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN timeframe = market.to_timeframe(name);

CREATE FUNCTION market.timeframe_is(name text, timeframe market.timeframe) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN market.to_timeframe(name) = timeframe;

CREATE FUNCTION market.timeframe_is_not(timeframe market.timeframe, name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN timeframe <> market.to_timeframe(name);

CREATE FUNCTION market.timeframe_is_not(name text, timeframe market.timeframe) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN market.to_timeframe(name) <> timeframe;

CREATE OPERATOR market.= (
    LEFTARG = market.timeframe, RIGHTARG = text, FUNCTION = market.timeframe_is,
    COMMUTATOR = OPERATOR(market.=), NEGATOR = OPERATOR(market.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR market.<> (
    LEFTARG = market.timeframe, RIGHTARG = text, FUNCTION = market.timeframe_is_not,
    COMMUTATOR = OPERATOR(market.<>), NEGATOR = OPERATOR(market.=),
    RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR market.= (
    LEFTARG = text, RIGHTARG = market.timeframe, FUNCTION = market.timeframe_is,
    COMMUTATOR = OPERATOR(market.=), NEGATOR = OPERATOR(market.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR market.<> (
    LEFTARG = text, RIGHTARG = market.timeframe, FUNCTION = market.timeframe_is_not,
    COMMUTATOR = OPERATOR(market.<>), NEGATOR = OPERATOR(market.=),
    RESTRICT = neqsel, JOIN = neqjoinsel);

-- Whatever is on the search path by now: what is written of a view below must name each schema.
SELECT set_config('candlehouse.search_path', current_setting('search_path'), true),
    set_config('search_path', 'pg_catalog', true);

-- Every column that has one gets the type, with all that hangs on it: views are made anew from
-- their own text, the upper ones last, and so are functions. Only validation_results keeps its
-- text, which is empty where an expectation is about no timeframe.
CREATE TEMPORARY TABLE made_anew (
    place      integer GENERATED ALWAYS AS IDENTITY,
    kind       text NOT NULL,
    name       text NOT NULL,
    definition text NOT NULL
) ON COMMIT DROP;

-- Functions that the views call take a timeframe; those that people call take text as before,
-- and refuse what is none.
INSERT INTO pg_temp.made_anew (kind, name, definition)
SELECT 'function', p.oid::regprocedure::text, CASE l.lanname
    WHEN 'plpgsql' THEN regexp_replace(pg_get_functiondef(p.oid),
        '(of_timeframe|timeframes) text', '\1 market.timeframe', 'g')
    ELSE regexp_replace(pg_get_functiondef(p.oid),
        'timeframe = ((\w+\.)?of_timeframe)', 'timeframe = market.to_timeframe(\1)', 'g')
    END
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = CAST('market' AS regnamespace) AND p.prokind = 'f'
    AND (p.proargnames && ARRAY['of_timeframe', 'timeframes'])
ORDER BY l.lanname = 'sql', p.oid;

WITH RECURSIVE views AS (
    SELECT c.oid
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = CAST('market' AS regnamespace) AND c.relkind = 'v'
),
uses AS (
    SELECT DISTINCT r.ev_class AS upper, d.refobjid AS lower
    FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_depend AS d
        ON d.classid = CAST('pg_rewrite' AS regclass) AND d.objid = r.oid
        AND d.refclassid = CAST('pg_class' AS regclass) AND d.refobjid <> r.ev_class
    JOIN views AS v ON v.oid = d.refobjid
),
floors (view, floor) AS (
    SELECT v.oid, 0 FROM views AS v
    UNION
    SELECT u.upper, f.floor + 1 FROM floors AS f JOIN uses AS u ON u.lower = f.view
)
INSERT INTO pg_temp.made_anew (kind, name, definition)
SELECT 'view', CAST(f.view AS regclass), regexp_replace(
    pg_get_viewdef(f.view), '''(1m|5m|15m|30m|1h|4h|1d)''::text', '''\1''::market.timeframe', 'g')
FROM floors AS f
GROUP BY f.view
ORDER BY max(f.floor), f.view;

INSERT INTO pg_temp.made_anew (kind, name, definition)
SELECT 'key', format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.conrelid::regclass, k.conname,
        pg_get_constraintdef(k.oid))
FROM pg_catalog.pg_constraint AS k
WHERE k.contype = 'f' AND k.connamespace = CAST('market' AS regnamespace) AND EXISTS (
    SELECT
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) AND a.attname = 'timeframe');

DO $$
DECLARE
    piece record;
    stood record;
    empty boolean;
BEGIN
    -- Both kinds of functions stand on views, or views on them, and none on anything else.
    EXECUTE (
        SELECT string_agg(format('DROP FUNCTION %s', m.name), '; ')
        FROM pg_temp.made_anew AS m
        WHERE m.kind = 'function' AND m.definition ~ 'LANGUAGE sql');
    EXECUTE (
        SELECT 'DROP VIEW ' || string_agg(m.name, ', ') FROM pg_temp.made_anew AS m WHERE m.kind = 'view');
    EXECUTE (
        SELECT string_agg(format('DROP FUNCTION %s', m.name), '; ')
        FROM pg_temp.made_anew AS m
        WHERE m.kind = 'function' AND m.definition !~ 'LANGUAGE sql');
    FOR piece IN SELECT m.* FROM pg_temp.made_anew AS m WHERE m.kind = 'key' LOOP
        EXECUTE piece.name;
    END LOOP;
    FOR stood IN
        SELECT a.attrelid::regclass AS relation, a.attname AS name
        FROM pg_catalog.pg_attribute AS a
        JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
        WHERE c.relnamespace = CAST('market' AS regnamespace) AND a.attname IN ('timeframe', 'parts')
            AND a.atttypid = CAST('text' AS regtype) AND c.relname <> 'validation_results'
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE market.timeframe'
            ' USING market.to_timeframe(%I)', stood.relation, stood.name, stood.name);
        -- The planner has forgotten what is in it; of an empty table it should know nothing.
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', stood.relation) INTO empty;
        IF NOT empty THEN
            EXECUTE format('ANALYZE %s', stood.relation);
        END IF;
    END LOOP;
    FOR piece IN
        SELECT m.*
        FROM pg_temp.made_anew AS m
        ORDER BY m.kind = 'function' AND m.definition ~ 'LANGUAGE sql', m.kind = 'view', m.place
    LOOP
        EXECUTE CASE piece.kind
            WHEN 'view' THEN format('CREATE VIEW %s AS %s', piece.name, piece.definition)
            ELSE piece.definition
        END;
    END LOOP;
END $$;

SELECT set_config('search_path', current_setting('candlehouse.search_path'), true);

-- Ranges of days are made of these before rows of which nothing is wanted are left out, or after
-- it, as the planner likes: so the last day is never before the first.
CREATE OR REPLACE VIEW market.wanted_series AS
SELECT n.symbol, n.timeframe, n.length, market.slots_per_day(n.length) AS slots_per_day,
    n.wanted_from, n.wanted_end, (n.wanted_from AT TIME ZONE 'UTC')::date AS first_day,
    ((GREATEST(n.wanted_end - interval '1 microsecond', n.wanted_from)) AT TIME ZONE 'UTC')::date
        AS last_day
FROM (
    SELECT s.symbol, s.timeframe, t.length, s.wanted_from, LEAST(
        date_bin(t.length, e.exchange_time - e.close_grace, 'epoch'), s.wanted_to
    ) AS wanted_end
    FROM market.series AS s
    JOIN market.timeframes AS t USING (timeframe)
    CROSS JOIN market.exchange_state AS e
) AS n
WHERE n.wanted_end > n.wanted_from;

-- Candles of any longer timeframe out of those that are stored, exactly: sums and extremes of
-- numeric, the first open, the last close.
CREATE FUNCTION market.resample(
    of_symbol text, target interval, range_start timestamptz, range_end timestamptz,
    source text DEFAULT NULL
) RETURNS TABLE (
    open_time timestamptz, open numeric, high numeric, low numeric, close numeric,
    volume numeric, quote_volume numeric, trades bigint, taker_buy_volume numeric,
    taker_buy_quote_volume numeric, candles bigint, expected bigint,
    source_timeframe market.timeframe
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    seconds numeric := extract(epoch FROM target);
    -- Whole weeks begin on a Monday, all else is counted from 1970.
    origin  timestamptz := CASE WHEN mod(seconds, 604800) = 0 THEN '1970-01-05 00:00+00' ELSE 'epoch' END;
    stored  market.timeframe[];
    part    market.timeframe;
    length  interval;
BEGIN
    IF seconds <= 0 OR extract(year FROM target) <> 0 OR extract(month FROM target) <> 0 THEN
        RAISE EXCEPTION 'candles of % cannot be made: it has no fixed length above 0', target
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    stored := CASE WHEN source IS NOT NULL THEN ARRAY[market.to_timeframe(source)] ELSE ARRAY(
        SELECT t.timeframe
        FROM market.timeframes AS t
        WHERE EXISTS (
            SELECT
            FROM market.coverage_days AS h
            WHERE h.symbol = of_symbol AND h.timeframe = t.timeframe AND h.present_slots > 0
                AND h.day >= (range_start AT TIME ZONE 'UTC')::date
                AND h.day <= ((range_end + target) AT TIME ZONE 'UTC')::date
        )
        ORDER BY t.timeframe
    ) END;
    SELECT t.timeframe, t.length
    INTO part, length
    FROM market.timeframes AS t
    WHERE t.timeframe = ANY (stored) AND mod(seconds, extract(epoch FROM t.length)) = 0
    ORDER BY t.length DESC
    LIMIT 1;
    IF part IS NULL AND (stored <> '{}' OR mod(seconds, 60) <> 0) THEN
        RAISE EXCEPTION 'candles of % are not made of whole ones of %', target,
                COALESCE(NULLIF(array_to_string(stored, ', '), ''), '1m')
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF part IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format($sql$
        SELECT date_bin($2, c.open_time, $3), (array_agg(c.open ORDER BY c.open_time))[1],
            max(c.high), min(c.low), (array_agg(c.close ORDER BY c.open_time))[count(*)::integer],
            sum(c.volume),
            -- A part whose number is not known leaves the sum unknown.
            CASE WHEN count(c.quote_volume) = count(*) THEN sum(c.quote_volume) END,
            CASE WHEN count(c.trades) = count(*) THEN sum(c.trades)::bigint END,
            CASE WHEN count(c.taker_buy_volume) = count(*) THEN sum(c.taker_buy_volume) END,
            CASE WHEN count(c.taker_buy_quote_volume) = count(*)
                THEN sum(c.taker_buy_quote_volume) END,
            count(DISTINCT date_bin($6, c.open_time, 'epoch')), $7, $8
        FROM market.%I AS c
        WHERE c.symbol = $1 AND c.open_time >= $4 AND c.open_time < $5
        GROUP BY 1
        ORDER BY 1
        $sql$, 'candles_' || part)
    USING of_symbol, target, origin,
        date_bin(target, range_start - interval '1 microsecond', origin) + target,
        date_bin(target, range_end - interval '1 microsecond', origin) + target,
        length, (seconds / extract(epoch FROM length))::bigint, part;
END $$;

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON ALL TABLES IN SCHEMA market TO market_reader;
    END IF;
END $$;
