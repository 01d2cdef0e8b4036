-- The schema as all migrations leave it, to be read; `make schema` writes it, nothing runs it.
-- Tables candles_* are partitioned by open_time: in native partitions of a year, which are in
-- the schema market_partitions, or with TimescaleDB as hypertables.

CREATE SCHEMA market;

COMMENT ON SCHEMA market IS 'Candles of the exchange, what is known of those that are missing, and how they were collected';

CREATE TYPE market.timeframe AS ENUM (
    '1m',
    '5m',
    '15m',
    '30m',
    '1h',
    '4h',
    '1d'
);

COMMENT ON TYPE market.timeframe IS 'Length of a candle; sorted by length';

CREATE FUNCTION market.to_timeframe(name text) RETURNS market.timeframe
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
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

COMMENT ON FUNCTION market.to_timeframe(name text) IS 'The timeframe with that name; for any other text an error that lists the allowed names';

CREATE FUNCTION market.apply_day_changes(symbols text[], timeframes market.timeframe[], days date[], before integer[], after integer[]) RETURNS void
    LANGUAGE plpgsql STRICT
    AS $$
BEGIN
    IF 0 = ANY (after) THEN
        PERFORM
        FROM market.coverage_series AS s
        WHERE (s.symbol, s.timeframe) IN (
            SELECT c.symbol, c.timeframe FROM unnest(symbols, timeframes) AS c (symbol, timeframe))
        ORDER BY s.symbol, s.timeframe
        FOR UPDATE;
        UPDATE market.coverage_series AS s
        SET present_slots = s.present_slots - g.slots,
            whole_days = s.whole_days - g.days,
            short_days = s.short_days - g.days
        FROM (
            SELECT c.symbol, c.timeframe, sum(c.before) AS slots,
                range_agg(daterange(c.day, c.day + 1)) AS days
            FROM unnest(symbols, timeframes, days, before, after)
                AS c (symbol, timeframe, day, before, after)
            WHERE c.after = 0
            GROUP BY c.symbol, c.timeframe
        ) AS g
        WHERE s.symbol = g.symbol AND s.timeframe = g.timeframe;
        DELETE FROM market.coverage_series AS s
        USING unnest(symbols, timeframes) AS c (symbol, timeframe)
        WHERE s.symbol = c.symbol AND s.timeframe = c.timeframe AND s.present_slots = 0
            AND isempty(s.whole_days) AND isempty(s.short_days);
    END IF;
    INSERT INTO market.coverage_series AS s (
        symbol, timeframe, present_slots, whole_days, short_days)
    SELECT c.symbol, c.timeframe, sum(c.after - c.before),
        COALESCE(range_agg(daterange(c.day, c.day + 1)) FILTER (
            WHERE c.after >= p.slots AND c.before < p.slots), '{}'),
        COALESCE(range_agg(daterange(c.day, c.day + 1)) FILTER (
            WHERE c.after < p.slots AND (c.before <= 0 OR c.before >= p.slots)), '{}')
    FROM unnest(symbols, timeframes, days, before, after)
        AS c (symbol, timeframe, day, before, after)
    JOIN market.timeframes AS t ON t.timeframe = c.timeframe
    CROSS JOIN LATERAL (SELECT market.slots_per_day(t.length) AS slots) AS p
    WHERE c.after > 0
    GROUP BY c.symbol, c.timeframe
    ORDER BY c.symbol, c.timeframe
    ON CONFLICT (symbol, timeframe) DO UPDATE
    SET present_slots = s.present_slots + EXCLUDED.present_slots,
        -- Mostly a short day goes on being short: the ranges then stay where they are stored.
        whole_days = CASE
            WHEN isempty(EXCLUDED.whole_days) AND isempty(EXCLUDED.short_days) THEN s.whole_days
            ELSE s.whole_days - EXCLUDED.short_days + EXCLUDED.whole_days
        END,
        short_days = CASE
            WHEN isempty(EXCLUDED.whole_days) AND isempty(EXCLUDED.short_days) THEN s.short_days
            ELSE s.short_days - EXCLUDED.whole_days + EXCLUDED.short_days
        END;
END $$;

COMMENT ON FUNCTION market.apply_day_changes(symbols text[], timeframes market.timeframe[], days date[], before integer[], after integer[]) IS 'Applies changes of coverage_days to coverage_series';

CREATE FUNCTION market.begin_load() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO market.loads AS l (symbol, timeframe, newest)
    VALUES (NEW.symbol, NEW.timeframe, TG_OP = 'INSERT' OR OLD.wanted_from IS NULL
        OR NEW.wanted_to IS DISTINCT FROM OLD.wanted_to)
    ON CONFLICT (symbol, timeframe) DO UPDATE
    SET started_at = EXCLUDED.started_at, newest = l.newest OR EXCLUDED.newest,
        least_pending = NULL, progressed_at = EXCLUDED.progressed_at,
        looked_at = EXCLUDED.looked_at;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION market.begin_load() IS 'Trigger that adds a row to loads when more of a series is wanted';

CREATE FUNCTION market.candle_flags(open_ms bigint, close_ms bigint, low numeric, high numeric, volume numeric, trades bigint, length_ms bigint) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (((open_ms % length_ms) = 0) AND ((close_ms - open_ms) = (length_ms - 1)) AND (volume <> (0)::numeric) AND (trades IS DISTINCT FROM 0)) THEN NULL::text[] ELSE NULLIF(array_remove(ARRAY[CASE WHEN ((close_ms - open_ms) <> (length_ms - 1)) THEN 'odd_close_time'::text ELSE NULL::text END, CASE WHEN ((open_ms % length_ms) <> 0) THEN 'off_grid'::text ELSE NULL::text END, CASE WHEN (((volume = (0)::numeric) <> (trades = 0)) OR ((volume = (0)::numeric) AND (low <> high))) THEN 'trades_disagree'::text ELSE NULL::text END, CASE WHEN (volume = (0)::numeric) THEN 'zero_volume'::text ELSE NULL::text END], NULL::text), '{}'::text[]) END;

COMMENT ON FUNCTION market.candle_flags(open_ms bigint, close_ms bigint, low numeric, high numeric, volume numeric, trades bigint, length_ms bigint) IS 'Rules that the values of a candle break, in alphabetical order; NULL where none';

CREATE FUNCTION market.candles_normalized(of_symbol text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone) RETURNS TABLE(open_time timestamp with time zone, close double precision, close_minmax double precision, close_zscore double precision, volume double precision, volume_minmax double precision, volume_zscore double precision)
    LANGUAGE sql STABLE
    AS $$
    SELECT c.open_time, c.close,
        (c.close - min(c.close) OVER w) / NULLIF(max(c.close) OVER w - min(c.close) OVER w, 0),
        (c.close - avg(c.close) OVER w) / NULLIF(stddev_samp(c.close) OVER w, 0),
        c.volume,
        (c.volume - min(c.volume) OVER w) / NULLIF(max(c.volume) OVER w - min(c.volume) OVER w, 0),
        (c.volume - avg(c.volume) OVER w) / NULLIF(stddev_samp(c.volume) OVER w, 0)
    FROM (
        SELECT k.open_time, k.close::double precision AS close, k.volume::double precision AS volume
        FROM market.candles AS k
        WHERE k.symbol = of_symbol AND k.timeframe = market.to_timeframe(of_timeframe)
            AND k.open_time >= range_start AND k.open_time < range_end
    ) AS c
    WINDOW w AS ()
    ORDER BY c.open_time
$$;

COMMENT ON FUNCTION market.candles_normalized(of_symbol text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone) IS 'Close and volume of [range_start, range_end) between 0 and 1, and in standard deviations from their mean; NULL where all are the same';

CREATE FUNCTION market.candles_of_asset(asset text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone, quote text DEFAULT 'USDT'::text, scaled boolean DEFAULT false) RETURNS TABLE(symbol text, open_time timestamp with time zone, close_time timestamp with time zone, open numeric, high numeric, low numeric, close numeric, volume numeric, quote_volume numeric, trades bigint, taker_buy_volume numeric, taker_buy_quote_volume numeric, ratio numeric)
    LANGUAGE sql STABLE
    AS $$
    WITH RECURSIVE names (name, until, ratio) AS (
        SELECT asset, timestamptz 'infinity', 1::numeric
        UNION ALL
        SELECT a.old_asset, a.effective_at, n.ratio * a.ratio
        FROM names AS n
        JOIN market.asset_aliases AS a ON a.new_asset = n.name AND a.effective_at < n.until
    ),
    -- A ticker that meant one asset after the other belongs to each until the next begins.
    lives AS (
        SELECT l.symbol, l.asset_id, l.valid_from AS low,
            lead(l.valid_from, 1, 'infinity') OVER (PARTITION BY l.symbol ORDER BY l.valid_from)
                AS high
        FROM market.instrument_lives AS l
    ),
    pieces AS (
        SELECT n.name || quote AS symbol, n.ratio,
            GREATEST(
                l.low,
                (
                    SELECT max(a.effective_at)
                    FROM market.asset_aliases AS a
                    WHERE a.new_asset = n.name AND a.effective_at < n.until
                )
            ) AS low,
            LEAST(n.until, l.high) AS high
        FROM names AS n
        LEFT JOIN lives AS l ON l.symbol = n.name || quote AND l.low < n.until AND l.high >= n.until
        UNION ALL
        SELECT l.symbol, 1, l.low, l.high
        FROM lives AS l
        WHERE l.asset_id = asset AND right(l.symbol, length(quote)) = quote
    )
    SELECT c.symbol, c.open_time, c.close_time, c.open * f.price, c.high * f.price,
        c.low * f.price, c.close * f.price, c.volume * f.quantity, c.quote_volume, c.trades,
        c.taker_buy_volume * f.quantity, c.taker_buy_quote_volume, p.ratio
    FROM pieces AS p
    -- A factor of 1 leaves every digit as it is.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN scaled THEN trim_scale(1 / p.ratio) ELSE 1 END AS price,
            CASE WHEN scaled THEN p.ratio ELSE 1 END AS quantity
    ) AS f
    CROSS JOIN LATERAL (
        SELECT CASE WHEN isfinite(p.low) THEN date_bin(t.length, p.low, 'epoch') END AS low,
            CASE WHEN isfinite(p.high) THEN date_bin(t.length, p.high, 'epoch') END AS high
        FROM market.timeframes AS t
        WHERE t.timeframe = market.to_timeframe(of_timeframe)
    ) AS slots
    JOIN market.candles AS c ON c.symbol = p.symbol
        AND c.timeframe = market.to_timeframe(of_timeframe)
        AND c.open_time >= COALESCE(slots.low, '-infinity')
        AND c.open_time < COALESCE(slots.high, 'infinity')
        AND c.open_time >= range_start AND c.open_time < range_end
    ORDER BY c.open_time
$$;

COMMENT ON FUNCTION market.candles_of_asset(asset text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone, quote text, scaled boolean) IS 'Candles of an asset in [range_start, range_end), through its renames and without other assets that had one of its tickers. With scaled, prices and quantities from before a redenomination are in today''s units';

CREATE FUNCTION market.candles_outliers(of_symbol text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone, method text DEFAULT 'hampel'::text, threshold double precision DEFAULT 3, reach integer DEFAULT 12) RETURNS TABLE(open_time timestamp with time zone, close double precision, log_return double precision, center double precision, spread double precision, outlier boolean, capped double precision, capped_close double precision, cleaned double precision)
    LANGUAGE sql STABLE
    AS $$
    WITH returns AS MATERIALIZED (
        SELECT c.open_time, c.close, c.before, ln(c.close / c.before) AS log_return
        FROM (
            SELECT k.open_time, k.close::double precision AS close,
                lag(k.close::double precision) OVER (ORDER BY k.open_time) AS before
            FROM market.candles AS k
            WHERE k.symbol = of_symbol AND k.timeframe = market.to_timeframe(of_timeframe)
                AND k.open_time >= range_start AND k.open_time < range_end AND k.close > 0
        ) AS c
    ),
    measured AS (
        SELECT r.*, m.center, m.spread
        FROM returns AS r
        CROSS JOIN (
            SELECT avg(log_return) AS center, stddev_samp(log_return) AS spread FROM returns
        ) AS m
        WHERE method = 'sigma'
        UNION ALL
        SELECT r.*, m.center, d.spread
        FROM returns AS r
        CROSS JOIN (
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY log_return) AS center FROM returns
        ) AS m
        CROSS JOIN LATERAL (
            SELECT 1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(log_return - m.center))
                AS spread
            FROM returns
            OFFSET 0
        ) AS d
        WHERE method = 'mad'
        UNION ALL
        SELECT w.open_time, w.close, w.before, w.log_return, m.center, d.spread
        FROM (
            SELECT r.*, array_agg(r.log_return) FILTER (WHERE r.log_return IS NOT NULL) OVER (
                    ORDER BY r.open_time ROWS BETWEEN reach PRECEDING AND reach FOLLOWING
                ) AS near
            FROM returns AS r
        ) AS w
        CROSS JOIN LATERAL (
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n.x) AS center
            FROM unnest(w.near) AS n (x)
        ) AS m
        CROSS JOIN LATERAL (
            SELECT 1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(n.x - m.center))
                AS spread
            FROM unnest(w.near) AS n (x)
        ) AS d
        WHERE method = 'hampel'
    ),
    limited AS (
        SELECT m.*,
            COALESCE(m.spread > 0 AND abs(m.log_return - m.center) > threshold * m.spread, false)
                AS outlier
        FROM measured AS m
    )
    SELECT l.open_time, l.close, l.log_return, l.center, l.spread, l.outlier, c.capped,
        CASE WHEN l.outlier THEN l.before * exp(c.capped) ELSE l.close END,
        CASE WHEN l.outlier THEN NULL ELSE l.log_return END
    FROM limited AS l
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN NOT l.outlier THEN l.log_return
            ELSE l.center + sign(l.log_return - l.center) * threshold * l.spread
        END AS capped
    ) AS c
    ORDER BY l.open_time
$$;

COMMENT ON FUNCTION market.candles_outliers(of_symbol text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone, method text, threshold double precision, reach integer) IS 'Log returns from close to close in [range_start, range_end), and which of them lie further than threshold spreads from the center. method is sigma, mad or hampel (of reach returns to either side)';

CREATE FUNCTION market.candles_regular(of_symbol text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone) RETURNS TABLE(slot timestamp with time zone, open double precision, high double precision, low double precision, close double precision, volume double precision, filled boolean, verdict text)
    LANGUAGE sql STABLE
    AS $$
    WITH bounds AS MATERIALIZED (
        SELECT t.length, date_bin(t.length, range_start - interval '1 microsecond', 'epoch') + t.length
                AS low,
            LEAST(
                date_bin(t.length, range_end - interval '1 microsecond', 'epoch') + t.length,
                (SELECT date_bin(t.length, e.exchange_time, 'epoch') FROM market.exchange_state AS e)
            ) AS high
        FROM market.timeframes AS t
        WHERE t.timeframe = market.to_timeframe(of_timeframe)
    ),
    held AS MATERIALIZED (
        -- Of two candles in one slot the first.
        SELECT DISTINCT ON (c.slot) c.slot, c.open, c.high, c.low, c.close, c.volume
        FROM (
            SELECT date_bin(b.length, k.open_time, 'epoch') AS slot, k.open_time, k.open, k.high,
                k.low, k.close, k.volume
            FROM market.candles AS k
            CROSS JOIN bounds AS b
            WHERE k.symbol = of_symbol AND k.timeframe = market.to_timeframe(of_timeframe)
                -- One off the grid may open after the range and fill its last slot.
                AND k.open_time >= range_start AND k.open_time < range_end + interval '24 hours'
                AND k.open_time >= b.low AND k.open_time < b.high
        ) AS c
        ORDER BY c.slot, c.open_time
    ),
    missing AS MATERIALIZED (
        SELECT GREATEST(g.gap_start, b.low) AS low, LEAST(g.gap_end, b.high) AS high, g.verdict
        FROM market.gaps AS g
        CROSS JOIN bounds AS b
        WHERE g.symbol = of_symbol AND g.timeframe = market.to_timeframe(of_timeframe)
            AND g.gap_start < b.high AND g.gap_end > b.low
    ),
    slots AS (
        SELECT s.slot, h.open, h.high, h.low, h.close, h.volume, h.slot IS NULL AS absent,
            CASE WHEN h.slot IS NULL THEN COALESCE(m.verdict, 'pending') END AS verdict
        FROM bounds AS b
        CROSS JOIN LATERAL generate_series(b.low, b.high - b.length, b.length) AS s (slot)
        LEFT JOIN held AS h ON h.slot = s.slot
        LEFT JOIN missing AS m ON h.slot IS NULL AND m.low <= s.slot AND m.high > s.slot
    ),
    before AS (
        -- The candle right before the range, if no pause lies between.
        SELECT date_bin(b.length, k.open_time, 'epoch') AS slot, k.close
        FROM bounds AS b
        CROSS JOIN LATERAL (
            SELECT c.open_time, c.close
            FROM market.candles AS c
            WHERE c.symbol = of_symbol AND c.timeframe = market.to_timeframe(of_timeframe)
                AND c.open_time < b.low
            ORDER BY c.open_time DESC
            LIMIT 1
        ) AS k
        WHERE EXISTS (SELECT FROM slots AS s WHERE s.slot = b.low AND s.absent)
            AND NOT EXISTS (
                SELECT
                FROM market.gaps AS g
                WHERE g.symbol = of_symbol AND g.timeframe = market.to_timeframe(of_timeframe)
                    AND g.gap_start < b.low AND g.gap_end > k.open_time
                    AND g.verdict IN ('not_listed', 'not_trading', 'delisted')
            )
    ),
    carried AS (
        SELECT s.*, first_value(s.known) OVER (PARTITION BY s.run ORDER BY s.slot) AS last_close
        FROM (
            SELECT a.*, count(*) FILTER (
                    WHERE NOT a.absent OR a.verdict IN ('not_listed', 'not_trading', 'delisted')
                ) OVER (ORDER BY a.slot) AS run
            FROM (
                SELECT t.slot, t.open, t.high, t.low, t.close, t.volume, t.absent, t.verdict,
                    t.close AS known, false AS outside
                FROM slots AS t
                UNION ALL
                SELECT f.slot, NULL, NULL, NULL, NULL, NULL, false, NULL, f.close, true
                FROM before AS f
            ) AS a
        ) AS s
    )
    SELECT c.slot, COALESCE(c.open, c.last_close)::double precision,
        COALESCE(c.high, c.last_close)::double precision,
        COALESCE(c.low, c.last_close)::double precision,
        COALESCE(c.close, c.last_close)::double precision,
        CASE WHEN c.absent AND c.last_close IS NOT NULL THEN 0 ELSE c.volume END::double precision,
        c.absent AND c.last_close IS NOT NULL, c.verdict
    FROM carried AS c
    WHERE NOT c.outside
    ORDER BY c.slot
