-- The universe of months before the first snapshot.

-- What was traded of each pair a calendar month, asked once: months without a candle are here
-- too, with 0 days. Kept apart from candles, which have what is collected.
CREATE TABLE market.monthly_volumes (
    symbol       text    NOT NULL,
    month        date    NOT NULL,
    quote_volume numeric NOT NULL,
    days         integer NOT NULL,
    last_day     date,
    CONSTRAINT monthly_volumes_pkey PRIMARY KEY (month, symbol),
    CONSTRAINT monthly_volumes_first_of_month CHECK (extract(day FROM month) = 1),
    CONSTRAINT monthly_volumes_days CHECK ((days = 0) = (last_day IS NULL))
);
COMMENT ON TABLE market.monthly_volumes IS
    'Quote volume by pair and calendar month (UTC), by the exchange''s daily candles, of pairs that'
    ' have ended too; what past snapshots of the universe are ranked by.';

COMMENT ON TABLE market.universe IS
    'Who was in the universe from as_of until the next snapshot; never overwritten. source says'
    ' what ranked it: coingecko, binance or volume at the moment itself; volume_backfill afterwards'
    ' (universe backfill), by the quote volume of the calendar month before as_of and nothing'
    ' later. Without backfilled months history is that of today''s members alone: who fell out or'
    ' was delisted before the first snapshot is missing, and every study over it has survivorship'
    ' bias.';
COMMENT ON FUNCTION market.universe_at(timestamptz) IS
    'The membership valid at a moment: the latest snapshot not after it. Nothing before the first'
    ' snapshot unless past months were backfilled (universe backfill); today''s members in their'
    ' place would have survivorship bias.';

-- Default privileges reach only what the role makes that set them; another one may migrate now.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'market_reader') THEN
        GRANT SELECT ON market.monthly_volumes TO market_reader;
    END IF;
END $$;
