-- Close and volume between 0 and 1 (min-max), and in sample standard deviations from their mean
-- (z-score), over the whole range; NULL where all are the same.
CREATE OR REPLACE FUNCTION market.candles_normalized(
    of_symbol text, of_timeframe text, range_start timestamptz, range_end timestamptz
) RETURNS TABLE (
    open_time timestamptz, close double precision, close_minmax double precision,
    close_zscore double precision, volume double precision, volume_minmax double precision,
    volume_zscore double precision
)
LANGUAGE sql STABLE AS $$
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

COMMENT ON FUNCTION market.candles_normalized IS
    'Close and volume of [range_start, range_end) between 0 and 1, and in standard deviations'
    ' from their mean; NULL where all are the same';