$$;

COMMENT ON FUNCTION market.candles_regular(of_symbol text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone) IS 'One row per slot that opens in [range_start, range_end) and has closed, as double precision. A missing candle has its verdict; where the market was open it is filled with the last close and a volume of 0, else its values are NULL';

CREATE FUNCTION market.closes_far_off(open_ms bigint, close_ms bigint, length_ms bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (abs((close_ms - open_ms)) > (length_ms + 86400000));

COMMENT ON FUNCTION market.closes_far_off(open_ms bigint, close_ms bigint, length_ms bigint) IS 'Whether a candle closes more than a day before or after the end of its slot; such a candle is not stored';

CREATE FUNCTION market.count_before(of_symbol text, of_timeframe market.timeframe, length interval, moment timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $_$
DECLARE
    day_start timestamptz := date_trunc('day', moment, 'UTC');
    held_from timestamptz;
    slots     bigint;
BEGIN
    IF moment = day_start THEN
        RETURN 0;
    END IF;
    SELECT date_bin(length, k.first_open_time, 'epoch')
    INTO held_from
    FROM market.collector_state AS k
    WHERE k.symbol = of_symbol AND k.timeframe = of_timeframe;
    IF held_from >= moment THEN
        RETURN 0;
    END IF;
    EXECUTE format(
        'SELECT count(DISTINCT date_bin($1, open_time, ''epoch'')) FROM market.%I'
        ' WHERE symbol = $2 AND open_time >= $3 AND open_time < $4', 'candles_' || of_timeframe)
    INTO slots USING length, of_symbol, day_start, moment;
    RETURN slots;
END $_$;

COMMENT ON FUNCTION market.count_before(of_symbol text, of_timeframe market.timeframe, length interval, moment timestamp with time zone) IS 'Part of coverage: stored slots of the first wanted day that lie before the wanted range';

CREATE FUNCTION market.count_early(of_symbol text, of_timeframe market.timeframe, length interval, moment timestamp with time zone, present bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $_$
DECLARE
    day_start timestamptz := date_trunc('day', moment, 'UTC');
    day_end   timestamptz := day_start + interval '24 hours';
    held_from timestamptz;
    held_to   timestamptz;
    slots     bigint;
BEGIN
    IF moment = day_start THEN
        RETURN 0;
    END IF;
    SELECT GREATEST(day_start, date_bin(length, k.first_open_time, 'epoch')),
        LEAST(day_end, date_bin(length, k.last_open_time, 'epoch') + length)
    INTO held_from, held_to
    FROM market.collector_state AS k
    WHERE k.symbol = of_symbol AND k.timeframe = of_timeframe
        AND k.first_open_time IS NOT NULL AND k.last_open_time IS NOT NULL;
    IF held_to <= moment THEN
        RETURN 0;
    ELSIF held_from <= moment
        AND extract(epoch FROM held_to - held_from) = present * extract(epoch FROM length) THEN
        RETURN extract(epoch FROM held_to - moment) / extract(epoch FROM length);
    END IF;
    EXECUTE format(
        'SELECT count(DISTINCT date_bin($1, open_time, ''epoch'')) FROM market.%I'
        ' WHERE symbol = $2 AND open_time >= $3 AND open_time < $4', 'candles_' || of_timeframe)
    INTO slots USING length, of_symbol, moment, day_end;
    RETURN slots;
END $_$;

COMMENT ON FUNCTION market.count_early(of_symbol text, of_timeframe market.timeframe, length interval, moment timestamp with time zone, present bigint) IS 'Part of coverage: stored slots of the last wanted day that are not expected yet';

CREATE PROCEDURE market.create_candles_partition(IN timeframe text, IN year integer)
    LANGUAGE plpgsql
    AS $$
DECLARE
    parent    text := 'candles_' || timeframe;
    partition text := parent || '_' || year;
BEGIN
    IF to_regclass('market_partitions.' || quote_ident(partition)) IS NOT NULL THEN
        RETURN;
    END IF;
    -- CREATE ... PARTITION OF would wait behind every open insert; attaching does not.
    EXECUTE format('CREATE TABLE market_partitions.%I (LIKE market.%I INCLUDING ALL)',
        partition, parent);
    EXECUTE format(
        'ALTER TABLE market.%I ATTACH PARTITION market_partitions.%I FOR VALUES FROM (%L) TO (%L)',
        parent, partition, format('%s-01-01 00:00+00', year), format('%s-01-01 00:00+00', year + 1));
END $$;

COMMENT ON PROCEDURE market.create_candles_partition(IN timeframe text, IN year integer) IS 'Creates the native partition of a year';

CREATE PROCEDURE market.create_candles_table(IN timeframe text, IN chunk interval)
    LANGUAGE plpgsql
    AS $_$
DECLARE
    name text := 'candles_' || timeframe;
BEGIN
    EXECUTE format($sql$
        CREATE TABLE market.%1$I (
            symbol                 text        NOT NULL,
            open_time              timestamptz NOT NULL,
            close_time             timestamptz NOT NULL,
            open                   numeric     NOT NULL,
            high                   numeric     NOT NULL,
            low                    numeric     NOT NULL,
            close                  numeric     NOT NULL,
            volume                 numeric     NOT NULL,
            quote_volume           numeric,
            trades                 bigint,
            taker_buy_volume       numeric,
            taker_buy_quote_volume numeric,
            source                 text        NOT NULL,
            flags                  text[],
            loaded_at              timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT %2$I PRIMARY KEY (symbol, open_time),
            CONSTRAINT %3$I CHECK (
                low >= 0 AND low <= open AND low <= close AND high >= open AND high >= close),
            CONSTRAINT %4$I CHECK (source IN ('rest', 'archive', 'stream'))
        ) %5$s
        $sql$,
        name, name || '_pkey', name || '_prices_ordered', name || '_source_known',
        CASE WHEN market.has_timescale() THEN '' ELSE 'PARTITION BY RANGE (open_time)' END);
    IF market.has_timescale() THEN
        EXECUTE format(
            'SELECT create_hypertable(%L::regclass, by_range(%L, %L::interval), create_default_indexes => false)',
            'market.' || quote_ident(name), 'open_time', chunk);
        EXECUTE format(
            'ALTER TABLE market.%I SET (timescaledb.enable_columnstore, '
            'timescaledb.segmentby = ''symbol'', timescaledb.orderby = ''open_time'')', name);
    ELSE
        FOR year IN 2017..2035 LOOP
            CALL market.create_candles_partition(timeframe, year);
        END LOOP;
    END IF;
END $_$;

COMMENT ON PROCEDURE market.create_candles_table(IN timeframe text, IN chunk interval) IS 'Creates the table of candles of a timeframe; used by the migrations';

CREATE FUNCTION market.follow_coverage_days() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Aggregates of nothing are NULL, and nothing is done then: an upsert fires two of these.
    IF TG_OP = 'INSERT' THEN
        PERFORM market.apply_day_changes(
            array_agg(n.symbol), array_agg(n.timeframe), array_agg(n.day),
            array_agg(0), array_agg(n.present_slots))
        FROM new_days AS n;
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM market.apply_day_changes(
            array_agg(symbol), array_agg(timeframe), array_agg(day),
            array_agg(COALESCE(o.present_slots, 0)), array_agg(COALESCE(n.present_slots, 0)))
        FROM old_days AS o
        FULL JOIN new_days AS n USING (symbol, timeframe, day)
        WHERE o.present_slots IS DISTINCT FROM n.present_slots;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM market.apply_day_changes(
            array_agg(o.symbol), array_agg(o.timeframe), array_agg(o.day),
            array_agg(o.present_slots), array_agg(0))
        FROM old_days AS o;
    ELSE
        DELETE FROM market.coverage_series;
    END IF;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION market.follow_coverage_days() IS 'Trigger that applies changes of coverage_days to coverage_series';

CREATE FUNCTION market.has_timescale() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (EXISTS (SELECT FROM pg_extension WHERE (pg_extension.extname = 'timescaledb'::name)));

COMMENT ON FUNCTION market.has_timescale() IS 'Whether candles are stored in hypertables of TimescaleDB instead of native partitions';

CREATE FUNCTION market.milliseconds(raw bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (raw > '100000000000000'::bigint) THEN (raw / 1000) ELSE raw END;

COMMENT ON FUNCTION market.milliseconds(raw bigint) IS 'Milliseconds since 1970, from a number of the exchange in milliseconds or microseconds';

CREATE FUNCTION market.moment(raw bigint) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN to_timestamp(((market.milliseconds(raw))::double precision / (1000)::double precision));

COMMENT ON FUNCTION market.moment(raw bigint) IS 'Time from a number of the exchange in milliseconds or microseconds since 1970';

CREATE FUNCTION market.prices_out_of_order(open numeric, high numeric, low numeric, close numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((low > LEAST(open, close)) OR (high < GREATEST(open, close)));

COMMENT ON FUNCTION market.prices_out_of_order(open numeric, high numeric, low numeric, close numeric) IS 'Whether the low is above, or the high below, another price; such a candle is not stored';

CREATE TABLE market.candles_15m (
    symbol text NOT NULL,
    open_time timestamp with time zone NOT NULL,
    close_time timestamp with time zone NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    quote_volume numeric,
    trades bigint,
    taker_buy_volume numeric,
    taker_buy_quote_volume numeric,
    source text NOT NULL,
    flags text[],
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT candles_15m_prices_ordered CHECK (((low >= (0)::numeric) AND (low <= open) AND (low <= close) AND (high >= open) AND (high >= close))),
    CONSTRAINT candles_15m_source_known CHECK ((source = ANY (ARRAY['rest'::text, 'archive'::text, 'stream'::text])))
);

COMMENT ON TABLE market.candles_15m IS 'Closed candles of 15m, one row per symbol and open time; the same as candles with that timeframe';
COMMENT ON COLUMN market.candles_15m.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.candles_15m.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.candles_15m.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.candles_15m.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.candles_15m.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.candles_15m.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.candles_15m.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.candles_15m.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.candles_15m.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_15m.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_15m.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_15m.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_15m.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.candles_15m.flags IS 'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks none';
COMMENT ON COLUMN market.candles_15m.loaded_at IS 'When it was stored or last corrected, on the clock of the database';

CREATE TABLE market.candles_1d (
    symbol text NOT NULL,
    open_time timestamp with time zone NOT NULL,
    close_time timestamp with time zone NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    quote_volume numeric,
    trades bigint,
    taker_buy_volume numeric,
    taker_buy_quote_volume numeric,
    source text NOT NULL,
    flags text[],
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT candles_1d_prices_ordered CHECK (((low >= (0)::numeric) AND (low <= open) AND (low <= close) AND (high >= open) AND (high >= close))),
    CONSTRAINT candles_1d_source_known CHECK ((source = ANY (ARRAY['rest'::text, 'archive'::text, 'stream'::text])))
);

COMMENT ON TABLE market.candles_1d IS 'Closed candles of 1d, one row per symbol and open time; the same as candles with that timeframe';
COMMENT ON COLUMN market.candles_1d.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.candles_1d.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.candles_1d.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.candles_1d.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.candles_1d.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.candles_1d.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.candles_1d.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.candles_1d.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.candles_1d.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1d.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1d.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1d.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1d.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.candles_1d.flags IS 'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks none';
COMMENT ON COLUMN market.candles_1d.loaded_at IS 'When it was stored or last corrected, on the clock of the database';

CREATE TABLE market.candles_1h (
    symbol text NOT NULL,
    open_time timestamp with time zone NOT NULL,
    close_time timestamp with time zone NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    quote_volume numeric,
    trades bigint,
    taker_buy_volume numeric,
    taker_buy_quote_volume numeric,
    source text NOT NULL,
    flags text[],
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT candles_1h_prices_ordered CHECK (((low >= (0)::numeric) AND (low <= open) AND (low <= close) AND (high >= open) AND (high >= close))),
    CONSTRAINT candles_1h_source_known CHECK ((source = ANY (ARRAY['rest'::text, 'archive'::text, 'stream'::text])))
);

COMMENT ON TABLE market.candles_1h IS 'Closed candles of 1h, one row per symbol and open time; the same as candles with that timeframe';
COMMENT ON COLUMN market.candles_1h.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.candles_1h.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.candles_1h.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.candles_1h.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.candles_1h.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.candles_1h.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.candles_1h.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.candles_1h.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.candles_1h.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1h.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1h.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1h.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1h.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.candles_1h.flags IS 'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks none';
COMMENT ON COLUMN market.candles_1h.loaded_at IS 'When it was stored or last corrected, on the clock of the database';

CREATE TABLE market.candles_1m (
    symbol text NOT NULL,
    open_time timestamp with time zone NOT NULL,
    close_time timestamp with time zone NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    quote_volume numeric,
    trades bigint,
    taker_buy_volume numeric,
    taker_buy_quote_volume numeric,
    source text NOT NULL,
    flags text[],
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT candles_1m_prices_ordered CHECK (((low >= (0)::numeric) AND (low <= open) AND (low <= close) AND (high >= open) AND (high >= close))),
    CONSTRAINT candles_1m_source_known CHECK ((source = ANY (ARRAY['rest'::text, 'archive'::text, 'stream'::text])))
);

COMMENT ON TABLE market.candles_1m IS 'Closed candles of 1m, one row per symbol and open time; the same as candles with that timeframe';
COMMENT ON COLUMN market.candles_1m.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.candles_1m.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.candles_1m.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.candles_1m.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.candles_1m.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.candles_1m.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.candles_1m.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.candles_1m.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.candles_1m.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1m.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1m.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1m.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_1m.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.candles_1m.flags IS 'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks none';
COMMENT ON COLUMN market.candles_1m.loaded_at IS 'When it was stored or last corrected, on the clock of the database';

CREATE TABLE market.candles_30m (
    symbol text NOT NULL,
    open_time timestamp with time zone NOT NULL,
    close_time timestamp with time zone NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    quote_volume numeric,
    trades bigint,
    taker_buy_volume numeric,
    taker_buy_quote_volume numeric,
    source text NOT NULL,
    flags text[],
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT candles_30m_prices_ordered CHECK (((low >= (0)::numeric) AND (low <= open) AND (low <= close) AND (high >= open) AND (high >= close))),
    CONSTRAINT candles_30m_source_known CHECK ((source = ANY (ARRAY['rest'::text, 'archive'::text, 'stream'::text])))
);

COMMENT ON TABLE market.candles_30m IS 'Closed candles of 30m, one row per symbol and open time; the same as candles with that timeframe';
COMMENT ON COLUMN market.candles_30m.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.candles_30m.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.candles_30m.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.candles_30m.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.candles_30m.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.candles_30m.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.candles_30m.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.candles_30m.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.candles_30m.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_30m.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_30m.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_30m.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_30m.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.candles_30m.flags IS 'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks none';
COMMENT ON COLUMN market.candles_30m.loaded_at IS 'When it was stored or last corrected, on the clock of the database';

CREATE TABLE market.candles_4h (
    symbol text NOT NULL,
    open_time timestamp with time zone NOT NULL,
    close_time timestamp with time zone NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    quote_volume numeric,
    trades bigint,
    taker_buy_volume numeric,
    taker_buy_quote_volume numeric,
    source text NOT NULL,
    flags text[],
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT candles_4h_prices_ordered CHECK (((low >= (0)::numeric) AND (low <= open) AND (low <= close) AND (high >= open) AND (high >= close))),
    CONSTRAINT candles_4h_source_known CHECK ((source = ANY (ARRAY['rest'::text, 'archive'::text, 'stream'::text])))
);

COMMENT ON TABLE market.candles_4h IS 'Closed candles of 4h, one row per symbol and open time; the same as candles with that timeframe';
COMMENT ON COLUMN market.candles_4h.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.candles_4h.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.candles_4h.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.candles_4h.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.candles_4h.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.candles_4h.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.candles_4h.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.candles_4h.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.candles_4h.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_4h.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_4h.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_4h.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_4h.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.candles_4h.flags IS 'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks none';
COMMENT ON COLUMN market.candles_4h.loaded_at IS 'When it was stored or last corrected, on the clock of the database';

CREATE TABLE market.candles_5m (
    symbol text NOT NULL,
    open_time timestamp with time zone NOT NULL,
    close_time timestamp with time zone NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    quote_volume numeric,
    trades bigint,
    taker_buy_volume numeric,
    taker_buy_quote_volume numeric,
    source text NOT NULL,
    flags text[],
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT candles_5m_prices_ordered CHECK (((low >= (0)::numeric) AND (low <= open) AND (low <= close) AND (high >= open) AND (high >= close))),
    CONSTRAINT candles_5m_source_known CHECK ((source = ANY (ARRAY['rest'::text, 'archive'::text, 'stream'::text])))
);

COMMENT ON TABLE market.candles_5m IS 'Closed candles of 5m, one row per symbol and open time; the same as candles with that timeframe';
COMMENT ON COLUMN market.candles_5m.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.candles_5m.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.candles_5m.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.candles_5m.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.candles_5m.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.candles_5m.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.candles_5m.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.candles_5m.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.candles_5m.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_5m.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_5m.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_5m.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles_5m.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.candles_5m.flags IS 'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks none';
COMMENT ON COLUMN market.candles_5m.loaded_at IS 'When it was stored or last corrected, on the clock of the database';

CREATE VIEW market.candles AS
 SELECT candles_1m.symbol,
    '1m'::market.timeframe AS timeframe,
    candles_1m.open_time,
    candles_1m.close_time,
    candles_1m.open,
    candles_1m.high,
    candles_1m.low,
    candles_1m.close,
    candles_1m.volume,
    candles_1m.quote_volume,
    candles_1m.trades,
    candles_1m.taker_buy_volume,
    candles_1m.taker_buy_quote_volume,
    candles_1m.source,
    candles_1m.flags,
    candles_1m.loaded_at
   FROM market.candles_1m
UNION ALL
 SELECT candles_5m.symbol,
    '5m'::market.timeframe AS timeframe,
    candles_5m.open_time,
    candles_5m.close_time,
    candles_5m.open,
    candles_5m.high,
    candles_5m.low,
    candles_5m.close,
    candles_5m.volume,
    candles_5m.quote_volume,
    candles_5m.trades,
    candles_5m.taker_buy_volume,
    candles_5m.taker_buy_quote_volume,
    candles_5m.source,
    candles_5m.flags,
    candles_5m.loaded_at
   FROM market.candles_5m
UNION ALL
 SELECT candles_15m.symbol,
    '15m'::market.timeframe AS timeframe,
    candles_15m.open_time,
    candles_15m.close_time,
    candles_15m.open,
    candles_15m.high,
    candles_15m.low,
    candles_15m.close,
    candles_15m.volume,
    candles_15m.quote_volume,
    candles_15m.trades,
    candles_15m.taker_buy_volume,
    candles_15m.taker_buy_quote_volume,
    candles_15m.source,
    candles_15m.flags,
    candles_15m.loaded_at
   FROM market.candles_15m
UNION ALL
 SELECT candles_30m.symbol,
    '30m'::market.timeframe AS timeframe,
    candles_30m.open_time,
    candles_30m.close_time,
    candles_30m.open,
    candles_30m.high,
    candles_30m.low,
    candles_30m.close,
    candles_30m.volume,
    candles_30m.quote_volume,
    candles_30m.trades,
    candles_30m.taker_buy_volume,
    candles_30m.taker_buy_quote_volume,
    candles_30m.source,
    candles_30m.flags,
    candles_30m.loaded_at
   FROM market.candles_30m
UNION ALL
 SELECT candles_1h.symbol,
    '1h'::market.timeframe AS timeframe,
    candles_1h.open_time,
    candles_1h.close_time,
    candles_1h.open,
    candles_1h.high,
    candles_1h.low,
    candles_1h.close,
    candles_1h.volume,
    candles_1h.quote_volume,
    candles_1h.trades,
    candles_1h.taker_buy_volume,
    candles_1h.taker_buy_quote_volume,
    candles_1h.source,
    candles_1h.flags,
    candles_1h.loaded_at
   FROM market.candles_1h
UNION ALL
 SELECT candles_4h.symbol,
    '4h'::market.timeframe AS timeframe,
    candles_4h.open_time,
    candles_4h.close_time,
    candles_4h.open,
    candles_4h.high,
    candles_4h.low,
    candles_4h.close,
    candles_4h.volume,
    candles_4h.quote_volume,
    candles_4h.trades,
    candles_4h.taker_buy_volume,
    candles_4h.taker_buy_quote_volume,
    candles_4h.source,
    candles_4h.flags,
    candles_4h.loaded_at
   FROM market.candles_4h
UNION ALL
 SELECT candles_1d.symbol,
    '1d'::market.timeframe AS timeframe,
    candles_1d.open_time,
    candles_1d.close_time,
    candles_1d.open,
    candles_1d.high,
    candles_1d.low,
    candles_1d.close,
    candles_1d.volume,
    candles_1d.quote_volume,
    candles_1d.trades,
    candles_1d.taker_buy_volume,
    candles_1d.taker_buy_quote_volume,
    candles_1d.source,
    candles_1d.flags,
    candles_1d.loaded_at
   FROM market.candles_1d;

COMMENT ON VIEW market.candles IS 'Closed candles of all timeframes, one row per symbol, timeframe and open time. Ask for one timeframe, and only its table is read';
COMMENT ON COLUMN market.candles.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.candles.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.candles.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.candles.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.candles.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.candles.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.candles.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.candles.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.candles.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.candles.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.candles.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.candles.flags IS 'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks none';
COMMENT ON COLUMN market.candles.loaded_at IS 'When it was stored or last corrected, on the clock of the database';

CREATE TABLE market.confirmations (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    range_start timestamp with time zone NOT NULL,
    range_end timestamp with time zone NOT NULL,
    source text NOT NULL,
    checked_at timestamp with time zone NOT NULL,
    candles integer NOT NULL,
    differing integer NOT NULL,
    CONSTRAINT confirmations_counts_possible CHECK (((differing >= 0) AND (candles >= differing))),
    CONSTRAINT confirmations_ordered CHECK ((range_end > range_start)),
    CONSTRAINT confirmations_source_known CHECK ((source = ANY (ARRAY['rest'::text, 'archive'::text, 'stream'::text])))
);

COMMENT ON TABLE market.confirmations IS 'Ranges in which stored candles were compared with a source, one row per symbol, timeframe, source and range within a UTC day';
COMMENT ON COLUMN market.confirmations.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.confirmations.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.confirmations.range_start IS 'Start of the range, inclusive';
COMMENT ON COLUMN market.confirmations.range_end IS 'End of the range, exclusive';
COMMENT ON COLUMN market.confirmations.source IS 'Source with which the stored candles were compared';
COMMENT ON COLUMN market.confirmations.checked_at IS 'Time of the last check, on the clock of the exchange';
COMMENT ON COLUMN market.confirmations.candles IS 'Number of compared candles';
COMMENT ON COLUMN market.confirmations.differing IS 'Number of compared candles with different values';

CREATE TABLE market.corrections (
    correction_id bigint NOT NULL,
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    open_time timestamp with time zone NOT NULL,
    source_before text NOT NULL,
    source_after text NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    applied boolean NOT NULL,
    corrected_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reason text
);

COMMENT ON TABLE market.corrections IS 'Differences between a source and a stored candle, one row per finding, with the values of both';
COMMENT ON COLUMN market.corrections.correction_id IS 'Identifier of the row';
COMMENT ON COLUMN market.corrections.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.corrections.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.corrections.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.corrections.source_before IS 'Source of the stored candle';
COMMENT ON COLUMN market.corrections.source_after IS 'Source with the other values';
COMMENT ON COLUMN market.corrections.before IS 'Values that were stored, as a JSON object';
COMMENT ON COLUMN market.corrections.after IS 'Values that the source has, as a JSON object';
COMMENT ON COLUMN market.corrections.applied IS 'Whether the values of the source replaced the stored ones';
COMMENT ON COLUMN market.corrections.corrected_at IS 'When, on the clock of the database';
COMMENT ON COLUMN market.corrections.reason IS 'refused: lower_source, knows_less, loses_trades; applied: reconciled, replaced_file, or NULL';

CREATE TABLE market.unmatched_candles (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    open_time timestamp with time zone NOT NULL,
    source text NOT NULL,
    found_at timestamp with time zone NOT NULL,
    checked_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE market.unmatched_candles IS 'Stored candles that a source does not have, one row per candle and source; they stay stored';
COMMENT ON COLUMN market.unmatched_candles.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.unmatched_candles.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.unmatched_candles.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.unmatched_candles.source IS 'Source that lacks the candle';
COMMENT ON COLUMN market.unmatched_candles.found_at IS 'Time of the finding, on the clock of the exchange';
COMMENT ON COLUMN market.unmatched_candles.checked_at IS 'Time of the last check, on the clock of the exchange';

CREATE FUNCTION market.provenance(of_symbol text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone) RETURNS TABLE(open_time timestamp with time zone, source text, loaded_at timestamp with time zone, confirmed_by jsonb, corrections bigint, refused jsonb, lacking text[])
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT c.open_time,
     c.source,
     c.loaded_at,
     COALESCE(f.confirmed_by, '{}'::jsonb) AS confirmed_by,
     k.corrections,
     COALESCE(k.refused, '[]'::jsonb) AS refused,
     u.lacking
    FROM (((market.candles c
      CROSS JOIN LATERAL ( SELECT array_agg(n.source ORDER BY n.source) AS lacking
            FROM market.unmatched_candles n
           WHERE ((n.symbol = provenance.of_symbol) AND (n.timeframe = market.to_timeframe(provenance.of_timeframe)) AND (n.open_time = c.open_time))) u)
      CROSS JOIN LATERAL ( SELECT count(*) FILTER (WHERE x.applied) AS corrections,
             array_agg(x.source_after) FILTER (WHERE x.stands) AS refusing,
             jsonb_agg(jsonb_build_object('source', x.source_after, 'values', x.after) ORDER BY x.correction_id) FILTER (WHERE x.stands) AS refused
            FROM ( SELECT r.correction_id,
                     r.source_after,
                     r.after,
                     r.applied,
                     ((NOT r.applied) AND (r.after <> jsonb_build_object('close_time', c.close_time, 'open', c.open, 'high', c.high, 'low', c.low, 'close', c.close, 'volume', c.volume, 'quote_volume', c.quote_volume, 'trades', c.trades, 'taker_buy_volume', c.taker_buy_volume, 'taker_buy_quote_volume', c.taker_buy_quote_volume)) AND (NOT (EXISTS ( SELECT
                            FROM market.corrections again
                           WHERE ((again.symbol = provenance.of_symbol) AND (again.timeframe = market.to_timeframe(provenance.of_timeframe)) AND (again.open_time = r.open_time) AND (NOT again.applied) AND (again.source_after = r.source_after) AND (again.after = r.after) AND (again.correction_id > r.correction_id)))))) AS stands
                    FROM market.corrections r
                   WHERE ((r.symbol = provenance.of_symbol) AND (r.timeframe = market.to_timeframe(provenance.of_timeframe)) AND (r.open_time = c.open_time))) x) k)
      CROSS JOIN LATERAL ( SELECT jsonb_object_agg(o.source, o.checked_at) AS confirmed_by
            FROM market.confirmations o
           WHERE ((o.symbol = provenance.of_symbol) AND (o.timeframe = market.to_timeframe(provenance.of_timeframe)) AND (o.range_start > (c.open_time - '24:00:00'::interval)) AND (o.range_start <= c.open_time) AND (o.range_end > c.open_time) AND (o.source <> c.source) AND (o.source <> ALL (COALESCE(k.refusing, '{}'::text[]))) AND (o.source <> ALL (COALESCE(u.lacking, '{}'::text[]))))) f)
   WHERE ((c.symbol = provenance.of_symbol) AND (c.timeframe = market.to_timeframe(provenance.of_timeframe)) AND (c.open_time >= provenance.range_start) AND (c.open_time < provenance.range_end))
   ORDER BY c.open_time;
END;

COMMENT ON FUNCTION market.provenance(of_symbol text, of_timeframe text, range_start timestamp with time zone, range_end timestamp with time zone) IS 'Source of each stored candle in [range_start, range_end), the other sources that confirm it and when they last did, the differing values of lower-ranking sources, and the sources that lack it';

CREATE FUNCTION market.source_rank(source text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE source WHEN 'archive'::text THEN 3 WHEN 'rest'::text THEN 2 WHEN 'stream'::text THEN 1 ELSE NULL::integer END;

COMMENT ON FUNCTION market.source_rank(source text) IS 'Rank of a source: archive 3, rest 2, stream 1; higher ranks replace lower ones';

CREATE FUNCTION market.refusal(new_source text, stored_source text, new_values numeric[], stored_values numeric[], excuse text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (market.source_rank(new_source) < market.source_rank(stored_source)) THEN 'lower_source'::text WHEN ((array_position(new_values, NULL::numeric) IS NOT NULL) AND (EXISTS (SELECT FROM UNNEST(refusal.new_values, refusal.stored_values) v(new, stored) WHERE ((v.new IS NULL) AND (v.stored IS NOT NULL))))) THEN 'knows_less'::text WHEN ((market.source_rank(new_source) = market.source_rank(stored_source)) AND (excuse IS NULL) AND (((new_values)[1] < (stored_values)[1]) OR ((new_values)[2] < (stored_values)[2]))) THEN 'loses_trades'::text ELSE NULL::text END;

COMMENT ON FUNCTION market.refusal(new_source text, stored_source text, new_values numeric[], stored_values numeric[], excuse text) IS 'Why a candle may not replace a stored candle with other values; NULL where it may';

CREATE FUNCTION market.resample(of_symbol text, target interval, range_start timestamp with time zone, range_end timestamp with time zone, source text DEFAULT NULL::text) RETURNS TABLE(open_time timestamp with time zone, open numeric, high numeric, low numeric, close numeric, volume numeric, quote_volume numeric, trades bigint, taker_buy_volume numeric, taker_buy_quote_volume numeric, candles bigint, expected bigint, source_timeframe market.timeframe)
    LANGUAGE plpgsql STABLE
    AS $_$
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
END $_$;

COMMENT ON FUNCTION market.resample(of_symbol text, target interval, range_start timestamp with time zone, range_end timestamp with time zone, source text) IS 'Candles of any longer timeframe (target, such as 2h or 1 week) out of stored ones, exactly; one row per slot that opens in [range_start, range_end) and has any. Slots are counted from 1970 in UTC, whole weeks from a Monday. candles says how many source candles a row is made of, expected how many a whole one has. source is the timeframe they are taken from; if it is not given, the longest that divides target and has candles in the range';

CREATE FUNCTION market.slots_per_day(length interval) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((86400)::numeric / EXTRACT(epoch FROM length)))::integer;

COMMENT ON FUNCTION market.slots_per_day(length interval) IS 'Number of candles of a whole day, given their length';

CREATE FUNCTION market.taker_above_total(taker_buy_volume numeric, volume numeric, taker_buy_quote_volume numeric, quote_volume numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((taker_buy_volume > volume) OR (taker_buy_quote_volume > quote_volume));

COMMENT ON FUNCTION market.taker_above_total(taker_buy_volume numeric, volume numeric, taker_buy_quote_volume numeric, quote_volume numeric) IS 'Whether takers bought more than was traded; such a candle is not stored';

CREATE FUNCTION market.timeframe_is(timeframe market.timeframe, name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (timeframe = market.to_timeframe(name));

COMMENT ON FUNCTION market.timeframe_is(timeframe market.timeframe, name text) IS 'Operator timeframe = text; an error for a text that is not the name of a timeframe';

CREATE FUNCTION market.timeframe_is(name text, timeframe market.timeframe) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (market.to_timeframe(name) = timeframe);

COMMENT ON FUNCTION market.timeframe_is(name text, timeframe market.timeframe) IS 'Operator timeframe = text; an error for a text that is not the name of a timeframe';

CREATE FUNCTION market.timeframe_is_not(timeframe market.timeframe, name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (timeframe <> market.to_timeframe(name));

COMMENT ON FUNCTION market.timeframe_is_not(timeframe market.timeframe, name text) IS 'Operator timeframe <> text; an error for a text that is not the name of a timeframe';

CREATE FUNCTION market.timeframe_is_not(name text, timeframe market.timeframe) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (market.to_timeframe(name) <> timeframe);

COMMENT ON FUNCTION market.timeframe_is_not(name text, timeframe market.timeframe) IS 'Operator timeframe <> text; an error for a text that is not the name of a timeframe';

CREATE PROCEDURE market.truncate_candles_partition(IN timeframe text, IN year integer)
    LANGUAGE plpgsql
    AS $$
DECLARE
    partition text := 'candles_' || timeframe || '_' || year;
BEGIN
    IF to_regclass('market_partitions.' || quote_ident(partition)) IS NOT NULL THEN
        EXECUTE format('TRUNCATE market_partitions.%I', partition);
    END IF;
END $$;

COMMENT ON PROCEDURE market.truncate_candles_partition(IN timeframe text, IN year integer) IS 'Empties the native partition of a year of which no candle is wanted';

CREATE TABLE market.universe (
    as_of timestamp with time zone NOT NULL,
    rank integer NOT NULL,
    symbol text NOT NULL,
    base_asset text NOT NULL,
    market_cap_usd numeric,
    source text NOT NULL,
    CONSTRAINT universe_rank_positive CHECK ((rank > 0))
);

COMMENT ON TABLE market.universe IS 'Members of the universe from as_of until the next snapshot; rows are never overwritten. source names the ranking: coingecko, binance or volume for snapshots taken live; volume_backfill for past months (universe backfill), ranked by the quote volume of the calendar month before as_of and nothing later. Without backfilled months the history has only today''s members: pairs that dropped out or were delisted before the first snapshot are missing, and a study over it has survivorship bias';
COMMENT ON COLUMN market.universe.as_of IS 'Time of the snapshot, on the clock of the exchange';
COMMENT ON COLUMN market.universe.rank IS 'Place in the snapshot, from 1 on: by market capitalisation, or by quote volume where source is volume or volume_backfill. Ranks in between may belong to pairs that were not chosen';
COMMENT ON COLUMN market.universe.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.universe.base_asset IS 'Asset that the pair trades';
COMMENT ON COLUMN market.universe.market_cap_usd IS 'Market capitalisation in US dollars; NULL where the source has none';
COMMENT ON COLUMN market.universe.source IS 'What the pair was ranked by: coingecko and binance are sources of market capitalisation, volume is the quote volume of the 24 hours before the snapshot, and volume_backfill is the quote volume of the calendar month before as_of, ranked afterwards';

CREATE FUNCTION market.universe_at(moment timestamp with time zone) RETURNS SETOF market.universe
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT u.as_of,
     u.rank,
     u.symbol,
     u.base_asset,
     u.market_cap_usd,
     u.source
    FROM market.universe u
   WHERE (u.as_of = ( SELECT max(v.as_of) AS max
            FROM market.universe v
           WHERE (v.as_of <= universe_at.moment)))
   ORDER BY u.rank;
END;

COMMENT ON FUNCTION market.universe_at(moment timestamp with time zone) IS 'The membership valid at a moment: the latest snapshot not after it. Nothing before the first snapshot unless past months were backfilled (universe backfill); today''s members in their place would have survivorship bias.';

CREATE OPERATOR market.<> (
    FUNCTION = market.timeframe_is_not,
    LEFTARG = market.timeframe,
    RIGHTARG = text,
    COMMUTATOR = OPERATOR(market.<>),
    NEGATOR = OPERATOR(market.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);

CREATE OPERATOR market.<> (
    FUNCTION = market.timeframe_is_not,
    LEFTARG = text,
    RIGHTARG = market.timeframe,
    COMMUTATOR = OPERATOR(market.<>),
    NEGATOR = OPERATOR(market.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);

CREATE OPERATOR market.= (
    FUNCTION = market.timeframe_is,
    LEFTARG = market.timeframe,
    RIGHTARG = text,
    COMMUTATOR = OPERATOR(market.=),
    NEGATOR = OPERATOR(market.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel
);

CREATE OPERATOR market.= (
    FUNCTION = market.timeframe_is,
    LEFTARG = text,
    RIGHTARG = market.timeframe,
    COMMUTATOR = OPERATOR(market.=),
    NEGATOR = OPERATOR(market.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel
);

CREATE TABLE market.reconciliations (
    run_id bigint NOT NULL,
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    range_start timestamp with time zone NOT NULL,
    range_end timestamp with time zone NOT NULL,
    source text NOT NULL,
    stored_source text NOT NULL,
    compared integer NOT NULL,
    equal integer GENERATED ALWAYS AS ((compared - differing)) STORED,
    differing integer NOT NULL,
    held_only integer NOT NULL,
    source_only integer NOT NULL,
    checked_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT reconciliations_counts_possible CHECK (((differing >= 0) AND (compared >= differing) AND (held_only >= 0) AND (source_only >= 0))),
    CONSTRAINT reconciliations_ordered CHECK ((range_end > range_start))
);

COMMENT ON TABLE market.reconciliations IS 'Figures of the runs that compare stored candles with a source, one row per run, series, UTC day, source and source of what was stored';
COMMENT ON COLUMN market.reconciliations.run_id IS 'Number of the run';
COMMENT ON COLUMN market.reconciliations.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.reconciliations.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.reconciliations.range_start IS 'Start of the range, inclusive';
COMMENT ON COLUMN market.reconciliations.range_end IS 'End of the range, exclusive';
COMMENT ON COLUMN market.reconciliations.source IS 'Source with which stored candles were compared';
COMMENT ON COLUMN market.reconciliations.stored_source IS 'Source of the stored candles; none for candles that were not stored';
COMMENT ON COLUMN market.reconciliations.compared IS 'Number of candles that both have';
COMMENT ON COLUMN market.reconciliations.equal IS 'Number of compared candles with equal values';
COMMENT ON COLUMN market.reconciliations.differing IS 'Number of compared candles with different values';
COMMENT ON COLUMN market.reconciliations.held_only IS 'Number of stored candles that the source does not have';
COMMENT ON COLUMN market.reconciliations.source_only IS 'Number of candles that only the source had; they were stored then';
COMMENT ON COLUMN market.reconciliations.checked_at IS 'Time of the last check, on the clock of the exchange';
COMMENT ON COLUMN market.reconciliations.recorded_at IS 'When the row was written, on the clock of the database';

CREATE VIEW market.agreement AS
 WITH runs AS (
         SELECT r.run_id,
            r.symbol,
            r.timeframe,
            ((r.range_start AT TIME ZONE 'UTC'::text))::date AS day,
            r.stored_source,
            r.source,
            sum(r.compared) AS compared,
            sum(r.differing) AS differing,
            sum(r.held_only) AS held_only,
            max(r.checked_at) AS checked_at,
            ((sum(r.compared) + sum(r.held_only)) + sum(r.source_only)) AS candles
           FROM market.reconciliations r
          GROUP BY r.run_id, r.symbol, r.timeframe, (((r.range_start AT TIME ZONE 'UTC'::text))::date), r.stored_source, r.source
        ), seen AS (
         SELECT s.run_id,
            s.symbol,
            s.timeframe,
            s.day,
            s.stored_source,
            s.source,
            s.compared,
            s.differing,
            s.held_only,
            s.checked_at,
            s.candles,
            sum(s.candles) OVER (PARTITION BY s.symbol, s.timeframe, s.day, s.source, s.run_id) AS seen
           FROM runs s
        ), latest AS (
         SELECT DISTINCT ON (n.symbol, n.timeframe, n.day, n.stored_source, n.source) n.symbol,
            n.timeframe,
            n.day,
            n.stored_source,
            n.source,
            n.compared,
            n.differing,
            n.held_only,
            n.checked_at,
            (market.source_rank(n.source) >= market.source_rank(n.stored_source)) AS corrects
           FROM seen n
          WHERE (n.stored_source <> 'none'::text)
          ORDER BY n.symbol, n.timeframe, n.day, n.stored_source, n.source, n.seen DESC, n.run_id DESC
        ), parts AS (
         SELECT l.symbol,
            l.timeframe,
            l.day,
            l.stored_source,
            l.source,
            (l.compared - l.differing) AS equal,
                CASE
                    WHEN l.corrects THEN (0)::bigint
                    ELSE l.differing
                END AS refused,
            (0)::bigint AS corrected,
            l.held_only,
            l.checked_at
           FROM latest l
        UNION ALL
         SELECT k.symbol,
            k.timeframe,
            ((k.open_time AT TIME ZONE 'UTC'::text))::date AS timezone,
            k.source_before,
            k.source_after,
            0,
            0,
            count(DISTINCT k.open_time) AS count,
            0,
            NULL::timestamp with time zone
           FROM market.corrections k
          WHERE (k.applied AND (EXISTS ( SELECT
                   FROM market.reconciliations r
                  WHERE ((r.symbol = k.symbol) AND (r.timeframe = k.timeframe) AND (r.source = k.source_after) AND (r.range_start >= date_trunc('day'::text, k.open_time, 'UTC'::text)) AND (r.range_start < (date_trunc('day'::text, k.open_time, 'UTC'::text) + '24:00:00'::interval))))))
          GROUP BY k.symbol, k.timeframe, (((k.open_time AT TIME ZONE 'UTC'::text))::date), k.source_before, k.source_after
        ), days AS (
         SELECT p.symbol,
            p.timeframe,
            p.day,
            p.stored_source,
            p.source,
                CASE
                    WHEN (p.stored_source = p.source) THEN GREATEST(sum(p.equal), sum(p.corrected))
                    ELSE ((sum(p.equal) + sum(p.refused)) + sum(p.corrected))
                END AS compared,
            (sum(p.refused) + sum(p.corrected)) AS differing,
            sum(p.held_only) AS held_only,
            max(p.checked_at) AS checked_at
           FROM parts p
          GROUP BY p.symbol, p.timeframe, p.day, p.stored_source, p.source
        )
 SELECT symbol,
    timeframe,
    day,
    stored_source,
    source,
    (compared)::integer AS compared,
    (differing)::integer AS differing,
    (held_only)::integer AS held_only,
    trunc((((100)::numeric * (compared - differing)) / NULLIF(compared, (0)::numeric)), 4) AS agreement_percent,
    checked_at
   FROM days;

COMMENT ON VIEW market.agreement IS 'How far a source agrees with what was stored from another one, one row per symbol, timeframe, UTC day and pair of sources';
COMMENT ON COLUMN market.agreement.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.agreement.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.agreement.day IS 'UTC day';
COMMENT ON COLUMN market.agreement.stored_source IS 'Source of the stored candles at the time of the comparison';
COMMENT ON COLUMN market.agreement.source IS 'Source with which stored candles were compared';
COMMENT ON COLUMN market.agreement.compared IS 'Number of candles that both had at the time of the comparison';
COMMENT ON COLUMN market.agreement.differing IS 'Number of compared candles with different values';
COMMENT ON COLUMN market.agreement.held_only IS 'Number of stored candles that the source does not have';
COMMENT ON COLUMN market.agreement.agreement_percent IS 'Percentage of compared candles with equal values, truncated to four digits, so that 100 means all; NULL where none were compared';
COMMENT ON COLUMN market.agreement.checked_at IS 'Time of the last check, on the clock of the exchange';

CREATE TABLE market.alerts (
    alert_id bigint NOT NULL,
    name text NOT NULL,
    subject text NOT NULL,
    raised_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    cleared_at timestamp with time zone,
    notified_at timestamp with time zone,
    value double precision,
    threshold double precision NOT NULL,
    message text NOT NULL,
    raised_value double precision,
    raised_message text NOT NULL,
    CONSTRAINT alerts_cleared_after_raised CHECK ((cleared_at >= raised_at))
);

COMMENT ON TABLE market.alerts IS 'Alerts, one row per alert from raising to clearing. Times are wall time';
COMMENT ON COLUMN market.alerts.alert_id IS 'Identifier of the row';
COMMENT ON COLUMN market.alerts.name IS 'Metric of the alert, such as completeness or freshness';
COMMENT ON COLUMN market.alerts.subject IS 'What is measured: a timeframe, stream, collection, exchange or candles';
COMMENT ON COLUMN market.alerts.raised_at IS 'When the alert was raised';
COMMENT ON COLUMN market.alerts.last_seen_at IS 'When the value was last measured';
COMMENT ON COLUMN market.alerts.cleared_at IS 'When the value was within the threshold again; NULL while the alert is open';
COMMENT ON COLUMN market.alerts.notified_at IS 'When a notification was sent; NULL before';
COMMENT ON COLUMN market.alerts.value IS 'Last measured value: percent, seconds or a count, depending on the metric. NULL where nothing was left to measure';
COMMENT ON COLUMN market.alerts.threshold IS 'Threshold for the value, in the same unit';
COMMENT ON COLUMN market.alerts.message IS 'The value in words';
COMMENT ON COLUMN market.alerts.raised_value IS 'Value that raised the alert; NULL for alerts of versions that did not record it';
COMMENT ON COLUMN market.alerts.raised_message IS 'Message when the alert was raised';

ALTER TABLE market.alerts ALTER COLUMN alert_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME market.alerts_alert_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE market.archive_files (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    tree text NOT NULL,
    period_start date NOT NULL,
    url text NOT NULL,
    state text NOT NULL,
    sha256 text,
    size bigint,
    rows integer,
    loaded_at timestamp with time zone,
    checked_at timestamp with time zone NOT NULL,
    problem text,
    CONSTRAINT archive_files_loaded CHECK (((state <> 'loaded'::text) OR (ROW(sha256, size, rows, loaded_at) IS NOT NULL))),
    CONSTRAINT archive_files_state_known CHECK ((state = ANY (ARRAY['loaded'::text, 'missing'::text, 'broken'::text]))),
    CONSTRAINT archive_files_tree_known CHECK ((tree = ANY (ARRAY['monthly'::text, 'daily'::text])))
);

COMMENT ON TABLE market.archive_files IS 'Published files that were requested, one row per file';
COMMENT ON COLUMN market.archive_files.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.archive_files.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.archive_files.tree IS 'monthly or daily';
COMMENT ON COLUMN market.archive_files.period_start IS 'Day of the file, or first day of its month';
COMMENT ON COLUMN market.archive_files.url IS 'URL of the file';
COMMENT ON COLUMN market.archive_files.state IS 'loaded, missing (not published) or broken';
COMMENT ON COLUMN market.archive_files.sha256 IS 'SHA-256 of the zip that was last loaded; NULL before the first';
COMMENT ON COLUMN market.archive_files.size IS 'Size of the zip in bytes; NULL before the first load';
COMMENT ON COLUMN market.archive_files.rows IS 'Number of rows in the file; NULL before the first load';
COMMENT ON COLUMN market.archive_files.loaded_at IS 'When the file was last loaded, on the clock of the database; NULL before the first load';
COMMENT ON COLUMN market.archive_files.checked_at IS 'Time of the last check, on the clock of the exchange';
COMMENT ON COLUMN market.archive_files.problem IS 'Why the last check did not load the file; NULL where it did';

CREATE TABLE market.asset_aliases (
    old_asset text NOT NULL,
    new_asset text NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    ratio numeric DEFAULT 1 NOT NULL
);

COMMENT ON TABLE market.asset_aliases IS 'Renames of assets, one row each; kept by hand';
COMMENT ON COLUMN market.asset_aliases.old_asset IS 'Name before';
COMMENT ON COLUMN market.asset_aliases.new_asset IS 'Name after';
COMMENT ON COLUMN market.asset_aliases.effective_at IS 'A moment between the last candle of the old ticker and the first one of the new';
COMMENT ON COLUMN market.asset_aliases.ratio IS 'How many of the new asset make one of the old';

CREATE TABLE market.coverage_days (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    day date NOT NULL,
    present_slots integer NOT NULL,
    change_id bigint NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE market.coverage_days IS 'Stored candles, one row per symbol, timeframe and UTC day; written together with the candles';
COMMENT ON COLUMN market.coverage_days.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.coverage_days.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.coverage_days.day IS 'UTC day';
COMMENT ON COLUMN market.coverage_days.present_slots IS 'Number of distinct slots with a candle';
COMMENT ON COLUMN market.coverage_days.change_id IS 'Version of the day: a new number after each change of its candles';
COMMENT ON COLUMN market.coverage_days.changed_at IS 'When the candles of the day last changed, on the clock of the database';

CREATE SEQUENCE market.change_ids
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE market.change_ids OWNED BY market.coverage_days.change_id;

CREATE TABLE market.collector_state (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    first_open_time timestamp with time zone,
    last_open_time timestamp with time zone,
    last_updated timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    is_realtime boolean DEFAULT false NOT NULL,
    last_error text
)
WITH (fillfactor='50', vacuum_truncate='false');

COMMENT ON TABLE market.collector_state IS 'Collection state of each series, one row per symbol and timeframe';
COMMENT ON COLUMN market.collector_state.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.collector_state.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.collector_state.first_open_time IS 'Open time of the first stored candle; NULL until a candle is stored, and again after retention has deleted all of them';
COMMENT ON COLUMN market.collector_state.last_open_time IS 'Open time of the last candle that was stored, which retention does not change; NULL until a candle is stored';
COMMENT ON COLUMN market.collector_state.last_updated IS 'Last time that candles were stored or a failure was recorded, on the clock of the database';
COMMENT ON COLUMN market.collector_state.is_realtime IS 'Whether a stream session delivers the series; a killed session leaves it true';
COMMENT ON COLUMN market.collector_state.last_error IS 'Why the series could not be collected; NULL until that happens, and again as soon as candles are stored';

CREATE TABLE market.connection_attempts (
    attempt_id bigint NOT NULL,
    attempted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE market.connection_attempts IS 'Attempts to connect to the streams of the exchange in the last minutes, one row each';
COMMENT ON COLUMN market.connection_attempts.attempt_id IS 'Identifier of the row';
COMMENT ON COLUMN market.connection_attempts.attempted_at IS 'When, on the clock of the database';

ALTER TABLE market.connection_attempts ALTER COLUMN attempt_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME market.connection_attempts_attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE market.corrections ALTER COLUMN correction_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME market.corrections_correction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE market.coverage_series (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    present_slots bigint NOT NULL,
    whole_days datemultirange NOT NULL,
    short_days datemultirange NOT NULL
)
WITH (fillfactor='50', vacuum_truncate='false');

COMMENT ON TABLE market.coverage_series IS 'Stored candles, one row per symbol and timeframe of which there are any';
COMMENT ON COLUMN market.coverage_series.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.coverage_series.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.coverage_series.present_slots IS 'Number of distinct slots with a candle';
COMMENT ON COLUMN market.coverage_series.whole_days IS 'UTC days all of whose slots have a candle';
COMMENT ON COLUMN market.coverage_series.short_days IS 'UTC days some of whose slots have a candle';

CREATE TABLE market.exchange_state (
    only_row boolean DEFAULT true NOT NULL,
    identity text NOT NULL,
    rest_url text NOT NULL,
    coingecko_url text NOT NULL,
    products_url text NOT NULL,
    exchange_time timestamp with time zone NOT NULL,
    clock_offset_ms bigint NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    weight_limit integer NOT NULL,
    limits_checked_at timestamp with time zone,
    close_grace interval NOT NULL,
    CONSTRAINT exchange_state_only_row CHECK (only_row),
    CONSTRAINT exchange_state_weight_limit_positive CHECK ((weight_limit > 0))
);

COMMENT ON TABLE market.exchange_state IS 'The exchange to which this warehouse is bound, and its clock; one row once an exchange was chosen';
COMMENT ON COLUMN market.exchange_state.only_row IS 'Always true: the table has one row';
COMMENT ON COLUMN market.exchange_state.identity IS 'binance, or sim: and the market of a stand-in';
COMMENT ON COLUMN market.exchange_state.rest_url IS 'Base URL of the REST API';
COMMENT ON COLUMN market.exchange_state.coingecko_url IS 'Base URL of the source of market capitalisations';
COMMENT ON COLUMN market.exchange_state.products_url IS 'Base URL of the list of products';
COMMENT ON COLUMN market.exchange_state.exchange_time IS 'Clock of the exchange as last seen; closed, expected and pending candles are computed from it';
COMMENT ON COLUMN market.exchange_state.clock_offset_ms IS 'Milliseconds from the clock of this machine to that of the exchange';
COMMENT ON COLUMN market.exchange_state.seen_at IS 'Time of the last contact, on the clock of the database';
COMMENT ON COLUMN market.exchange_state.weight_limit IS 'Request weight that the exchange allows per minute';
COMMENT ON COLUMN market.exchange_state.limits_checked_at IS 'When the exchange last reported weight_limit, on the clock of the database; NULL while the limit is assumed';
COMMENT ON COLUMN market.exchange_state.close_grace IS 'How long after its close a candle may be missing before it is pending';

CREATE TABLE market.gaps (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    gap_start timestamp with time zone NOT NULL,
    gap_end timestamp with time zone NOT NULL,
    candles_missing bigint NOT NULL,
    verdict text NOT NULL,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    checked_at timestamp with time zone NOT NULL,
    next_check_at timestamp with time zone,
    CONSTRAINT gaps_ordered CHECK ((gap_end > gap_start)),
    CONSTRAINT gaps_verdict_known CHECK ((verdict = ANY (ARRAY['pending'::text, 'exchange_outage'::text, 'not_listed'::text, 'not_trading'::text, 'delisted'::text, 'no_data'::text])))
);

COMMENT ON TABLE market.gaps IS 'Missing candles that were asked for, one row per symbol, timeframe and range; ranges of a series never overlap';
COMMENT ON COLUMN market.gaps.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.gaps.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.gaps.gap_start IS 'Open time of the first missing candle';
COMMENT ON COLUMN market.gaps.gap_end IS 'Open time of the first candle after the gap; not included';
COMMENT ON COLUMN market.gaps.candles_missing IS 'Length of the gap in candles';
COMMENT ON COLUMN market.gaps.verdict IS 'Reason: pending, exchange_outage, no_data, not_listed, not_trading or delisted';
COMMENT ON COLUMN market.gaps.evidence IS 'Evidence for the verdict, as a JSON object';
COMMENT ON COLUMN market.gaps.checked_at IS 'Time of the last check, on the clock of the exchange';
COMMENT ON COLUMN market.gaps.next_check_at IS 'When the gap is checked again, on the clock of the exchange; NULL for never';

CREATE TABLE market.series (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    first_open_time timestamp with time zone,
    wanted_from timestamp with time zone,
    wanted_to timestamp with time zone,
    first_asked_at timestamp with time zone,
    first_loaded_at timestamp with time zone
);

COMMENT ON TABLE market.series IS 'The wanted range of each series, one row per symbol and timeframe that is wanted or known';
COMMENT ON COLUMN market.series.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.series.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.series.first_open_time IS 'Open time of the first candle that the exchange has; NULL until the exchange was asked';
COMMENT ON COLUMN market.series.wanted_from IS 'Start of the wanted range, inclusive; NULL for a series that is stored but not collected';
COMMENT ON COLUMN market.series.wanted_to IS 'End of the wanted range, exclusive; NULL while the symbol trades';
COMMENT ON COLUMN market.series.first_asked_at IS 'When the exchange was asked for the first candle, on its clock; NULL before';
COMMENT ON COLUMN market.series.first_loaded_at IS 'When the wanted range was complete for the first time, on the clock of the database; NULL before';

CREATE TABLE market.timeframes (
    timeframe market.timeframe NOT NULL,
    length interval NOT NULL,
    parts market.timeframe
);

COMMENT ON TABLE market.timeframes IS 'The timeframes that exist, one row each';
COMMENT ON COLUMN market.timeframes.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.timeframes.length IS 'Length of a candle';
COMMENT ON COLUMN market.timeframes.parts IS 'Shorter timeframe whose candles must add up exactly to these in validation; NULL where this is not checked';

CREATE VIEW market.wanted_series AS
 SELECT symbol,
    timeframe,
    length,
    market.slots_per_day(length) AS slots_per_day,
    wanted_from,
    wanted_end,
    ((wanted_from AT TIME ZONE 'UTC'::text))::date AS first_day,
    ((GREATEST((wanted_end - '00:00:00.000001'::interval), wanted_from) AT TIME ZONE 'UTC'::text))::date AS last_day
   FROM ( SELECT s.symbol,
            s.timeframe,
            t.length,
            s.wanted_from,
            LEAST(date_bin(t.length, (e.exchange_time - e.close_grace), '1970-01-01 00:00:00+00'::timestamp with time zone), s.wanted_to) AS wanted_end
           FROM ((market.series s
             JOIN market.timeframes t USING (timeframe))
             CROSS JOIN market.exchange_state e)) n
  WHERE (wanted_end > wanted_from);

COMMENT ON VIEW market.wanted_series IS 'Wanted range up to now, one row per symbol and timeframe with such a range';
COMMENT ON COLUMN market.wanted_series.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.wanted_series.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.wanted_series.length IS 'Length of a candle';
COMMENT ON COLUMN market.wanted_series.slots_per_day IS 'Candles of a whole day';
COMMENT ON COLUMN market.wanted_series.wanted_from IS 'Start of the wanted range, inclusive';
COMMENT ON COLUMN market.wanted_series.wanted_end IS 'End of the wanted range that can be expected by the clock of the exchange, exclusive';
COMMENT ON COLUMN market.wanted_series.first_day IS 'UTC day of the start';
COMMENT ON COLUMN market.wanted_series.last_day IS 'Last UTC day of the wanted range';

CREATE VIEW market.gap_days AS
 SELECT symbol,
    timeframe,
    day,
    verdict,
    (sum(slots))::integer AS slots,
    (sum(wanted_slots))::integer AS wanted_slots
   FROM ( SELECT g.symbol,
            g.timeframe,
            d.day,
            g.verdict,
            (EXTRACT(epoch FROM (p.piece_end - p.piece_start)) / EXTRACT(epoch FROM t.length)) AS slots,
                CASE
                    WHEN (w.wanted_from IS NULL) THEN (0)::numeric
                    ELSE (EXTRACT(epoch FROM GREATEST((LEAST(p.piece_end, w.wanted_end) - GREATEST(p.piece_start, w.wanted_from)), '00:00:00'::interval)) / EXTRACT(epoch FROM t.length))
                END AS wanted_slots
           FROM ((((market.gaps g
             JOIN market.timeframes t USING (timeframe))
             LEFT JOIN market.wanted_series w USING (symbol, timeframe))
             CROSS JOIN LATERAL ( SELECT (((g.gap_start AT TIME ZONE 'UTC'::text))::date + n.n) AS day
                   FROM generate_series(0, ((((g.gap_end - '00:00:00.000001'::interval) AT TIME ZONE 'UTC'::text))::date - ((g.gap_start AT TIME ZONE 'UTC'::text))::date)) n(n)) d)
             CROSS JOIN LATERAL ( SELECT GREATEST(g.gap_start, ((d.day)::timestamp without time zone AT TIME ZONE 'UTC'::text)) AS piece_start,
                    LEAST(g.gap_end, (((d.day + 1))::timestamp without time zone AT TIME ZONE 'UTC'::text)) AS piece_end) p)) c
  GROUP BY symbol, timeframe, day, verdict;

COMMENT ON VIEW market.gap_days IS 'Missing candles, one row per symbol, timeframe, UTC day and verdict';
COMMENT ON COLUMN market.gap_days.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.gap_days.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.gap_days.day IS 'UTC day';
COMMENT ON COLUMN market.gap_days.verdict IS 'Reason: pending, exchange_outage, no_data, not_listed, not_trading or delisted';
COMMENT ON COLUMN market.gap_days.slots IS 'Missing candles of the day';
COMMENT ON COLUMN market.gap_days.wanted_slots IS 'Number of missing candles that are wanted';

CREATE VIEW market.coverage AS
 SELECT symbol,
    timeframe,
    day,
    (sum(expected))::integer AS expected,
    (sum(present))::integer AS present,
    (sum(absent))::integer AS absent,
    (((sum(expected) - sum(present)) - sum(absent)))::integer AS pending,
    COALESCE(jsonb_object_agg(verdict, absent) FILTER (WHERE (verdict IS NOT NULL)), '{}'::jsonb) AS reasons
   FROM ( SELECT h.symbol,
            h.timeframe,
            h.day,
            h.present_slots AS present,
            0 AS absent,
            NULL::text AS verdict,
                CASE
                    WHEN ((w.symbol IS NULL) OR (h.day < w.first_day) OR (h.day > w.last_day) OR (h.present_slots = 0)) THEN h.present_slots
                    WHEN ((h.day > w.first_day) AND (h.day < w.last_day)) THEN w.slots_per_day
                    ELSE ((((EXTRACT(epoch FROM (LEAST(w.wanted_end, (((h.day + 1))::timestamp without time zone AT TIME ZONE 'UTC'::text)) - GREATEST(w.wanted_from, ((h.day)::timestamp without time zone AT TIME ZONE 'UTC'::text)))) / EXTRACT(epoch FROM w.length)))::integer + (
                    CASE
                        WHEN (h.day = w.last_day) THEN market.count_early(h.symbol, h.timeframe, w.length, w.wanted_end, (h.present_slots)::bigint)
                        ELSE (0)::bigint
                    END)::integer) + (
                    CASE
                        WHEN (h.day = w.first_day) THEN market.count_before(h.symbol, h.timeframe, w.length, w.wanted_from)
                        ELSE (0)::bigint
                    END)::integer)
                END AS expected
           FROM (market.coverage_days h
             LEFT JOIN market.wanted_series w USING (symbol, timeframe))
        UNION ALL
         SELECT w.symbol,
            w.timeframe,
            d.day,
            0,
            0,
            NULL::text,
            ((EXTRACT(epoch FROM (LEAST(w.wanted_end, (((d.day + 1))::timestamp without time zone AT TIME ZONE 'UTC'::text)) - GREATEST(w.wanted_from, ((d.day)::timestamp without time zone AT TIME ZONE 'UTC'::text)))) / EXTRACT(epoch FROM w.length)))::integer AS int4
           FROM (((market.wanted_series w
             LEFT JOIN market.coverage_series s USING (symbol, timeframe))
             CROSS JOIN LATERAL unnest(((datemultirange(daterange(w.first_day, w.last_day, '[]'::text)) - COALESCE(s.whole_days, '{}'::datemultirange)) - COALESCE(s.short_days, '{}'::datemultirange))) r(days))
             CROSS JOIN LATERAL ( SELECT (lower(r.days) + n.n) AS day
                   FROM generate_series(0, ((upper(r.days) - lower(r.days)) - 1)) n(n)) d)
        UNION ALL
         SELECT g.symbol,
            g.timeframe,
            g.day,
            0,
                CASE
                    WHEN (g.verdict = 'pending'::text) THEN 0
                    ELSE g.slots
                END AS slots,
            NULLIF(g.verdict, 'pending'::text) AS "nullif",
            (g.slots - g.wanted_slots)
           FROM market.gap_days g) c
  GROUP BY symbol, timeframe, day;

COMMENT ON VIEW market.coverage IS 'Is it complete, and why not? One row per symbol, timeframe and UTC day: expected = present + absent + pending';
COMMENT ON COLUMN market.coverage.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.coverage.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.coverage.day IS 'UTC day';
COMMENT ON COLUMN market.coverage.expected IS 'Expected candles: those that are wanted, and also those that are stored or were asked for';
COMMENT ON COLUMN market.coverage.present IS 'Candles that are stored';
COMMENT ON COLUMN market.coverage.absent IS 'Candles that are known not to exist';
COMMENT ON COLUMN market.coverage.pending IS 'Candles that are neither stored nor known not to exist';
COMMENT ON COLUMN market.coverage.reasons IS 'Absent candles by verdict, as a JSON object; {} when none are';

CREATE VIEW market.coverage_totals AS
 SELECT symbol,
    timeframe,
    (sum(expected))::bigint AS expected,
    (sum(present))::bigint AS present,
    (sum(absent))::bigint AS absent,
    (((sum(expected) - sum(present)) - sum(absent)))::bigint AS pending
   FROM ( SELECT s.symbol,
            s.timeframe,
            s.present_slots AS present,
            (0)::bigint AS absent,
                CASE
                    WHEN (w.symbol IS NULL) THEN s.present_slots
                    ELSE (((( SELECT (COALESCE(sum((upper(r.days) - lower(r.days))), (0)::bigint) * w.slots_per_day)
                       FROM unnest((s.whole_days - o.wanted_days)) r(days)) + ( SELECT COALESCE(sum(h.present_slots), (0)::bigint) AS "coalesce"
                       FROM (unnest((s.short_days - o.wanted_days)) r(days)
                         JOIN market.coverage_days h ON (((h.symbol = s.symbol) AND (h.timeframe = s.timeframe) AND (h.day >= lower(r.days)) AND (h.day < upper(r.days))))))) + COALESCE(( SELECT market.count_early(h.symbol, h.timeframe, w.length, w.wanted_end, (h.present_slots)::bigint) AS count_early
                       FROM market.coverage_days h
                      WHERE ((h.symbol = s.symbol) AND (h.timeframe = s.timeframe) AND (h.day = w.last_day) AND (h.present_slots > 0))), (0)::bigint)) + COALESCE(( SELECT market.count_before(h.symbol, h.timeframe, w.length, w.wanted_from) AS count_before
                       FROM market.coverage_days h
                      WHERE ((h.symbol = s.symbol) AND (h.timeframe = s.timeframe) AND (h.day = w.first_day) AND (h.present_slots > 0))), (0)::bigint))
                END AS expected
           FROM ((market.coverage_series s
             LEFT JOIN market.wanted_series w USING (symbol, timeframe))
             CROSS JOIN LATERAL ( SELECT datemultirange(daterange(w.first_day, w.last_day, '[]'::text)) AS wanted_days) o)
        UNION ALL
         SELECT w.symbol,
            w.timeframe,
            0,
            0,
            ((EXTRACT(epoch FROM (w.wanted_end - w.wanted_from)) / EXTRACT(epoch FROM w.length)))::bigint AS int8
           FROM market.wanted_series w
        UNION ALL
         SELECT g.symbol,
            g.timeframe,
            0,
                CASE
                    WHEN (g.verdict = 'pending'::text) THEN (0)::bigint
                    ELSE n.slots
                END AS slots,
            (n.slots -
                CASE
                    WHEN (w.wanted_from IS NULL) THEN (0)::bigint
                    ELSE ((EXTRACT(epoch FROM GREATEST((LEAST(g.gap_end, w.wanted_end) - GREATEST(g.gap_start, w.wanted_from)), '00:00:00'::interval)) / EXTRACT(epoch FROM t.length)))::bigint
                END)
           FROM (((market.gaps g
             JOIN market.timeframes t USING (timeframe))
             LEFT JOIN market.wanted_series w USING (symbol, timeframe))
             CROSS JOIN LATERAL ( SELECT ((EXTRACT(epoch FROM (g.gap_end - g.gap_start)) / EXTRACT(epoch FROM t.length)))::bigint AS slots) n)) c
  GROUP BY symbol, timeframe;

COMMENT ON VIEW market.coverage_totals IS 'Is it complete? One row per symbol and timeframe: sums of coverage, in milliseconds however long the history is';
COMMENT ON COLUMN market.coverage_totals.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.coverage_totals.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.coverage_totals.expected IS 'Expected candles: those that are wanted, and also those that are stored or were asked for';
COMMENT ON COLUMN market.coverage_totals.present IS 'Candles that are stored';
COMMENT ON COLUMN market.coverage_totals.absent IS 'Candles that are known not to exist';
COMMENT ON COLUMN market.coverage_totals.pending IS 'Candles that are neither stored nor known not to exist';

CREATE TABLE market.exchange_gate (
    only_row boolean DEFAULT true NOT NULL,
    closed_until timestamp with time zone NOT NULL,
    reason text NOT NULL,
    CONSTRAINT exchange_gate_only_row CHECK (only_row)
);

COMMENT ON TABLE market.exchange_gate IS 'Time until which no process may send requests, because the exchange demanded it; at most one row';
COMMENT ON COLUMN market.exchange_gate.only_row IS 'Always true: the table has one row';
COMMENT ON COLUMN market.exchange_gate.closed_until IS 'End of the pause, on the clock of the database';
COMMENT ON COLUMN market.exchange_gate.reason IS 'Message of the exchange';

CREATE TABLE market.gap_checks (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    subject text NOT NULL,
    source text NOT NULL,
    range_start timestamp with time zone NOT NULL,
    range_end timestamp with time zone NOT NULL,
    answer text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    CONSTRAINT gap_checks_answer_known CHECK ((answer = ANY (ARRAY['nothing'::text, 'present'::text, 'not published'::text, 'broken file'::text, 'unknown symbol'::text]))),
    CONSTRAINT gap_checks_ordered CHECK ((range_end > range_start)),
    CONSTRAINT gap_checks_source_known CHECK ((source = ANY (ARRAY['rest'::text, 'archive'::text, 'warehouse'::text])))
);

COMMENT ON TABLE market.gap_checks IS 'Evidence about missing candles: one row per series, symbol that was asked about, source and range';
COMMENT ON COLUMN market.gap_checks.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.gap_checks.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.gap_checks.subject IS 'Symbol that was asked about: the symbol of the series, or a witness';
COMMENT ON COLUMN market.gap_checks.source IS 'Source that was asked: rest, archive or warehouse (its own stored candles)';
COMMENT ON COLUMN market.gap_checks.range_start IS 'Start of the range, inclusive';
COMMENT ON COLUMN market.gap_checks.range_end IS 'End of the range, exclusive';
COMMENT ON COLUMN market.gap_checks.answer IS 'Answer of the source: nothing, present, not published, broken file or unknown symbol';
COMMENT ON COLUMN market.gap_checks.asked_at IS 'Time of the check, on the clock of the exchange';

CREATE TABLE market.gap_history (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    gap_start timestamp with time zone NOT NULL,
    gap_end timestamp with time zone NOT NULL,
    candles_missing bigint NOT NULL,
    verdict text NOT NULL,
    evidence jsonb NOT NULL,
    checked_at timestamp with time zone NOT NULL,
    filled_at timestamp with time zone NOT NULL,
    history_id bigint NOT NULL
);

COMMENT ON TABLE market.gap_history IS 'Gaps that were filled, one row each';
COMMENT ON COLUMN market.gap_history.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.gap_history.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.gap_history.gap_start IS 'Open time of the first missing candle';
COMMENT ON COLUMN market.gap_history.gap_end IS 'Open time of the first candle after the gap; not included';
COMMENT ON COLUMN market.gap_history.candles_missing IS 'Length of the gap in candles';
COMMENT ON COLUMN market.gap_history.verdict IS 'Reason: pending, exchange_outage, no_data, not_listed, not_trading or delisted';
COMMENT ON COLUMN market.gap_history.evidence IS 'Evidence for the verdict, as a JSON object';
COMMENT ON COLUMN market.gap_history.checked_at IS 'Time of the last check, on the clock of the exchange';
COMMENT ON COLUMN market.gap_history.filled_at IS 'When the candles were found, on the clock of the exchange';
COMMENT ON COLUMN market.gap_history.history_id IS 'Identifier of the row';

ALTER TABLE market.gap_history ALTER COLUMN history_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME market.gap_history_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE market.instrument_lives (
    symbol text NOT NULL,
    asset_id text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    CONSTRAINT instrument_lives_ordered CHECK ((valid_to > valid_from))
);

COMMENT ON TABLE market.instrument_lives IS 'Assets that each ticker has meant over time, maintained by hand: from first trade to end of trading. A bound at midnight is known by its day alone; the time is then taken from the candles';
COMMENT ON COLUMN market.instrument_lives.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.instrument_lives.asset_id IS 'Identifier of the asset at sources of market capitalisation';
COMMENT ON COLUMN market.instrument_lives.valid_from IS 'Start of the period, inclusive';
COMMENT ON COLUMN market.instrument_lives.valid_to IS 'End of the period, exclusive; NULL for the current asset';

CREATE TABLE market.instrument_returns (
    symbol text NOT NULL,
    left_at timestamp with time zone NOT NULL,
    returned_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    resumed_at timestamp with time zone
);

COMMENT ON TABLE market.instrument_returns IS 'Pairs that had left and trade again, one row per return';
COMMENT ON COLUMN market.instrument_returns.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.instrument_returns.left_at IS 'When a refresh noticed that the pair had stopped trading, on the clock of the exchange';
COMMENT ON COLUMN market.instrument_returns.returned_at IS 'When a refresh noticed that the pair traded again, on the clock of the exchange';
COMMENT ON COLUMN market.instrument_returns.ended_at IS 'End of the last 1m candle before the pause; NULL where unknown';
COMMENT ON COLUMN market.instrument_returns.resumed_at IS 'Open time of the first 1m candle after the pause; NULL where unknown';

CREATE TABLE market.instruments (
    symbol text NOT NULL,
    base_asset text NOT NULL,
    quote_asset text NOT NULL,
    status text NOT NULL,
    tick_size numeric,
    lot_size numeric,
    min_notional numeric,
    first_open_time timestamp with time zone,
    left_at timestamp with time zone,
    refreshed_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE market.instruments IS 'Every tradable pair that the exchange has or had, one row per symbol';
COMMENT ON COLUMN market.instruments.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.instruments.base_asset IS 'Asset that is traded';
COMMENT ON COLUMN market.instruments.quote_asset IS 'Asset that prices are in';
COMMENT ON COLUMN market.instruments.status IS 'Status as the exchange reports it, such as TRADING or BREAK; GONE when the pair is no longer listed';
COMMENT ON COLUMN market.instruments.tick_size IS 'Smallest step of prices; NULL where the exchange does not say';
COMMENT ON COLUMN market.instruments.lot_size IS 'Smallest step of quantities, in the base asset; NULL where the exchange does not say';
COMMENT ON COLUMN market.instruments.min_notional IS 'Smallest order, in the quote asset; NULL where the exchange does not say';
COMMENT ON COLUMN market.instruments.first_open_time IS 'Open time of the first candle that the exchange has; NULL until the exchange was asked';
COMMENT ON COLUMN market.instruments.left_at IS 'When a refresh first saw that the pair does not trade, on the clock of the exchange; NULL while it trades';
COMMENT ON COLUMN market.instruments.refreshed_at IS 'Time of the last refresh, on the clock of the exchange';

CREATE VIEW market.latest_candles AS
 SELECT s.symbol,
    s.timeframe,
    c.open_time,
    c.close_time,
    c.open,
    c.high,
    c.low,
    c.close,
    c.volume,
    c.quote_volume,
    c.trades,
    c.taker_buy_volume,
    c.taker_buy_quote_volume,
    c.source,
    c.flags,
    c.loaded_at
   FROM (market.coverage_series s
     CROSS JOIN LATERAL ( SELECT k.open_time,
            k.close_time,
            k.open,
            k.high,
            k.low,
            k.close,
            k.volume,
            k.quote_volume,
            k.trades,
            k.taker_buy_volume,
            k.taker_buy_quote_volume,
            k.source,
            k.flags,
            k.loaded_at
           FROM market.candles_1m k
          WHERE (k.symbol = s.symbol)
          ORDER BY k.open_time DESC
         LIMIT 1) c)
  WHERE (s.timeframe = '1m'::market.timeframe)
UNION ALL
 SELECT s.symbol,
    s.timeframe,
    c.open_time,
    c.close_time,
    c.open,
    c.high,
    c.low,
    c.close,
    c.volume,
    c.quote_volume,
    c.trades,
    c.taker_buy_volume,
    c.taker_buy_quote_volume,
    c.source,
    c.flags,
    c.loaded_at
   FROM (market.coverage_series s
     CROSS JOIN LATERAL ( SELECT k.open_time,
            k.close_time,
            k.open,
            k.high,
            k.low,
            k.close,
            k.volume,
            k.quote_volume,
            k.trades,
            k.taker_buy_volume,
            k.taker_buy_quote_volume,
            k.source,
            k.flags,
            k.loaded_at
           FROM market.candles_5m k
          WHERE (k.symbol = s.symbol)
          ORDER BY k.open_time DESC
         LIMIT 1) c)
  WHERE (s.timeframe = '5m'::market.timeframe)
UNION ALL
 SELECT s.symbol,
    s.timeframe,
    c.open_time,
    c.close_time,
    c.open,
    c.high,
    c.low,
    c.close,
    c.volume,
    c.quote_volume,
    c.trades,
    c.taker_buy_volume,
    c.taker_buy_quote_volume,
    c.source,
    c.flags,
    c.loaded_at
   FROM (market.coverage_series s
     CROSS JOIN LATERAL ( SELECT k.open_time,
            k.close_time,
            k.open,
            k.high,
            k.low,
            k.close,
            k.volume,
            k.quote_volume,
            k.trades,
            k.taker_buy_volume,
            k.taker_buy_quote_volume,
            k.source,
            k.flags,
            k.loaded_at
           FROM market.candles_15m k
          WHERE (k.symbol = s.symbol)
          ORDER BY k.open_time DESC
         LIMIT 1) c)
  WHERE (s.timeframe = '15m'::market.timeframe)
UNION ALL
 SELECT s.symbol,
    s.timeframe,
    c.open_time,
    c.close_time,
    c.open,
    c.high,
    c.low,
    c.close,
    c.volume,
    c.quote_volume,
    c.trades,
    c.taker_buy_volume,
    c.taker_buy_quote_volume,
    c.source,
    c.flags,
    c.loaded_at
   FROM (market.coverage_series s
     CROSS JOIN LATERAL ( SELECT k.open_time,
            k.close_time,
            k.open,
            k.high,
            k.low,
            k.close,
            k.volume,
            k.quote_volume,
            k.trades,
            k.taker_buy_volume,
            k.taker_buy_quote_volume,
            k.source,
            k.flags,
            k.loaded_at
           FROM market.candles_30m k
          WHERE (k.symbol = s.symbol)
          ORDER BY k.open_time DESC
         LIMIT 1) c)
  WHERE (s.timeframe = '30m'::market.timeframe)
UNION ALL
 SELECT s.symbol,
    s.timeframe,
    c.open_time,
    c.close_time,
    c.open,
    c.high,
    c.low,
    c.close,
    c.volume,
    c.quote_volume,
    c.trades,
    c.taker_buy_volume,
    c.taker_buy_quote_volume,
    c.source,
    c.flags,
    c.loaded_at
   FROM (market.coverage_series s
     CROSS JOIN LATERAL ( SELECT k.open_time,
            k.close_time,
            k.open,
            k.high,
            k.low,
            k.close,
            k.volume,
            k.quote_volume,
            k.trades,
            k.taker_buy_volume,
            k.taker_buy_quote_volume,
            k.source,
            k.flags,
            k.loaded_at
           FROM market.candles_1h k
          WHERE (k.symbol = s.symbol)
          ORDER BY k.open_time DESC
         LIMIT 1) c)
  WHERE (s.timeframe = '1h'::market.timeframe)
UNION ALL
 SELECT s.symbol,
    s.timeframe,
    c.open_time,
    c.close_time,
    c.open,
    c.high,
    c.low,
    c.close,
    c.volume,
    c.quote_volume,
    c.trades,
    c.taker_buy_volume,
    c.taker_buy_quote_volume,
    c.source,
    c.flags,
    c.loaded_at
   FROM (market.coverage_series s
     CROSS JOIN LATERAL ( SELECT k.open_time,
            k.close_time,
            k.open,
            k.high,
            k.low,
            k.close,
            k.volume,
            k.quote_volume,
            k.trades,
            k.taker_buy_volume,
            k.taker_buy_quote_volume,
            k.source,
            k.flags,
            k.loaded_at
           FROM market.candles_4h k
          WHERE (k.symbol = s.symbol)
          ORDER BY k.open_time DESC
         LIMIT 1) c)
  WHERE (s.timeframe = '4h'::market.timeframe)
UNION ALL
 SELECT s.symbol,
    s.timeframe,
    c.open_time,
    c.close_time,
    c.open,
    c.high,
    c.low,
    c.close,
    c.volume,
    c.quote_volume,
    c.trades,
    c.taker_buy_volume,
    c.taker_buy_quote_volume,
    c.source,
    c.flags,
    c.loaded_at
   FROM (market.coverage_series s
     CROSS JOIN LATERAL ( SELECT k.open_time,
            k.close_time,
            k.open,
            k.high,
            k.low,
            k.close,
            k.volume,
            k.quote_volume,
            k.trades,
            k.taker_buy_volume,
            k.taker_buy_quote_volume,
            k.source,
            k.flags,
            k.loaded_at
           FROM market.candles_1d k
          WHERE (k.symbol = s.symbol)
          ORDER BY k.open_time DESC
         LIMIT 1) c)
  WHERE (s.timeframe = '1d'::market.timeframe);

COMMENT ON VIEW market.latest_candles IS 'The newest stored candle of each series, one row per symbol and timeframe';
COMMENT ON COLUMN market.latest_candles.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.latest_candles.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.latest_candles.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.latest_candles.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.latest_candles.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.latest_candles.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.latest_candles.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.latest_candles.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.latest_candles.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.latest_candles.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.latest_candles.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.latest_candles.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.latest_candles.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.latest_candles.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.latest_candles.flags IS 'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks none';
COMMENT ON COLUMN market.latest_candles.loaded_at IS 'When it was stored or last corrected, on the clock of the database';

CREATE TABLE market.latest_prices (
    symbol text NOT NULL,
    price numeric NOT NULL,
    volume_24h numeric NOT NULL,
    quote_volume_24h numeric NOT NULL,
    event_time timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
)
WITH (fillfactor='20', vacuum_truncate='false', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='100000');

COMMENT ON TABLE market.latest_prices IS 'The last price of each streamed symbol, one row per symbol';
COMMENT ON COLUMN market.latest_prices.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.latest_prices.price IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.latest_prices.volume_24h IS 'Volume of the last 24 hours, in the base asset';
COMMENT ON COLUMN market.latest_prices.quote_volume_24h IS 'Volume of the last 24 hours, in the quote asset';
COMMENT ON COLUMN market.latest_prices.event_time IS 'When the exchange sent the message, on its own clock';
COMMENT ON COLUMN market.latest_prices.updated_at IS 'When the row was written, on the clock of the database';

CREATE TABLE market.live_candles (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    open_time timestamp with time zone NOT NULL,
    close_time timestamp with time zone NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    quote_volume numeric,
    trades bigint,
    taker_buy_volume numeric,
    taker_buy_quote_volume numeric,
    is_closed boolean NOT NULL,
    event_time timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
)
WITH (fillfactor='20', vacuum_truncate='false', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='100000');

COMMENT ON TABLE market.live_candles IS 'The currently forming candle, one row per streamed symbol and timeframe; the view candles has it once it has closed';
COMMENT ON COLUMN market.live_candles.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.live_candles.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.live_candles.open_time IS 'Open time of the candle: the start of a slot of its timeframe, except for old candles that the exchange published off the grid';
COMMENT ON COLUMN market.live_candles.close_time IS 'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles of the exchange';
COMMENT ON COLUMN market.live_candles.open IS 'First price, in the quote asset, digit for digit as the exchange sent it';
COMMENT ON COLUMN market.live_candles.high IS 'Highest price, in the quote asset';
COMMENT ON COLUMN market.live_candles.low IS 'Lowest price, in the quote asset';
COMMENT ON COLUMN market.live_candles.close IS 'Last price, in the quote asset';
COMMENT ON COLUMN market.live_candles.volume IS 'Traded amount of the base asset';
COMMENT ON COLUMN market.live_candles.quote_volume IS 'Traded amount of the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.live_candles.trades IS 'Number of trades; NULL where an imported file did not have it';
COMMENT ON COLUMN market.live_candles.taker_buy_volume IS 'Part of the volume that takers bought, in the base asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.live_candles.taker_buy_quote_volume IS 'Part of the quote volume that takers bought, in the quote asset; NULL where an imported file did not have it';
COMMENT ON COLUMN market.live_candles.is_closed IS 'Whether this is its last state: the next message is of the next candle';
COMMENT ON COLUMN market.live_candles.event_time IS 'When the exchange sent the message, on its own clock';
COMMENT ON COLUMN market.live_candles.updated_at IS 'When the row was written, on the clock of the database';

CREATE TABLE market.loads (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    newest boolean NOT NULL,
    least_pending bigint,
    progressed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    looked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE market.loads IS 'Series whose history is being loaded, one row per symbol and timeframe';
COMMENT ON COLUMN market.loads.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.loads.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.loads.started_at IS 'Start time, on the clock of the database';
COMMENT ON COLUMN market.loads.newest IS 'Whether the newest candles are part of the load; false where only an earlier start is wanted';
COMMENT ON COLUMN market.loads.least_pending IS 'Lowest number of pending candles at any measurement of progress; NULL before the first';
COMMENT ON COLUMN market.loads.progressed_at IS 'When least_pending last decreased, on the clock of the database';
COMMENT ON COLUMN market.loads.looked_at IS 'Last measurement of progress, on the clock of the database';

CREATE TABLE market.monthly_volumes (
    symbol text NOT NULL,
    month date NOT NULL,
    quote_volume numeric NOT NULL,
    days integer NOT NULL,
    last_day date,
    CONSTRAINT monthly_volumes_days CHECK (((days = 0) = (last_day IS NULL))),
    CONSTRAINT monthly_volumes_first_of_month CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

COMMENT ON TABLE market.monthly_volumes IS 'Quote volume per pair and calendar month (UTC) from the exchange''s daily candles, including pairs that have ended; past snapshots of the universe are ranked by it';
COMMENT ON COLUMN market.monthly_volumes.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.monthly_volumes.month IS 'First day of the calendar month, UTC';
COMMENT ON COLUMN market.monthly_volumes.quote_volume IS 'Volume of the month, in the quote asset';
COMMENT ON COLUMN market.monthly_volumes.days IS 'Days with a candle; 0 when there was none';
COMMENT ON COLUMN market.monthly_volumes.last_day IS 'Last day with a candle; NULL when there was none';

CREATE TABLE market.quarantined_candles (
    quarantine_id bigint NOT NULL,
    symbol text,
    timeframe market.timeframe,
    open_time timestamp with time zone,
    source text NOT NULL,
    rule text NOT NULL,
    raw text NOT NULL,
    quarantined_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE market.quarantined_candles IS 'Refused rows and messages, which are not stored: one row per text and broken rule';
COMMENT ON COLUMN market.quarantined_candles.quarantine_id IS 'Identifier of the row';
COMMENT ON COLUMN market.quarantined_candles.symbol IS 'Trading pair; NULL where the message does not name it';
COMMENT ON COLUMN market.quarantined_candles.timeframe IS 'Length of the candle; NULL where the message does not name it';
COMMENT ON COLUMN market.quarantined_candles.open_time IS 'Open time of the candle; NULL where unknown';
COMMENT ON COLUMN market.quarantined_candles.source IS 'Source of the candle: archive (published files), rest or stream';
COMMENT ON COLUMN market.quarantined_candles.rule IS 'Name of the broken rule';
COMMENT ON COLUMN market.quarantined_candles.raw IS 'Text as received';
COMMENT ON COLUMN market.quarantined_candles.quarantined_at IS 'When, on the clock of the database';

ALTER TABLE market.quarantined_candles ALTER COLUMN quarantine_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME market.quarantined_candles_quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE market.reconciliation_runs
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE market.schema_migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE market.schema_migrations IS 'Applied migrations of this schema, one row per file';
COMMENT ON COLUMN market.schema_migrations.name IS 'Name of the file';
COMMENT ON COLUMN market.schema_migrations.checksum IS 'SHA-256 of its text';
COMMENT ON COLUMN market.schema_migrations.applied_at IS 'When, on the clock of the database';

CREATE TABLE market.schema_repeatables (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE market.schema_repeatables IS 'Applied definitions of views and functions, one row per file';
COMMENT ON COLUMN market.schema_repeatables.name IS 'Name of the file';
COMMENT ON COLUMN market.schema_repeatables.checksum IS 'SHA-256 of the text that was applied last';
COMMENT ON COLUMN market.schema_repeatables.applied_at IS 'When, on the clock of the database';

CREATE TABLE market.stream_control (
    only_row boolean DEFAULT true NOT NULL,
    is_running boolean DEFAULT true NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_by text NOT NULL,
    CONSTRAINT stream_control_only_row CHECK (only_row)
);

COMMENT ON TABLE market.stream_control IS 'Whether streaming is wanted; one row';
COMMENT ON COLUMN market.stream_control.only_row IS 'Always true: the table has one row';
COMMENT ON COLUMN market.stream_control.is_running IS 'Whether streaming is wanted';
COMMENT ON COLUMN market.stream_control.changed_at IS 'When is_running last changed, on the clock of the database';
COMMENT ON COLUMN market.stream_control.changed_by IS 'Who changed is_running';

CREATE TABLE market.stream_lag_histograms (
    session_id bigint NOT NULL,
    lag_ms jsonb NOT NULL,
    CONSTRAINT stream_lag_histograms_is_object CHECK ((jsonb_typeof(lag_ms) = 'object'::text))
)
WITH (fillfactor='50');

COMMENT ON TABLE market.stream_lag_histograms IS 'What stream_lag is computed from, one row per session';
COMMENT ON COLUMN market.stream_lag_histograms.session_id IS 'Number of the session';
COMMENT ON COLUMN market.stream_lag_histograms.lag_ms IS 'JSON object: upper bound of a bucket in milliseconds, and how many messages are in it';

CREATE TABLE market.stream_sessions (
    session_id bigint NOT NULL,
    worker text NOT NULL,
    role text NOT NULL,
    mode text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    heartbeat_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ended_at timestamp with time zone,
    end_reason text,
    symbols integer NOT NULL,
    timeframes text[] NOT NULL,
    received bigint DEFAULT 0 NOT NULL,
    validated bigint DEFAULT 0 NOT NULL,
    errors bigint DEFAULT 0 NOT NULL,
    stale bigint DEFAULT 0 NOT NULL,
    coalesced bigint DEFAULT 0 NOT NULL,
    closed_written bigint DEFAULT 0 NOT NULL,
    forming_written bigint DEFAULT 0 NOT NULL,
    spooled bigint DEFAULT 0 NOT NULL,
    replayed bigint DEFAULT 0 NOT NULL,
    reconnects bigint DEFAULT 0 NOT NULL,
    last_message_at timestamp with time zone,
    CONSTRAINT stream_sessions_end_has_reason CHECK (((ended_at IS NULL) = (end_reason IS NULL))),
    CONSTRAINT stream_sessions_mode_known CHECK ((mode = ANY (ARRAY['stream'::text, 'polling'::text, 'none'::text]))),
    CONSTRAINT stream_sessions_role_known CHECK ((role = ANY (ARRAY['writer'::text, 'standby'::text])))
)
WITH (fillfactor='50');

COMMENT ON TABLE market.stream_sessions IS 'Runs of stream tasks, one row each; kept for 30 days after they end. Times are wall time';
COMMENT ON COLUMN market.stream_sessions.session_id IS 'Number of the session';
COMMENT ON COLUMN market.stream_sessions.worker IS 'Process of the session, as host:process';
COMMENT ON COLUMN market.stream_sessions.role IS 'writer, or standby, which takes over when the writer ends';
COMMENT ON COLUMN market.stream_sessions.mode IS 'stream, polling (REST while streams are down), or none';
COMMENT ON COLUMN market.stream_sessions.started_at IS 'Start time, on the clock of the database';
COMMENT ON COLUMN market.stream_sessions.heartbeat_at IS 'Last heartbeat of the session';
COMMENT ON COLUMN market.stream_sessions.ended_at IS 'End of the session; NULL while it runs';
COMMENT ON COLUMN market.stream_sessions.end_reason IS 'Reason of the end; lost after missing heartbeats. NULL while the session runs';
COMMENT ON COLUMN market.stream_sessions.symbols IS 'How many symbols are streamed';
COMMENT ON COLUMN market.stream_sessions.timeframes IS 'Timeframes that are streamed';
COMMENT ON COLUMN market.stream_sessions.received IS 'Received messages';
COMMENT ON COLUMN market.stream_sessions.validated IS 'Messages that passed validation';
COMMENT ON COLUMN market.stream_sessions.errors IS 'Messages that were refused';
COMMENT ON COLUMN market.stream_sessions.stale IS 'Messages that were older than the known state';
COMMENT ON COLUMN market.stream_sessions.coalesced IS 'Messages that a later one replaced before they were written';
COMMENT ON COLUMN market.stream_sessions.closed_written IS 'Closed candles that were stored';
COMMENT ON COLUMN market.stream_sessions.forming_written IS 'States of forming candles that were written';
COMMENT ON COLUMN market.stream_sessions.spooled IS 'Closed candles that were kept in a file while the database was away';
COMMENT ON COLUMN market.stream_sessions.replayed IS 'Closed candles that were stored from such files';
COMMENT ON COLUMN market.stream_sessions.reconnects IS 'Connections after the first';
COMMENT ON COLUMN market.stream_sessions.last_message_at IS 'When the last message came; NULL before the first';

CREATE VIEW market.stream_lag AS
 SELECT s.session_id,
    s.worker,
    s.role,
    s.started_at,
    s.ended_at,
    q.messages,
    q.p50_ms,
    q.p90_ms,
    q.p99_ms,
    q.p999_ms,
    q.longest_ms
   FROM ((market.stream_sessions s
     JOIN market.stream_lag_histograms h USING (session_id))
     CROSS JOIN LATERAL ( SELECT (max(b.up_to))::bigint AS messages,
            min(b.bound) FILTER (WHERE (b.up_to >= (0.5 * b.total))) AS p50_ms,
            min(b.bound) FILTER (WHERE (b.up_to >= (0.9 * b.total))) AS p90_ms,
            min(b.bound) FILTER (WHERE (b.up_to >= (0.99 * b.total))) AS p99_ms,
            min(b.bound) FILTER (WHERE (b.up_to >= (0.999 * b.total))) AS p999_ms,
            max(b.bound) AS longest_ms
           FROM ( SELECT (e.key)::double precision AS bound,
                    sum((e.value)::numeric) OVER (ORDER BY (e.key)::double precision) AS up_to,
                    sum((e.value)::numeric) OVER () AS total
                   FROM jsonb_each_text(h.lag_ms) e(key, value)
                  WHERE (e.value <> '0'::text)) b) q)
  WHERE (q.messages > 0);

COMMENT ON VIEW market.stream_lag IS 'How long messages took from the clock of the exchange to their commit, one row per session that has written any';
COMMENT ON COLUMN market.stream_lag.session_id IS 'Number of the session';
COMMENT ON COLUMN market.stream_lag.worker IS 'Process of the session, as host:process';
COMMENT ON COLUMN market.stream_lag.role IS 'writer or standby';
COMMENT ON COLUMN market.stream_lag.started_at IS 'Start time, on the clock of the database';
COMMENT ON COLUMN market.stream_lag.ended_at IS 'When the session ended; NULL while it runs';
COMMENT ON COLUMN market.stream_lag.messages IS 'Messages that were measured';
COMMENT ON COLUMN market.stream_lag.p50_ms IS 'Milliseconds within which half of the messages were committed';
COMMENT ON COLUMN market.stream_lag.p90_ms IS 'Milliseconds within which 90% were';
COMMENT ON COLUMN market.stream_lag.p99_ms IS 'Milliseconds within which 99% were';
COMMENT ON COLUMN market.stream_lag.p999_ms IS 'Milliseconds within which 99.9% were';
COMMENT ON COLUMN market.stream_lag.longest_ms IS 'Milliseconds within which all were; 60000 stands for a minute or more';

ALTER TABLE market.stream_sessions ALTER COLUMN session_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME market.stream_sessions_session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE market.universe_refusal (
    only_row boolean DEFAULT true NOT NULL,
    refused_at timestamp with time zone NOT NULL,
    found integer NOT NULL,
    due integer NOT NULL,
    reason text NOT NULL,
    CONSTRAINT universe_refusal_due_positive CHECK ((due > 0)),
    CONSTRAINT universe_refusal_only_row CHECK (only_row)
);

COMMENT ON TABLE market.universe_refusal IS 'Why the last refresh took no snapshot of the universe; empty after a refresh that took one';
COMMENT ON COLUMN market.universe_refusal.only_row IS 'Always true: the table has one row';
COMMENT ON COLUMN market.universe_refusal.refused_at IS 'Time of the check, on the clock of the exchange';
COMMENT ON COLUMN market.universe_refusal.found IS 'Number of pairs that the answer listed';
COMMENT ON COLUMN market.universe_refusal.due IS 'Number of pairs that a complete answer had to list';
COMMENT ON COLUMN market.universe_refusal.reason IS 'Reason in words';

CREATE TABLE market.validated_days (
    symbol text NOT NULL,
    timeframe market.timeframe NOT NULL,
    day date NOT NULL,
    change_id bigint NOT NULL,
    parts_change_id bigint,
    passed boolean NOT NULL,
    run_id bigint NOT NULL,
    exchange_time timestamp with time zone NOT NULL
);

COMMENT ON TABLE market.validated_days IS 'Result of the last validation of each day, one row per symbol, timeframe and UTC day';
COMMENT ON COLUMN market.validated_days.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.validated_days.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.validated_days.day IS 'UTC day';
COMMENT ON COLUMN market.validated_days.change_id IS 'change_id of coverage_days when the run began: the result is valid while both are equal';
COMMENT ON COLUMN market.validated_days.parts_change_id IS 'change_id of the shorter candles that add up to the day; NULL where this is not checked';
COMMENT ON COLUMN market.validated_days.passed IS 'Whether every expectation held';
COMMENT ON COLUMN market.validated_days.run_id IS 'Number of the run';
COMMENT ON COLUMN market.validated_days.exchange_time IS 'Time on the clock of the exchange for which the day was validated';

CREATE VIEW market.validation_coverage AS
 SELECT symbol,
    timeframe,
    day,
    stored,
        CASE
            WHEN passed THEN stored
            ELSE 0
        END AS validated,
        CASE
            WHEN (NOT passed) THEN stored
            ELSE 0
        END AS failed,
        CASE
            WHEN (passed IS NULL) THEN stored
            ELSE 0
        END AS unvalidated,
    changed_at,
    run_id,
    exchange_time,
    settles_at
   FROM ( SELECT h.symbol,
            h.timeframe,
            h.day,
            h.present_slots AS stored,
            h.changed_at,
            v.run_id,
            v.exchange_time,
            ((((h.day + 1))::timestamp without time zone AT TIME ZONE 'UTC'::text) + '01:00:00'::interval) AS settles_at,
                CASE
                    WHEN ((v.change_id = h.change_id) AND (NOT (v.parts_change_id IS DISTINCT FROM p.change_id))) THEN v.passed
                    ELSE NULL::boolean
                END AS passed
           FROM (((market.coverage_days h
             JOIN market.timeframes t USING (timeframe))
             LEFT JOIN market.coverage_days p ON (((p.symbol = h.symbol) AND (p.timeframe = t.parts) AND (p.day = h.day))))
             LEFT JOIN market.validated_days v ON (((v.symbol = h.symbol) AND (v.timeframe = h.timeframe) AND (v.day = h.day))))
          WHERE (h.present_slots > 0)) d;

COMMENT ON VIEW market.validation_coverage IS 'Is it validated? One row per symbol, timeframe and UTC day: stored = validated + failed + unvalidated';
COMMENT ON COLUMN market.validation_coverage.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.validation_coverage.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.validation_coverage.day IS 'UTC day';
COMMENT ON COLUMN market.validation_coverage.stored IS 'Candles that are stored';
COMMENT ON COLUMN market.validation_coverage.validated IS 'Candles that passed a validation since their last change';
COMMENT ON COLUMN market.validation_coverage.failed IS 'Candles of windows with a broken expectation';
COMMENT ON COLUMN market.validation_coverage.unvalidated IS 'Candles that were not validated since their last change';
COMMENT ON COLUMN market.validation_coverage.changed_at IS 'When the candles of the day changed last, on the clock of the database';
COMMENT ON COLUMN market.validation_coverage.run_id IS 'Number of the last run that validated the day; NULL before the first';
COMMENT ON COLUMN market.validation_coverage.exchange_time IS 'Time on the clock of the exchange for which the day was validated; NULL before the first validation';
COMMENT ON COLUMN market.validation_coverage.settles_at IS 'When all expectations apply to the day: an hour after the close of its last candle';

CREATE TABLE market.validation_results (
    run_id bigint NOT NULL,
    suite text NOT NULL,
    timeframe text NOT NULL,
    expectation text NOT NULL,
    severity text NOT NULL,
    success boolean NOT NULL,
    checked bigint NOT NULL,
    unexpected bigint NOT NULL,
    samples jsonb DEFAULT '[]'::jsonb NOT NULL,
    exception text,
    CONSTRAINT validation_results_samples CHECK ((jsonb_typeof(samples) = 'array'::text)),
    CONSTRAINT validation_results_severity_known CHECK ((severity = ANY (ARRAY['critical'::text, 'warning'::text])))
);

COMMENT ON TABLE market.validation_results IS 'Results of validation, one row per run and expectation';
COMMENT ON COLUMN market.validation_results.run_id IS 'Number of the run';
COMMENT ON COLUMN market.validation_results.suite IS 'Suite of the expectation';
COMMENT ON COLUMN market.validation_results.timeframe IS 'Timeframe as text; empty where the expectation concerns no timeframe';
COMMENT ON COLUMN market.validation_results.expectation IS 'What must hold';
COMMENT ON COLUMN market.validation_results.severity IS 'critical, or warning, which fails no run';
COMMENT ON COLUMN market.validation_results.success IS 'Whether all rows met the expectation';
COMMENT ON COLUMN market.validation_results.checked IS 'Number of validated rows';
COMMENT ON COLUMN market.validation_results.unexpected IS 'Number of rows that broke the expectation';
COMMENT ON COLUMN market.validation_results.samples IS 'The first rows that broke the expectation, as JSON with all values as text';
COMMENT ON COLUMN market.validation_results.exception IS 'Why the expectation could not be evaluated; NULL where it was';

CREATE TABLE market.validation_runs (
    run_id bigint NOT NULL,
    reach text NOT NULL,
    symbols text[],
    timeframes text[] NOT NULL,
    range_start timestamp with time zone,
    range_end timestamp with time zone,
    exchange_time timestamp with time zone,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    success boolean,
    candles bigint,
    CONSTRAINT validation_runs_finished CHECK (((finished_at IS NULL) OR (ROW(success, candles) IS NOT NULL))),
    CONSTRAINT validation_runs_range CHECK (((reach = 'range'::text) = ((range_start IS NOT NULL) AND (range_end IS NOT NULL)))),
    CONSTRAINT validation_runs_reach_known CHECK ((reach = ANY (ARRAY['new'::text, 'everything'::text, 'range'::text])))
);

COMMENT ON TABLE market.validation_runs IS 'Runs of validation, one row each';
COMMENT ON COLUMN market.validation_runs.run_id IS 'Number of the run';
COMMENT ON COLUMN market.validation_runs.reach IS 'new (candles not validated since their last change), everything, or range (requested by a person)';
COMMENT ON COLUMN market.validation_runs.symbols IS 'Validated symbols; NULL for all';
COMMENT ON COLUMN market.validation_runs.timeframes IS 'Validated timeframes';
COMMENT ON COLUMN market.validation_runs.range_start IS 'Start of the requested range, inclusive; NULL without one';
COMMENT ON COLUMN market.validation_runs.range_end IS 'End of the requested range, exclusive; NULL without one';
COMMENT ON COLUMN market.validation_runs.exchange_time IS 'Time on the clock of the exchange for which the run validated; NULL before an exchange was chosen';
COMMENT ON COLUMN market.validation_runs.started_at IS 'Start time, on the clock of the database';
COMMENT ON COLUMN market.validation_runs.finished_at IS 'End of the run, on the clock of the database; NULL while it runs, and for ever if it was killed';
COMMENT ON COLUMN market.validation_runs.success IS 'Whether the run succeeded; NULL until it ends';
COMMENT ON COLUMN market.validation_runs.candles IS 'Number of validated candles; NULL until the run ends';

ALTER TABLE market.validation_runs ALTER COLUMN run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME market.validation_runs_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW market.validation_totals AS
 SELECT symbol,
    timeframe,
    sum(stored) AS stored,
    sum(validated) AS validated,
    sum(failed) AS failed,
    sum(unvalidated) AS unvalidated,
    range_agg(daterange(day, (day + 1))) FILTER (WHERE (validated > 0)) AS validated_days,
    range_agg(daterange(day, (day + 1))) FILTER (WHERE (validated = 0)) AS other_days
   FROM market.validation_coverage c
  GROUP BY symbol, timeframe;

COMMENT ON VIEW market.validation_totals IS 'Is it validated? One row per symbol and timeframe: sums of validation_coverage';
COMMENT ON COLUMN market.validation_totals.symbol IS 'Trading pair as the exchange writes it, such as BTCUSDT';
COMMENT ON COLUMN market.validation_totals.timeframe IS 'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused';
COMMENT ON COLUMN market.validation_totals.stored IS 'Candles that are stored';
COMMENT ON COLUMN market.validation_totals.validated IS 'Candles that passed a validation since their last change';
COMMENT ON COLUMN market.validation_totals.failed IS 'Candles of windows with a broken expectation';
COMMENT ON COLUMN market.validation_totals.unvalidated IS 'Candles that were not validated since their last change';
COMMENT ON COLUMN market.validation_totals.validated_days IS 'UTC days that passed validation; NULL without any';
COMMENT ON COLUMN market.validation_totals.other_days IS 'UTC days that failed or were not validated; NULL without any';

CREATE TABLE market.weight_reservations (
    ticket bigint NOT NULL,
    weight integer NOT NULL,
    reserved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    settled_at timestamp with time zone
);

COMMENT ON TABLE market.weight_reservations IS 'Request weight that is in flight or was used in the last minutes, one row per reservation';
COMMENT ON COLUMN market.weight_reservations.ticket IS 'Identifier of the row';
COMMENT ON COLUMN market.weight_reservations.weight IS 'Weight of the request';
COMMENT ON COLUMN market.weight_reservations.reserved_at IS 'Time of the reservation, on the clock of the database';
COMMENT ON COLUMN market.weight_reservations.settled_at IS 'When the request was answered; NULL while it is in flight';

ALTER TABLE market.weight_reservations ALTER COLUMN ticket ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME market.weight_reservations_ticket_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY market.coverage_days ALTER COLUMN change_id SET DEFAULT nextval('market.change_ids'::regclass);

ALTER TABLE ONLY market.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (alert_id);

ALTER TABLE ONLY market.archive_files
    ADD CONSTRAINT archive_files_pkey PRIMARY KEY (symbol, timeframe, tree, period_start);

ALTER TABLE ONLY market.asset_aliases
    ADD CONSTRAINT asset_aliases_pkey PRIMARY KEY (old_asset, effective_at);

ALTER TABLE ONLY market.candles_15m
    ADD CONSTRAINT candles_15m_pkey PRIMARY KEY (symbol, open_time);

ALTER TABLE ONLY market.candles_1d
    ADD CONSTRAINT candles_1d_pkey PRIMARY KEY (symbol, open_time);

ALTER TABLE ONLY market.candles_1h
    ADD CONSTRAINT candles_1h_pkey PRIMARY KEY (symbol, open_time);

ALTER TABLE ONLY market.candles_1m
    ADD CONSTRAINT candles_1m_pkey PRIMARY KEY (symbol, open_time);

ALTER TABLE ONLY market.candles_30m
    ADD CONSTRAINT candles_30m_pkey PRIMARY KEY (symbol, open_time);

ALTER TABLE ONLY market.candles_4h
    ADD CONSTRAINT candles_4h_pkey PRIMARY KEY (symbol, open_time);

ALTER TABLE ONLY market.candles_5m
    ADD CONSTRAINT candles_5m_pkey PRIMARY KEY (symbol, open_time);

ALTER TABLE ONLY market.collector_state
    ADD CONSTRAINT collector_state_pkey PRIMARY KEY (symbol, timeframe);

ALTER TABLE ONLY market.confirmations
    ADD CONSTRAINT confirmations_pkey PRIMARY KEY (symbol, timeframe, range_start, source);

ALTER TABLE ONLY market.connection_attempts
    ADD CONSTRAINT connection_attempts_pkey PRIMARY KEY (attempt_id);

ALTER TABLE ONLY market.corrections
    ADD CONSTRAINT corrections_pkey PRIMARY KEY (correction_id);

ALTER TABLE ONLY market.coverage_days
    ADD CONSTRAINT coverage_days_pkey PRIMARY KEY (symbol, timeframe, day);

ALTER TABLE ONLY market.coverage_series
    ADD CONSTRAINT coverage_series_pkey PRIMARY KEY (symbol, timeframe);

ALTER TABLE ONLY market.exchange_gate
    ADD CONSTRAINT exchange_gate_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY market.exchange_state
    ADD CONSTRAINT exchange_state_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY market.gap_checks
    ADD CONSTRAINT gap_checks_pkey PRIMARY KEY (symbol, timeframe, subject, source, range_start);

ALTER TABLE ONLY market.gap_history
    ADD CONSTRAINT gap_history_pkey PRIMARY KEY (history_id);

ALTER TABLE ONLY market.gaps
    ADD CONSTRAINT gaps_pkey PRIMARY KEY (symbol, timeframe, gap_start);

ALTER TABLE ONLY market.instrument_lives
    ADD CONSTRAINT instrument_lives_pkey PRIMARY KEY (symbol, valid_from);

ALTER TABLE ONLY market.instrument_returns
    ADD CONSTRAINT instrument_returns_pkey PRIMARY KEY (symbol, returned_at);

ALTER TABLE ONLY market.instruments
    ADD CONSTRAINT instruments_pkey PRIMARY KEY (symbol);

ALTER TABLE ONLY market.latest_prices
    ADD CONSTRAINT latest_prices_pkey PRIMARY KEY (symbol);

ALTER TABLE ONLY market.live_candles
    ADD CONSTRAINT live_candles_pkey PRIMARY KEY (symbol, timeframe);

ALTER TABLE ONLY market.loads
    ADD CONSTRAINT loads_pkey PRIMARY KEY (symbol, timeframe);

ALTER TABLE ONLY market.monthly_volumes
    ADD CONSTRAINT monthly_volumes_pkey PRIMARY KEY (month, symbol);

ALTER TABLE ONLY market.quarantined_candles
    ADD CONSTRAINT quarantined_candles_pkey PRIMARY KEY (quarantine_id);

ALTER TABLE ONLY market.reconciliations
    ADD CONSTRAINT reconciliations_pkey PRIMARY KEY (symbol, timeframe, range_start, source, run_id, stored_source);

ALTER TABLE ONLY market.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY market.schema_repeatables
    ADD CONSTRAINT schema_repeatables_pkey PRIMARY KEY (name);

ALTER TABLE ONLY market.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (symbol, timeframe);

ALTER TABLE ONLY market.stream_control
    ADD CONSTRAINT stream_control_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY market.stream_lag_histograms
    ADD CONSTRAINT stream_lag_histograms_pkey PRIMARY KEY (session_id);

ALTER TABLE ONLY market.stream_sessions
    ADD CONSTRAINT stream_sessions_pkey PRIMARY KEY (session_id);

ALTER TABLE ONLY market.timeframes
    ADD CONSTRAINT timeframes_pkey PRIMARY KEY (timeframe);

ALTER TABLE ONLY market.universe
    ADD CONSTRAINT universe_pkey PRIMARY KEY (as_of, symbol);

ALTER TABLE ONLY market.universe_refusal
    ADD CONSTRAINT universe_refusal_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY market.unmatched_candles
    ADD CONSTRAINT unmatched_candles_pkey PRIMARY KEY (symbol, timeframe, open_time, source);

ALTER TABLE ONLY market.validated_days
    ADD CONSTRAINT validated_days_pkey PRIMARY KEY (symbol, timeframe, day);

ALTER TABLE ONLY market.validation_results
    ADD CONSTRAINT validation_results_pkey PRIMARY KEY (run_id, suite, timeframe, expectation);

ALTER TABLE ONLY market.validation_runs
    ADD CONSTRAINT validation_runs_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY market.weight_reservations
    ADD CONSTRAINT weight_reservations_pkey PRIMARY KEY (ticket);

CREATE UNIQUE INDEX alerts_open_once ON market.alerts USING btree (name, subject) WHERE (cleared_at IS NULL);

CREATE UNIQUE INDEX asset_aliases_one_before ON market.asset_aliases USING btree (new_asset, effective_at);

CREATE INDEX corrections_applied_at ON market.corrections USING btree (corrected_at) WHERE applied;

CREATE INDEX corrections_candle ON market.corrections USING btree (symbol, timeframe, open_time);

CREATE UNIQUE INDEX corrections_refused_once ON market.corrections USING btree (symbol, timeframe, open_time, source_after, md5(((before)::text || (after)::text))) WHERE (NOT applied);

CREATE INDEX coverage_days_changed_at ON market.coverage_days USING btree (changed_at);

CREATE INDEX gap_history_series ON market.gap_history USING btree (symbol, timeframe, gap_start);

CREATE UNIQUE INDEX quarantined_candles_once ON market.quarantined_candles USING btree (symbol, timeframe, source, rule, md5(raw)) NULLS NOT DISTINCT;

CREATE INDEX reconciliations_run ON market.reconciliations USING btree (run_id);

CREATE INDEX validation_results_failed ON market.validation_results USING btree (expectation, run_id) WHERE (NOT success);

CREATE INDEX validation_runs_finished_at ON market.validation_runs USING btree (finished_at);

CREATE TRIGGER begin_load AFTER INSERT ON market.series FOR EACH ROW WHEN ((new.wanted_from IS NOT NULL)) EXECUTE FUNCTION market.begin_load();

CREATE TRIGGER begin_load_of_more AFTER UPDATE OF wanted_from, wanted_to ON market.series FOR EACH ROW WHEN ((((new.wanted_from IS NOT NULL) AND (old.wanted_from IS NULL)) OR (new.wanted_from < old.wanted_from) OR ((new.wanted_from IS NOT NULL) AND (old.wanted_to IS NOT NULL) AND (new.wanted_to IS NULL)))) EXECUTE FUNCTION market.begin_load();

CREATE TRIGGER follow_delete AFTER DELETE ON market.coverage_days REFERENCING OLD TABLE AS old_days FOR EACH STATEMENT EXECUTE FUNCTION market.follow_coverage_days();

CREATE TRIGGER follow_insert AFTER INSERT ON market.coverage_days REFERENCING NEW TABLE AS new_days FOR EACH STATEMENT EXECUTE FUNCTION market.follow_coverage_days();

CREATE TRIGGER follow_truncate AFTER TRUNCATE ON market.coverage_days FOR EACH STATEMENT EXECUTE FUNCTION market.follow_coverage_days();

CREATE TRIGGER follow_update AFTER UPDATE ON market.coverage_days REFERENCING OLD TABLE AS old_days NEW TABLE AS new_days FOR EACH STATEMENT EXECUTE FUNCTION market.follow_coverage_days();

ALTER TABLE ONLY market.confirmations
    ADD CONSTRAINT confirmations_timeframe_fkey FOREIGN KEY (timeframe) REFERENCES market.timeframes(timeframe);

ALTER TABLE ONLY market.live_candles
    ADD CONSTRAINT live_candles_timeframe_fkey FOREIGN KEY (timeframe) REFERENCES market.timeframes(timeframe);

ALTER TABLE ONLY market.loads
    ADD CONSTRAINT loads_series_fkey FOREIGN KEY (symbol, timeframe) REFERENCES market.series(symbol, timeframe) ON DELETE CASCADE;

ALTER TABLE ONLY market.reconciliations
    ADD CONSTRAINT reconciliations_timeframe_fkey FOREIGN KEY (timeframe) REFERENCES market.timeframes(timeframe);

ALTER TABLE ONLY market.series
    ADD CONSTRAINT series_timeframe_fkey FOREIGN KEY (timeframe) REFERENCES market.timeframes(timeframe);

ALTER TABLE ONLY market.stream_lag_histograms
    ADD CONSTRAINT stream_lag_histograms_session_fkey FOREIGN KEY (session_id) REFERENCES market.stream_sessions(session_id) ON DELETE CASCADE;

ALTER TABLE ONLY market.unmatched_candles
    ADD CONSTRAINT unmatched_candles_timeframe_fkey FOREIGN KEY (timeframe) REFERENCES market.timeframes(timeframe);

ALTER TABLE ONLY market.validated_days
    ADD CONSTRAINT validated_days_run_fkey FOREIGN KEY (run_id) REFERENCES market.validation_runs(run_id);

ALTER TABLE ONLY market.validation_results
    ADD CONSTRAINT validation_results_run_fkey FOREIGN KEY (run_id) REFERENCES market.validation_runs(run_id) ON DELETE CASCADE;

GRANT USAGE ON SCHEMA market TO market_reader;
GRANT SELECT ON TABLE market.candles_15m TO market_reader;
GRANT SELECT ON TABLE market.candles_1d TO market_reader;
GRANT SELECT ON TABLE market.candles_1h TO market_reader;
GRANT SELECT ON TABLE market.candles_1m TO market_reader;
GRANT SELECT ON TABLE market.candles_30m TO market_reader;
GRANT SELECT ON TABLE market.candles_4h TO market_reader;
GRANT SELECT ON TABLE market.candles_5m TO market_reader;
GRANT SELECT ON TABLE market.candles TO market_reader;
GRANT SELECT ON TABLE market.confirmations TO market_reader;
GRANT SELECT ON TABLE market.corrections TO market_reader;
GRANT SELECT ON TABLE market.unmatched_candles TO market_reader;
GRANT SELECT ON TABLE market.universe TO market_reader;
GRANT SELECT ON TABLE market.reconciliations TO market_reader;
GRANT SELECT ON TABLE market.agreement TO market_reader;
GRANT SELECT ON TABLE market.alerts TO market_reader;
GRANT SELECT ON TABLE market.archive_files TO market_reader;
GRANT SELECT ON TABLE market.asset_aliases TO market_reader;
GRANT SELECT ON TABLE market.coverage_days TO market_reader;
GRANT SELECT ON TABLE market.collector_state TO market_reader;
GRANT SELECT ON TABLE market.connection_attempts TO market_reader;
GRANT SELECT ON TABLE market.coverage_series TO market_reader;
GRANT SELECT ON TABLE market.exchange_state TO market_reader;
GRANT SELECT ON TABLE market.gaps TO market_reader;
GRANT SELECT ON TABLE market.series TO market_reader;
GRANT SELECT ON TABLE market.timeframes TO market_reader;
GRANT SELECT ON TABLE market.wanted_series TO market_reader;
GRANT SELECT ON TABLE market.gap_days TO market_reader;
GRANT SELECT ON TABLE market.coverage TO market_reader;
GRANT SELECT ON TABLE market.coverage_totals TO market_reader;
GRANT SELECT ON TABLE market.exchange_gate TO market_reader;
GRANT SELECT ON TABLE market.gap_checks TO market_reader;
GRANT SELECT ON TABLE market.gap_history TO market_reader;
GRANT SELECT ON TABLE market.instrument_lives TO market_reader;
GRANT SELECT ON TABLE market.instrument_returns TO market_reader;
GRANT SELECT ON TABLE market.instruments TO market_reader;
GRANT SELECT ON TABLE market.latest_candles TO market_reader;
GRANT SELECT ON TABLE market.latest_prices TO market_reader;
GRANT SELECT ON TABLE market.live_candles TO market_reader;
GRANT SELECT ON TABLE market.loads TO market_reader;
GRANT SELECT ON TABLE market.monthly_volumes TO market_reader;
GRANT SELECT ON TABLE market.quarantined_candles TO market_reader;
GRANT SELECT ON TABLE market.schema_migrations TO market_reader;
GRANT SELECT ON TABLE market.schema_repeatables TO market_reader;
GRANT SELECT ON TABLE market.stream_control TO market_reader;
GRANT SELECT ON TABLE market.stream_lag_histograms TO market_reader;
GRANT SELECT ON TABLE market.stream_sessions TO market_reader;
GRANT SELECT ON TABLE market.stream_lag TO market_reader;
GRANT SELECT ON TABLE market.universe_refusal TO market_reader;
GRANT SELECT ON TABLE market.validated_days TO market_reader;
GRANT SELECT ON TABLE market.validation_coverage TO market_reader;
GRANT SELECT ON TABLE market.validation_results TO market_reader;
GRANT SELECT ON TABLE market.validation_runs TO market_reader;
GRANT SELECT ON TABLE market.validation_totals TO market_reader;
GRANT SELECT ON TABLE market.weight_reservations TO market_reader;

ALTER DEFAULT PRIVILEGES FOR ROLE candlehouse IN SCHEMA market GRANT SELECT ON TABLES TO market_reader;
