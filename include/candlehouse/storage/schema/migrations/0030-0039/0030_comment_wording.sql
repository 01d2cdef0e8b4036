-- Comments of tables in plain words: each that reads like `old_words` gets `new_words`. Those of
-- views and functions are in their own files.
CREATE TEMPORARY TABLE reworded (old_words text NOT NULL, new_words text NOT NULL) ON COMMIT DROP;

INSERT INTO pg_temp.reworded (old_words, new_words) VALUES
    (
        'When the candle opens; a start of a slot of its timeframe, but for old candles of the'
        ' exchange that open off the grid',
        'Open time of the candle: the start of a slot of its timeframe, except for old candles'
        ' that the exchange published off the grid'
    ),
    (
        'When the candle closes by the exchange: 1 ms before the next slot, but for odd candles'
        ' of the exchange',
        'Close time as the exchange gives it: 1 ms before the next slot, except for odd candles'
        ' of the exchange'
    ),
    (
        'Where it came from: archive (the published files), rest or stream',
        'Source of the candle: archive (published files), rest or stream'
    ),
    (
        'Names of the rules that the candle breaks, in the order of the alphabet; NULL when it'
        ' breaks none',
        'Names of the rules that the candle breaks, in alphabetical order; NULL where it breaks'
        ' none'
    ),
    (
        'Start of the range, included',
        'Start of the range, inclusive'
    ),
    (
        'End of the range, not included',
        'End of the range, exclusive'
    ),
    (
        'Source that they were compared with',
        'Source with which the stored candles were compared'
    ),
    (
        'When it was looked at last, on the clock of the exchange',
        'Time of the last check, on the clock of the exchange'
    ),
    (
        'What a source said differently of a stored candle, one row per time: with what was'
        ' before and what it said',
        'Differences between a source and a stored candle, one row per finding, with the values'
        ' of both'
    ),
    (
        'Number of the row',
        'Identifier of the row'
    ),
    (
        'Source that says otherwise',
        'Source with the other values'
    ),
    (
        'Whether they were stored; false where the stored candle stands',
        'Whether the values of the source replaced the stored ones'
    ),
    (
        'When that was found, on the clock of the exchange',
        'Time of the finding, on the clock of the exchange'
    ),
    (
        'Source that was asked',
        'Source with which stored candles were compared'
    ),
    (
        'Where the stored candles had come from; none for what was not stored',
        'Source of the stored candles; none for candles that were not stored'
    ),
    (
        'How many candles both have',
        'Number of candles that both have'
    ),
    (
        'How many of these had the same values',
        'Number of compared candles with equal values'
    ),
    (
        'How many of the compared candles did not have the same values',
        'Number of compared candles with different values'
    ),
    (
        'How many candles were compared',
        'Number of compared candles'
    ),
    (
        'How many stored candles the source does not have',
        'Number of stored candles that the source does not have'
    ),
    (
        'How many only the source had; they are stored since',
        'Number of candles that only the source had; they were stored then'
    ),
    (
        'What is known of a series, one row per symbol and timeframe',
        'Collection state of each series, one row per symbol and timeframe'
    ),
    (
        'When candles were stored or a failure was noted the last time, on the clock of the'
        ' database',
        'Last time that candles were stored or a failure was recorded, on the clock of the'
        ' database'
    ),
    (
        'Whether a session streams it; one that was killed could not take that back',
        'Whether a stream session delivers the series; a killed session leaves it true'
    ),
    (
        'Which exchange this warehouse belongs to, and its clock; one row once an exchange was'
        ' chosen',
        'The exchange to which this warehouse is bound, and its clock; one row once an exchange'
        ' was chosen'
    ),
    (
        'Where its REST interface is',
        'Base URL of the REST API'
    ),
    (
        'Where market capitalisation is asked for',
        'Base URL of the source of market capitalisations'
    ),
    (
        'Where its list of products is',
        'Base URL of the list of products'
    ),
    (
        'Its clock as last seen; what is closed, expected and pending is computed from it',
        'Clock of the exchange as last seen; closed, expected and pending candles are computed'
        ' from it'
    ),
    (
        'When it was last heard, on the clock of the database',
        'Time of the last contact, on the clock of the database'
    ),
    (
        'Request weight that it allows a minute',
        'Request weight that the exchange allows per minute'
    ),
    (
        'When it last said so, on the clock of the database; NULL while that is assumed',
        'When the exchange last reported weight_limit, on the clock of the database; NULL while'
        ' the limit is assumed'
    ),
    (
        'How many candles the gap is long',
        'Length of the gap in candles'
    ),
    (
        'What the verdict rests on, as a JSON object',
        'Evidence for the verdict, as a JSON object'
    ),
    (
        'Why: pending, exchange_outage, no_data, not_listed, not_trading or delisted',
        'Reason: pending, exchange_outage, no_data, not_listed, not_trading or delisted'
    ),
    (
        'When it is asked for again, on the clock of the exchange; NULL for never',
        'When the gap is checked again, on the clock of the exchange; NULL for never'
    ),
    (
        'What is to be collected, one row per symbol and timeframe that is wanted or known',
        'The wanted range of each series, one row per symbol and timeframe that is wanted or'
        ' known'
    ),
    (
        'First candle that the exchange has; NULL until it was asked',
        'Open time of the first candle that the exchange has; NULL until the exchange was asked'
    ),
    (
        'From when on candles are wanted; NULL for a series that is only held',
        'Start of the wanted range, inclusive; NULL for a series that is stored but not'
        ' collected'
    ),
    (
        'Up to when, not included; NULL while the symbol trades',
        'End of the wanted range, exclusive; NULL while the symbol trades'
    ),
    (
        'When the exchange was asked for the first candle, on its clock; NULL when it was not',
        'When the exchange was asked for the first candle, on its clock; NULL before'
    ),
    (
        'When all that was wanted had been brought for the first time, on the clock of the'
        ' database; NULL until then',
        'When the wanted range was complete for the first time, on the clock of the database;'
        ' NULL before'
    ),
    (
        'Timeframe of whose candles these are checked to be the exact sum; NULL where they are'
        ' not checked so',
        'Shorter timeframe whose candles must add up exactly to these in validation; NULL where'
        ' this is not checked'
    ),
    (
        'Until when nobody may ask the exchange, after it said so; at most one row',
        'Time until which no process may send requests, because the exchange demanded it; at'
        ' most one row'
    ),
    (
        'Until when, on the clock of the database',
        'End of the pause, on the clock of the database'
    ),
    (
        'What the exchange answered',
        'Message of the exchange'
    ),
    (
        'What was asked about missing candles, and what came back: one row per series, symbol'
        ' asked about, source and range',
        'Evidence about missing candles: one row per series, symbol that was asked about,'
        ' source and range'
    ),
    (
        'Symbol that was asked about: that of the series, or a witness',
        'Symbol that was asked about: the symbol of the series, or a witness'
    ),
    (
        'Who was asked: rest, archive or the warehouse itself',
        'Source that was asked: rest, archive or warehouse (its own stored candles)'
    ),
    (
        'nothing, present, not published, broken file or unknown symbol',
        'Answer of the source: nothing, present, not published, broken file or unknown symbol'
    ),
    (
        'When, on the clock of the exchange',
        'Time of the check, on the clock of the exchange'
    ),
    (
        'When the candles turned up, on the clock of the exchange',
        'When the candles were found, on the clock of the exchange'
    ),
    (
        'Which asset a ticker meant and when, kept by hand: from its first trade to the end of'
        ' its trading. A bound at midnight is taken as known to the day alone: candles date it'
        ' then.',
        'Assets that each ticker has meant over time, maintained by hand: from first trade to'
        ' end of trading. A bound at midnight is known by its day alone; the time is then taken'
        ' from the candles'
    ),
    (
        'From when on, included',
        'Start of the period, inclusive'
    ),
    (
        'Up to when, not included; NULL while it still does',
        'End of the period, exclusive; NULL for the current asset'
    ),
    (
        'Name of the asset as market capitalisation sources have it',
        'Identifier of the asset at sources of market capitalisation'
    ),
    (
        'Pairs that had left and trade again. left_at and returned_at are the refreshes that'
        ' noticed; ended_at and resumed_at are the end of the last 1m candle before and the open'
        ' time of the first one after, NULL where these could not be had.',
        'Pairs that had left and trade again, one row per return'
    ),
    (
        'When a refresh saw that it did not trade, on the clock of the exchange',
        'When a refresh noticed that the pair had stopped trading, on the clock of the exchange'
    ),
    (
        'When a refresh saw that it traded again, on the clock of the exchange',
        'When a refresh noticed that the pair traded again, on the clock of the exchange'
    ),
    (
        'End of the last 1m candle before; NULL where it could not be had',
        'End of the last 1m candle before the pause; NULL where unknown'
    ),
    (
        'Open time of the first 1m candle after; NULL where it could not be had',
        'Open time of the first 1m candle after the pause; NULL where unknown'
    ),
    (
        'As the exchange has it, such as TRADING or BREAK; GONE when it is no longer listed',
        'Status as the exchange reports it, such as TRADING or BREAK; GONE when the pair is no'
        ' longer listed'
    ),
    (
        'When it was first seen not trading, on the clock of the exchange; NULL while it trades',
        'When a refresh first saw that the pair does not trade, on the clock of the exchange;'
        ' NULL while it trades'
    ),
    (
        'When this was last taken from the exchange, on its clock',
        'Time of the last refresh, on the clock of the exchange'
    ),
    (
        'When the exchange sent it, on its own clock',
        'When the exchange sent the message, on its own clock'
    ),
    (
        'Traded in the 24 hours before, in the base asset',
        'Volume of the last 24 hours, in the base asset'
    ),
    (
        'Traded in the 24 hours before, in the quote asset',
        'Volume of the last 24 hours, in the quote asset'
    ),
    (
        'The candle that is forming now, one row per streamed symbol and timeframe; is not in'
        ' candles until it has closed',
        'The currently forming candle, one row per streamed symbol and timeframe; the view'
        ' candles has it once it has closed'
    ),
    (
        'Series of which more history is wanted and not all of that was brought yet, one row'
        ' per symbol and timeframe',
        'Series whose history is being loaded, one row per symbol and timeframe'
    ),
    (
        'When it began, on the clock of the database',
        'Start time, on the clock of the database'
    ),
    (
        'Whether the newest candles are part of it; false where only an earlier start is wanted',
        'Whether the newest candles are part of the load; false where only an earlier start is'
        ' wanted'
    ),
    (
        'The fewest candles that were pending at any look; NULL until somebody has looked',
        'Lowest number of pending candles at any measurement of progress; NULL before the first'
    ),
    (
        'When that became less, on the clock of the database',
        'When least_pending last decreased, on the clock of the database'
    ),
    (
        'When somebody looked last, on the clock of the database',
        'Last measurement of progress, on the clock of the database'
    ),
    (
        'Traded in the month, in the quote asset',
        'Volume of the month, in the quote asset'
    ),
    (
        'Quote volume by pair and calendar month (UTC), by the exchange''s daily candles, of'
        ' pairs that have ended too; what past snapshots of the universe are ranked by.',
        'Quote volume per pair and calendar month (UTC) from the exchange''s daily candles,'
        ' including pairs that have ended; past snapshots of the universe are ranked by it'
    ),
    (
        'What was refused and is not stored: one row per row or message and rule that it broke',
        'Refused rows and messages, which are not stored: one row per text and broken rule'
    ),
    (
        'Trading pair; NULL where the message does not say',
        'Trading pair; NULL where the message does not name it'
    ),
    (
        'Length of the candle; NULL where the message does not say',
        'Length of the candle; NULL where the message does not name it'
    ),
    (
        'When the candle opens; NULL where that is not known',
        'Open time of the candle; NULL where unknown'
    ),
    (
        'Rule that it broke',
        'Name of the broken rule'
    ),
    (
        'Its text as it came',
        'Text as received'
    ),
    (
        'Which changes of this schema have been made, one row each',
        'Applied migrations of this schema, one row per file'
    ),
    (
        'Which definitions of views and functions are in place, one row per file',
        'Applied definitions of views and functions, one row per file'
    ),
    (
        'Whether it is',
        'Whether streaming is wanted'
    ),
    (
        'When that was switched, on the clock of the database',
        'When is_running last changed, on the clock of the database'
    ),
    (
        'By whom',
        'Who changed is_running'
    ),
    (
        'Who it is, as host:process',
        'Process of the session, as host:process'
    ),
    (
        'writer, or standby, which is ready to go on',
        'writer, or standby, which takes over when the writer ends'
    ),
    (
        'When it last said how it stands',
        'Last heartbeat of the session'
    ),
    (
        'When it ended; NULL while it runs',
        'End of the session; NULL while it runs'
    ),
    (
        'Why it ended; lost when its heart stood still. NULL while it runs',
        'Reason of the end; lost after missing heartbeats. NULL while the session runs'
    ),
    (
        'stream, polling (REST in its place), or none for now',
        'stream, polling (REST while streams are down), or none'
    ),
    (
        'Messages that came',
        'Received messages'
    ),
    (
        'Messages that were what they must be',
        'Messages that passed validation'
    ),
    (
        'Messages that were older than what was known',
        'Messages that were older than the known state'
    ),
    (
        'Why no snapshot of the universe was taken since the last one; empty while the last'
        ' refresh took one',
        'Why the last refresh took no snapshot of the universe; empty after a refresh that took'
        ' one'
    ),
    (
        'How many pairs the answer listed',
        'Number of pairs that the answer listed'
    ),
    (
        'How many it had to list to be believed',
        'Number of pairs that a complete answer had to list'
    ),
    (
        'Why',
        'Reason in words'
    ),
    (
        'What the last run that looked at a day found, one row per symbol, timeframe and UTC'
        ' day',
        'Result of the last validation of each day, one row per symbol, timeframe and UTC day'
    ),
    (
        'That of coverage_days when the run began: while both are the same, the finding holds',
        'change_id of coverage_days when the run began: the result is valid while both are'
        ' equal'
    ),
    (
        'That of the candles that it is the sum of; NULL where it is not checked so',
        'change_id of the shorter candles that add up to the day; NULL where this is not'
        ' checked'
    ),
    (
        'The clock of the exchange that the day was judged by',
        'Time on the clock of the exchange for which the day was validated'
    ),
    (
        'The clock of the exchange that all was judged by; NULL before an exchange was chosen',
        'Time on the clock of the exchange for which the run validated; NULL before an exchange'
        ' was chosen'
    ),
    (
        'What validation found, one row per run and expectation',
        'Results of validation, one row per run and expectation'
    ),
    (
        'Group of the expectation',
        'Suite of the expectation'
    ),
    (
        'Timeframe as text; empty where the expectation is not about one',
        'Timeframe as text; empty where the expectation concerns no timeframe'
    ),
    (
        'Whether it held',
        'Whether all rows met the expectation'
    ),
    (
        'How many rows were looked at',
        'Number of validated rows'
    ),
    (
        'How many rows broke it',
        'Number of rows that broke the expectation'
    ),
    (
        'The first rows that broke it, as JSON with all values as text',
        'The first rows that broke the expectation, as JSON with all values as text'
    ),
    (
        'Why it could not be evaluated; NULL when it could',
        'Why the expectation could not be evaluated; NULL where it was'
    ),
    (
        'new (what was not looked at), everything, or range (as somebody asked)',
        'new (candles not validated since their last change), everything, or range (requested'
        ' by a person)'
    ),
    (
        'Symbols that were looked at; NULL for all',
        'Validated symbols; NULL for all'
    ),
    (
        'Timeframes that were looked at',
        'Validated timeframes'
    ),
    (
        'Start of the range that somebody asked for, included; NULL where nobody did',
        'Start of the requested range, inclusive; NULL without one'
    ),
    (
        'End of that range, not included; NULL where nobody did',
        'End of the requested range, exclusive; NULL without one'
    ),
    (
        'When it ended, on the clock of the database; NULL while it runs, and for ever when it'
        ' was killed',
        'End of the run, on the clock of the database; NULL while it runs, and for ever if it'
        ' was killed'
    ),
    (
        'How many candles were looked at; NULL until it ends',
        'Number of validated candles; NULL until the run ends'
    ),
    (
        'Whether everything held; NULL until it ends',
        'Whether the run succeeded; NULL until it ends'
    ),
    (
        'Request weight that is under way or was used in the last minutes, one row per request',
        'Request weight that is in flight or was used in the last minutes, one row per'
        ' reservation'
    ),
    (
        'When it was taken, on the clock of the database',
        'Time of the reservation, on the clock of the database'
    ),
    (
        'When the answer came; NULL while it is under way',
        'When the request was answered; NULL while it is in flight'
    ),
    (
        'Another number after each change of the candles of the day',
        'Version of the day: a new number after each change of its candles'
    ),
    (
        'When they changed last, on the clock of the database',
        'When the candles of the day last changed, on the clock of the database'
    ),
    (
        'What was measured and found wrong, one row from when it is raised until it is cleared.'
        ' Times are wall time',
        'Alerts, one row per alert from raising to clearing. Times are wall time'
    ),
    (
        'Which alert, such as completeness or freshness',
        'Metric of the alert, such as completeness or freshness'
    ),
    (
        'Of what: a timeframe, stream, collection, exchange or candles',
        'What is measured: a timeframe, stream, collection, exchange or candles'
    ),
    (
        'When it was raised',
        'When the alert was raised'
    ),
    (
        'When it was measured last',
        'When the value was last measured'
    ),
    (
        'When it was right again; NULL while it is not',
        'When the value was within the threshold again; NULL while the alert is open'
    ),
    (
        'When somebody was told; NULL while that is still to be done',
        'When a notification was sent; NULL before'
    ),
    (
        'As measured last: percent, seconds or a count, as the name has it. NULL where nothing'
        ' was left to measure',
        'Last measured value: percent, seconds or a count, depending on the metric. NULL where'
        ' nothing was left to measure'
    ),
    (
        'What it is compared with, in the same unit',
        'Threshold for the value, in the same unit'
    ),
    (
        'The same in words',
        'The value in words'
    ),
    (
        'As measured when it was raised; NULL where that was not kept',
        'Value that raised the alert; NULL for alerts of versions that did not record it'
    ),
    (
        'What was said when it was raised',
        'Message when the alert was raised'
    ),
    (
        'Published files that were asked for, one row per file',
        'Published files that were requested, one row per file'
    ),
    (
        'First day of the month, or the day, that the file is for',
        'Day of the file, or first day of its month'
    ),
    (
        'Where it is published',
        'URL of the file'
    ),
    (
        'Checksum of the zip that was loaded last; NULL while none was',
        'SHA-256 of the zip that was last loaded; NULL before the first'
    ),
    (
        'Its size in bytes; NULL while none was loaded',
        'Size of the zip in bytes; NULL before the first load'
    ),
    (
        'Its rows; NULL while none was loaded',
        'Number of rows in the file; NULL before the first load'
    ),
    (
        'When it was loaded, on the clock of the database; NULL while it was not',
        'When the file was last loaded, on the clock of the database; NULL before the first'
        ' load'
    ),
    (
        'Why it was not loaded when it was last looked at; NULL when it was',
        'Why the last check did not load the file; NULL where it did'
    ),
    (
        'How many different slots have a candle',
        'Number of distinct slots with a candle'
    ),
    (
        'Who was in the universe from as_of until the next snapshot; never overwritten. source'
        ' says what ranked it: coingecko, binance or volume at the moment itself;'
        ' volume_backfill afterwards (universe backfill), by the quote volume of the calendar'
        ' month before as_of and nothing later. Without backfilled months history is that of'
        ' today''s members alone: who fell out or was delisted before the first snapshot is'
        ' missing, and every study over it has survivorship bias.',
        'Members of the universe from as_of until the next snapshot; rows are never'
        ' overwritten. source names the ranking: coingecko, binance or volume for snapshots'
        ' taken live; volume_backfill for past months (universe backfill), ranked by the quote'
        ' volume of the calendar month before as_of and nothing later. Without backfilled months'
        ' the history has only today''s members: pairs that dropped out or were delisted before'
        ' the first snapshot are missing, and a study over it has survivorship bias'
    );

DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('COMMENT ON TABLE market.%I IS %L', c.relname, r.new_words)
        FROM pg_catalog.pg_class AS c
        JOIN pg_temp.reworded AS r ON r.old_words = obj_description(c.oid, 'pg_class')
        WHERE c.relnamespace = CAST('market' AS regnamespace) AND c.relkind IN ('r', 'p')
        UNION ALL
        SELECT format('COMMENT ON COLUMN market.%I.%I IS %L', c.relname, a.attname, r.new_words)
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
        JOIN pg_temp.reworded AS r ON r.old_words = col_description(c.oid, a.attnum)
        WHERE c.relnamespace = CAST('market' AS regnamespace) AND c.relkind IN ('r', 'p')
            AND a.attnum > 0 AND NOT a.attisdropped
    LOOP
        EXECUTE statement;
    END LOOP;
END $$;
