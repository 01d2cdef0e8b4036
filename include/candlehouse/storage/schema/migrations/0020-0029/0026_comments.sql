-- What every table, view, column and function says of itself to whoever looks at the schema. A
-- later migration that makes one says it there.

CREATE TEMPORARY TABLE said (
    -- Empty for what a column of that name says wherever it has no words of its own.
    relation text NOT NULL,
    -- Empty for the relation itself.
    name     text NOT NULL,
    words    text NOT NULL,
    PRIMARY KEY (relation, name)
) ON COMMIT DROP;

INSERT INTO pg_temp.said (relation, name, words) VALUES
    ('', 'symbol', 'Trading pair as the exchange writes it, such as BTCUSDT'),
    ('', 'timeframe',
        'Length of the candles: 1m, 5m, 15m, 30m, 1h, 4h or 1d; anything else is refused'),
    ('', 'open_time',
        'When the candle opens; a start of a slot of its timeframe, but for old candles of the'
        ' exchange that open off the grid'),
    ('', 'close_time',
        'When the candle closes by the exchange: 1 ms before the next slot, but for odd candles'
        ' of the exchange'),
    ('', 'open', 'First price, in the quote asset, digit for digit as the exchange sent it'),
    ('', 'high', 'Highest price, in the quote asset'),
    ('', 'low', 'Lowest price, in the quote asset'),
    ('', 'close', 'Last price, in the quote asset'),
    ('', 'volume', 'Traded amount of the base asset'),
    ('', 'quote_volume',
        'Traded amount of the quote asset; NULL where an imported file did not have it'),
    ('', 'trades', 'Number of trades; NULL where an imported file did not have it'),
    ('', 'taker_buy_volume',
        'Part of the volume that takers bought, in the base asset; NULL where an imported file'
        ' did not have it'),
    ('', 'taker_buy_quote_volume',
        'Part of the quote volume that takers bought, in the quote asset; NULL where an imported'
        ' file did not have it'),
    ('', 'source', 'Where it came from: archive (the published files), rest or stream'),
    ('', 'flags',
        'Names of the rules that the candle breaks, in the order of the alphabet; NULL when it'
        ' breaks none'),
    ('', 'loaded_at', 'When it was stored or last corrected, on the clock of the database'),
    ('', 'day', 'UTC day'),
    ('', 'run_id', 'Number of the run'),
    ('', 'session_id', 'Number of the session'),
    ('', 'range_start', 'Start of the range, included'),
    ('', 'range_end', 'End of the range, not included'),
    ('', 'gap_start', 'Open time of the first missing candle'),
    ('', 'gap_end', 'Open time of the first candle after the gap; not included'),
    ('', 'candles_missing', 'How many candles the gap is long'),
    ('', 'verdict', 'Why: pending, exchange_outage, no_data, not_listed, not_trading or delisted'),
    ('', 'evidence', 'What the verdict rests on, as a JSON object'),
    ('', 'checked_at', 'When it was looked at last, on the clock of the exchange'),
    ('', 'only_row', 'Always true: the table has one row'),
    ('', 'present_slots', 'How many different slots have a candle'),
    ('', 'first_open_time', 'Open time of the first candle'),
    ('', 'stored_source', 'Where the stored candles had come from when they were compared'),
    ('', 'differing', 'How many of the compared candles did not have the same values'),
    ('', 'held_only', 'How many stored candles the source does not have'),
    ('', 'updated_at', 'When the row was written, on the clock of the database'),
    ('', 'event_time', 'When the exchange sent it, on its own clock'),
    ('', 'exchange_time', 'The clock of the exchange'),
    ('', 'reason', 'Why'),
    ('', 'started_at', 'When it began, on the clock of the database'),

    ('candles', '',
        'Closed candles of all timeframes, one row per symbol, timeframe and open time. Ask for'
        ' one timeframe, and only its table is read'),
    ('latest_candles', '',
        'The newest stored candle of each series, one row per symbol and timeframe'),
    ('live_candles', '',
        'The candle that is forming now, one row per streamed symbol and timeframe; is not in'
        ' candles until it has closed'),
    ('live_candles', 'is_closed',
        'Whether this is its last state: the next message is of the next candle'),
    ('latest_prices', '', 'The last price of each streamed symbol, one row per symbol'),
    ('latest_prices', 'price', 'Last price, in the quote asset'),
    ('latest_prices', 'volume_24h', 'Traded in the 24 hours before, in the base asset'),
    ('latest_prices', 'quote_volume_24h', 'Traded in the 24 hours before, in the quote asset'),
    ('timeframes', '', 'The timeframes that exist, one row each'),
    ('timeframes', 'length', 'Length of a candle'),
    ('timeframes', 'parts',
        'Timeframe of whose candles these are checked to be the exact sum; NULL where they are'
        ' not checked so'),

    ('series', '',
        'What is to be collected, one row per symbol and timeframe that is wanted or known'),
    ('series', 'first_open_time', 'First candle that the exchange has; NULL until it was asked'),
    ('series', 'wanted_from',
        'From when on candles are wanted; NULL for a series that is only held'),
    ('series', 'wanted_to', 'Up to when, not included; NULL while the symbol trades'),
    ('series', 'first_asked_at',
        'When the exchange was asked for the first candle, on its clock; NULL when it was not'),
    ('series', 'first_loaded_at',
        'When all that was wanted had been brought for the first time, on the clock of the'
        ' database; NULL until then'),
    ('loads', '',
        'Series of which more history is wanted and not all of that was brought yet, one row per'
        ' symbol and timeframe'),
    ('loads', 'newest',
        'Whether the newest candles are part of it; false where only an earlier start is wanted'),
    ('loads', 'least_pending',
        'The fewest candles that were pending at any look; NULL until somebody has looked'),
    ('loads', 'progressed_at', 'When that became less, on the clock of the database'),
    ('loads', 'looked_at', 'When somebody looked last, on the clock of the database'),
    ('wanted_series', '',
        'What is wanted by now, one row per symbol and timeframe of which anything is'),
    ('wanted_series', 'length', 'Length of a candle'),
    ('wanted_series', 'slots_per_day', 'Candles of a whole day'),
    ('wanted_series', 'wanted_from', 'Start of what is wanted, included'),
    ('wanted_series', 'wanted_end',
        'End of what can be expected by the clock of the exchange, not included'),
    ('wanted_series', 'first_day', 'UTC day of the start'),
    ('wanted_series', 'last_day', 'Last UTC day of which anything is wanted'),
    ('collector_state', '', 'What is known of a series, one row per symbol and timeframe'),
    ('collector_state', 'first_open_time', 'First stored candle; NULL when there is none'),
    ('collector_state', 'last_open_time', 'Last stored candle; NULL when there is none'),
    ('collector_state', 'last_updated', 'When the row was written, on the clock of the database'),
    ('collector_state', 'is_realtime',
        'Whether a session streams it; one that was killed could not take that back'),
    ('collector_state', 'last_error',
        'Why it could not be collected the last time; NULL when it could'),

    ('coverage', '',
        'Is it complete, and why not? One row per symbol, timeframe and UTC day: expected ='
        ' present + absent + pending'),
    ('coverage_totals', '',
        'Is it complete? One row per symbol and timeframe: sums of coverage, in milliseconds'
        ' however long the history is'),
    ('', 'expected',
        'Candles that there should be: those that are wanted, and beyond these what is stored or'
        ' was asked for'),
    ('', 'present', 'Candles that are stored'),
    ('', 'absent', 'Candles that are known not to exist'),
    ('', 'pending', 'Candles that are neither stored nor known not to exist'),
    ('coverage', 'reasons', 'Absent candles by verdict, as a JSON object; {} when none are'),
    ('coverage_days', '',
        'Stored candles, one row per symbol, timeframe and UTC day; written together with the'
        ' candles'),
    ('coverage_days', 'change_id', 'Another number after each change of the candles of the day'),
    ('coverage_days', 'changed_at', 'When they changed last, on the clock of the database'),
    ('coverage_series', '',
        'Stored candles, one row per symbol and timeframe of which there are any'),
    ('coverage_series', 'whole_days', 'UTC days all of whose slots have a candle'),
    ('coverage_series', 'short_days', 'UTC days some of whose slots have a candle'),
    ('gaps', '',
        'Missing candles that were asked for, one row per symbol, timeframe and range; ranges of'
        ' a series never overlap'),
    ('gaps', 'next_check_at',
        'When it is asked for again, on the clock of the exchange; NULL for never'),
    ('gap_history', '', 'Gaps that were filled, one row each'),
    ('gap_history', 'history_id', 'Number of the row'),
    ('gap_history', 'filled_at', 'When the candles turned up, on the clock of the exchange'),
    ('gap_days', '', 'Missing candles, one row per symbol, timeframe, UTC day and verdict'),
    ('gap_days', 'slots', 'Missing candles of the day'),
    ('gap_days', 'wanted_slots', 'How many of these are wanted'),
    ('gap_checks', '',
        'What was asked about missing candles, and what came back: one row per series, symbol'
        ' asked about, source and range'),
    ('gap_checks', 'subject', 'Symbol that was asked about: that of the series, or a witness'),
    ('gap_checks', 'source', 'Who was asked: rest, archive or the warehouse itself'),
    ('gap_checks', 'answer', 'nothing, present, not published, broken file or unknown symbol'),
    ('gap_checks', 'asked_at', 'When, on the clock of the exchange'),

    ('corrections', '',
        'What a source said differently of a stored candle, one row per time: with what was'
        ' before and what it said'),
    ('corrections', 'correction_id', 'Number of the row'),
    ('corrections', 'source_before', 'Source of the stored candle'),
    ('corrections', 'source_after', 'Source that says otherwise'),
    ('corrections', 'before', 'Values that were stored, as a JSON object'),
    ('corrections', 'after', 'Values that the source has, as a JSON object'),
    ('corrections', 'applied', 'Whether they were stored; false where the stored candle stands'),
    ('corrections', 'corrected_at', 'When, on the clock of the database'),
    ('corrections', 'reason',
        'Why the change was refused, or who asked for it; NULL where neither is known'),
    ('confirmations', '',
        'Ranges in which stored candles were compared with a source, one row per symbol,'
        ' timeframe, source and range within a UTC day'),
    ('confirmations', 'source', 'Source that they were compared with'),
    ('confirmations', 'candles', 'How many candles were compared'),
    ('reconciliations', '',
        'Figures of the runs that compare stored candles with a source, one row per run, series,'
        ' UTC day, source and source of what was stored'),
    ('reconciliations', 'source', 'Source that was asked'),
    ('reconciliations', 'stored_source',
        'Where the stored candles had come from; none for what was not stored'),
    ('reconciliations', 'compared', 'How many candles both have'),
    ('reconciliations', 'equal', 'How many of these had the same values'),
    ('reconciliations', 'source_only', 'How many only the source had; they are stored since'),
    ('reconciliations', 'recorded_at', 'When the row was written, on the clock of the database'),
    ('agreement', '',
        'How far a source agrees with what was stored from another one, one row per symbol,'
        ' timeframe, UTC day and pair of sources'),
    ('agreement', 'source', 'Source that was asked'),
    ('agreement', 'compared', 'How many candles both had when they were compared'),
    ('agreement', 'agreement_percent',
        'Percent that were the same, cut off after four digits: 100 only when all were. NULL when'
        ' none were compared'),
    ('unmatched_candles', '',
        'Stored candles that a source does not have, one row per candle and source; they stay'
        ' stored'),
    ('unmatched_candles', 'source', 'Source that lacks the candle'),
    ('unmatched_candles', 'found_at', 'When that was found, on the clock of the exchange'),
    ('quarantined_candles', '',
        'What was refused and is not stored: one row per row or message and rule that it broke'),
    ('quarantined_candles', 'quarantine_id', 'Number of the row'),
    ('quarantined_candles', 'symbol', 'Trading pair; NULL where the message does not say'),
    ('quarantined_candles', 'timeframe',
        'Length of the candle; NULL where the message does not say'),
    ('quarantined_candles', 'open_time', 'When the candle opens; NULL where that is not known'),
    ('quarantined_candles', 'rule', 'Rule that it broke'),
    ('quarantined_candles', 'raw', 'Its text as it came'),
    ('quarantined_candles', 'quarantined_at', 'When, on the clock of the database'),
    ('archive_files', '', 'Published files that were asked for, one row per file'),
    ('archive_files', 'tree', 'monthly or daily'),
    ('archive_files', 'period_start', 'First day of the month, or the day, that the file is for'),
    ('archive_files', 'url', 'Where it is published'),
    ('archive_files', 'state', 'loaded, missing (not published) or broken'),
    ('archive_files', 'sha256', 'Checksum of the zip that was loaded last; NULL while none was'),
    ('archive_files', 'size', 'Its size in bytes; NULL while none was loaded'),
    ('archive_files', 'rows', 'Its rows; NULL while none was loaded'),
    ('archive_files', 'loaded_at',
        'When it was loaded, on the clock of the database; NULL while it was not'),
    ('archive_files', 'problem',
        'Why it was not loaded when it was last looked at; NULL when it was'),

    ('universe', '',
        'Which pairs were chosen, one row per snapshot and pair; a snapshot is never changed'),
    ('universe', 'as_of', 'Time of the snapshot, on the clock of the exchange'),
    ('universe', 'rank', 'Place by market capitalisation, from 1 on'),
    ('universe', 'base_asset', 'Asset that the pair trades'),
    ('universe', 'market_cap_usd',
        'Market capitalisation in US dollars; NULL where the source has none'),
    ('universe', 'source', 'Who ranked: coingecko, binance or volume'),
    ('universe_refusal', '',
        'Why no snapshot of the universe was taken since the last one; empty while the last'
        ' refresh took one'),
    ('universe_refusal', 'refused_at', 'When, on the clock of the exchange'),
    ('universe_refusal', 'found', 'How many pairs the answer listed'),
    ('universe_refusal', 'due', 'How many it had to list to be believed'),
    ('monthly_volumes', 'month', 'First day of the calendar month, UTC'),
    ('monthly_volumes', 'quote_volume', 'Traded in the month, in the quote asset'),
    ('monthly_volumes', 'days', 'Days with a candle; 0 when there was none'),
    ('monthly_volumes', 'last_day', 'Last day with a candle; NULL when there was none'),
    ('instruments', '', 'Every tradable pair that the exchange has or had, one row per symbol'),
    ('instruments', 'base_asset', 'Asset that is traded'),
    ('instruments', 'quote_asset', 'Asset that prices are in'),
    ('instruments', 'status',
        'As the exchange has it, such as TRADING or BREAK; GONE when it is no longer listed'),
    ('instruments', 'tick_size', 'Smallest step of prices; NULL where the exchange does not say'),
    ('instruments', 'lot_size',
        'Smallest step of quantities, in the base asset; NULL where the exchange does not say'),
    ('instruments', 'min_notional',
        'Smallest order, in the quote asset; NULL where the exchange does not say'),
    ('instruments', 'first_open_time',
        'First candle that the exchange has; NULL until it was asked'),
    ('instruments', 'left_at',
        'When it was first seen not trading, on the clock of the exchange; NULL while it trades'),
    ('instruments', 'refreshed_at', 'When this was last taken from the exchange, on its clock'),
    ('instrument_lives', '',
        'Which asset a ticker meant and when, one row per symbol and asset; kept by hand'),
    ('instrument_lives', 'asset_id', 'Name of the asset as market capitalisation sources have it'),
    ('instrument_lives', 'valid_from', 'From when on, included'),
    ('instrument_lives', 'valid_to', 'Up to when, not included; NULL while it still does'),
    ('instrument_returns', '', 'Pairs that did not trade and trade again, one row per return'),
    ('instrument_returns', 'left_at',
        'When a refresh saw that it did not trade, on the clock of the exchange'),
    ('instrument_returns', 'returned_at',
        'When a refresh saw that it traded again, on the clock of the exchange'),
    ('instrument_returns', 'ended_at',
        'End of the last 1m candle before; NULL where it could not be had'),
    ('instrument_returns', 'resumed_at',
        'Open time of the first 1m candle after; NULL where it could not be had'),
    ('asset_aliases', '', 'Renames of assets, one row each; kept by hand'),
    ('asset_aliases', 'old_asset', 'Name before'),
    ('asset_aliases', 'new_asset', 'Name after'),
    ('asset_aliases', 'effective_at',
        'A moment between the last candle of the old ticker and the first one of the new'),
    ('asset_aliases', 'ratio', 'How many of the new asset make one of the old'),

    ('validation_runs', '', 'Runs of validation, one row each'),
    ('validation_runs', 'reach',
        'new (what was not looked at), everything, or range (as somebody asked)'),
    ('validation_runs', 'symbols', 'Symbols that were looked at; NULL for all'),
    ('validation_runs', 'timeframes', 'Timeframes that were looked at'),
    ('validation_runs', 'range_start',
        'Start of the range that somebody asked for, included; NULL where nobody did'),
    ('validation_runs', 'range_end', 'End of that range, not included; NULL where nobody did'),
    ('validation_runs', 'exchange_time',
        'The clock of the exchange that all was judged by; NULL before an exchange was chosen'),
    ('validation_runs', 'finished_at',
        'When it ended, on the clock of the database; NULL while it runs, and for ever when it'
        ' was killed'),
    ('validation_runs', 'success', 'Whether everything held; NULL until it ends'),
    ('validation_runs', 'candles', 'How many candles were looked at; NULL until it ends'),
    ('validation_results', '', 'What validation found, one row per run and expectation'),
    ('validation_results', 'suite', 'Group of the expectation'),
    ('validation_results', 'timeframe',
        'Timeframe as text; empty where the expectation is not about one'),
    ('validation_results', 'expectation', 'What must hold'),
    ('validation_results', 'severity', 'critical, or warning, which fails no run'),
    ('validation_results', 'success', 'Whether it held'),
    ('validation_results', 'checked', 'How many rows were looked at'),
    ('validation_results', 'unexpected', 'How many rows broke it'),
    ('validation_results', 'samples',
        'The first rows that broke it, as JSON with all values as text'),
    ('validation_results', 'exception', 'Why it could not be evaluated; NULL when it could'),
    ('validated_days', '',
        'What the last run that looked at a day found, one row per symbol, timeframe and UTC day'),
    ('validated_days', 'change_id',
        'That of coverage_days when the run began: while both are the same, the finding holds'),
    ('validated_days', 'parts_change_id',
        'That of the candles that it is the sum of; NULL where it is not checked so'),
    ('validated_days', 'passed', 'Whether every expectation held'),
    ('validated_days', 'exchange_time', 'The clock of the exchange that the day was judged by'),
    ('validation_coverage', '',
        'Is it validated? One row per symbol, timeframe and UTC day: stored = validated + failed'
        ' + unvalidated'),
    ('validation_totals', '',
        'Is it validated? One row per symbol and timeframe: sums of validation_coverage'),
    ('', 'stored', 'Candles that are stored'),
    ('', 'validated', 'Candles that were looked at since they last changed, and found good'),
    ('', 'failed', 'Candles of windows in which something was found broken'),
    ('', 'unvalidated', 'Candles that nothing has looked at since they last changed'),
    ('validation_coverage', 'changed_at',
        'When the candles of the day changed last, on the clock of the database'),
    ('validation_coverage', 'run_id', 'Number of the last run that looked; NULL when none has'),
    ('validation_coverage', 'exchange_time',
        'The clock of the exchange that the day was judged by; NULL when none has looked'),
    ('validation_coverage', 'settles_at',
        'When everything can be asked of the day: an hour after its last candle closed'),
    ('validation_totals', 'validated_days', 'UTC days that are found good; NULL when none are'),
    ('validation_totals', 'other_days', 'UTC days that are not; NULL when none are'),

    ('stream_sessions', '',
        'Runs of stream tasks, one row each; kept for 30 days after they end. Times are wall time'),
    ('stream_sessions', 'worker', 'Who it is, as host:process'),
    ('stream_sessions', 'role', 'writer, or standby, which is ready to go on'),
    ('stream_sessions', 'mode', 'stream, polling (REST in its place), or none for now'),
    ('stream_sessions', 'heartbeat_at', 'When it last said how it stands'),
    ('stream_sessions', 'ended_at', 'When it ended; NULL while it runs'),
    ('stream_sessions', 'end_reason',
        'Why it ended; lost when its heart stood still. NULL while it runs'),
    ('stream_sessions', 'symbols', 'How many symbols are streamed'),
    ('stream_sessions', 'timeframes', 'Timeframes that are streamed'),
    ('stream_sessions', 'received', 'Messages that came'),
    ('stream_sessions', 'validated', 'Messages that were what they must be'),
    ('stream_sessions', 'errors', 'Messages that were refused'),
    ('stream_sessions', 'stale', 'Messages that were older than what was known'),
    ('stream_sessions', 'coalesced', 'Messages that a later one replaced before they were written'),
    ('stream_sessions', 'closed_written', 'Closed candles that were stored'),
    ('stream_sessions', 'forming_written', 'States of forming candles that were written'),
    ('stream_sessions', 'spooled',
        'Closed candles that were kept in a file while the database was away'),
    ('stream_sessions', 'replayed', 'Closed candles that were stored from such files'),
    ('stream_sessions', 'reconnects', 'Connections after the first'),
    ('stream_sessions', 'last_message_at', 'When the last message came; NULL before the first'),
    ('stream_lag', '',
        'How long messages took from the clock of the exchange to their commit, one row per'
        ' session that has written any'),
    ('stream_lag', 'worker', 'Who it is, as host:process'),
    ('stream_lag', 'role', 'writer or standby'),
    ('stream_lag', 'ended_at', 'When the session ended; NULL while it runs'),
    ('stream_lag', 'messages', 'Messages that were measured'),
    ('stream_lag', 'p50_ms', 'Milliseconds within which half of the messages were committed'),
    ('stream_lag', 'p90_ms', 'Milliseconds within which 90% were'),
    ('stream_lag', 'p99_ms', 'Milliseconds within which 99% were'),
    ('stream_lag', 'p999_ms', 'Milliseconds within which 99.9% were'),
    ('stream_lag', 'longest_ms',
        'Milliseconds within which all were; 60000 stands for a minute or more'),
    ('stream_lag_histograms', '', 'What stream_lag is computed from, one row per session'),
    ('stream_lag_histograms', 'lag_ms',
        'JSON object: upper bound of a bucket in milliseconds, and how many messages are in it'),
    ('stream_control', '', 'Whether streaming is wanted; one row'),
    ('stream_control', 'is_running', 'Whether it is'),
    ('stream_control', 'changed_at', 'When that was switched, on the clock of the database'),
    ('stream_control', 'changed_by', 'By whom'),
    ('alerts', '',
        'What was measured and found wrong, one row from when it is raised until it is cleared.'
        ' Times are wall time'),
    ('alerts', 'alert_id', 'Number of the row'),
    ('alerts', 'name', 'Which alert, such as completeness or freshness'),
    ('alerts', 'subject', 'Of what: a timeframe, stream, collection, exchange or candles'),
    ('alerts', 'raised_at', 'When it was raised'),
    ('alerts', 'last_seen_at', 'When it was measured last'),
    ('alerts', 'cleared_at', 'When it was right again; NULL while it is not'),
    ('alerts', 'notified_at', 'When somebody was told; NULL while that is still to be done'),
    ('alerts', 'value',
        'As measured last: percent, seconds or a count, as the name has it. NULL where nothing'
        ' was left to measure'),
    ('alerts', 'threshold', 'What it is compared with, in the same unit'),
    ('alerts', 'message', 'The same in words'),
    ('alerts', 'raised_value', 'As measured when it was raised; NULL where that was not kept'),
    ('alerts', 'raised_message', 'What was said when it was raised'),
    ('exchange_state', '',
        'Which exchange this warehouse belongs to, and its clock; one row once an exchange was'
        ' chosen'),
    ('exchange_state', 'identity', 'binance, or sim: and the market of a stand-in'),
    ('exchange_state', 'rest_url', 'Where its REST interface is'),
    ('exchange_state', 'coingecko_url', 'Where market capitalisation is asked for'),
    ('exchange_state', 'products_url', 'Where its list of products is'),
    ('exchange_state', 'exchange_time',
        'Its clock as last seen; what is closed, expected and pending is computed from it'),
    ('exchange_state', 'clock_offset_ms',
        'Milliseconds from the clock of this machine to that of the exchange'),
    ('exchange_state', 'seen_at', 'When it was last heard, on the clock of the database'),
    ('exchange_state', 'weight_limit', 'Request weight that it allows a minute'),
    ('exchange_state', 'limits_checked_at',
        'When it last said so, on the clock of the database; NULL while that is assumed'),
    ('exchange_state', 'close_grace',
        'How long after its close a candle may be missing before it is pending'),
    ('exchange_gate', '',
        'Until when nobody may ask the exchange, after it said so; at most one row'),
    ('exchange_gate', 'closed_until', 'Until when, on the clock of the database'),
    ('exchange_gate', 'reason', 'What the exchange answered'),
    ('weight_reservations', '',
        'Request weight that is under way or was used in the last minutes, one row per request'),
    ('weight_reservations', 'ticket', 'Number of the row'),
    ('weight_reservations', 'weight', 'Weight of the request'),
    ('weight_reservations', 'reserved_at', 'When it was taken, on the clock of the database'),
    ('weight_reservations', 'settled_at', 'When the answer came; NULL while it is under way'),
    ('connection_attempts', '',
        'Attempts to connect to the streams of the exchange in the last minutes, one row each'),
    ('connection_attempts', 'attempt_id', 'Number of the row'),
    ('connection_attempts', 'attempted_at', 'When, on the clock of the database'),
    ('schema_migrations', '', 'Which changes of this schema have been made, one row each'),
    ('schema_migrations', 'name', 'Name of the file'),
    ('schema_migrations', 'checksum', 'SHA-256 of its text'),
    ('schema_migrations', 'applied_at', 'When, on the clock of the database');
INSERT INTO pg_temp.said (relation, name, words)
SELECT 'candles_' || t.timeframe, '', format(
    'Closed candles of %s, one row per symbol and open time; the same as candles with that timeframe', t.timeframe)
FROM market.timeframes AS t;

CREATE TEMPORARY TABLE said_of_functions (name text PRIMARY KEY, words text NOT NULL) ON COMMIT DROP;
INSERT INTO pg_temp.said_of_functions (name, words) VALUES
    ('resample',
        'Candles of any longer timeframe (target, such as 2h or 1 week) out of stored ones,'
        ' exactly; one row per slot that opens in [range_start, range_end) and has any. Slots are'
        ' counted from 1970 in UTC, whole weeks from a Monday. candles says how many source'
        ' candles a row is made of, expected how many a whole one has. source is the timeframe'
        ' they are taken from; if it is not given, the longest that divides target and has candles'
        ' in the range'),
    ('candles_of_asset',
        'Candles of an asset through its renames in [range_start, range_end), and of no other'
        ' asset that had one of its tickers; scaled: in units of today'),
    ('candles_regular',
        'A row per slot that opens in [range_start, range_end) and has closed, as double'
        ' precision. A missing candle has its verdict, and is filled with the last close and a'
        ' volume of 0 where the market was there; else it is NULL'),
    ('candles_outliers',
        'Log returns from close to close in [range_start, range_end), and which of them lie'
        ' further than threshold spreads from the center. method is sigma, mad or hampel (of reach'
        ' returns to either side)'),
    ('candles_normalized',
        'Close and volume of [range_start, range_end) between 0 and 1, and in standard deviations'
        ' from their mean; NULL where all are the same'),
    ('provenance',
        'Where each stored candle in [range_start, range_end) came from, which other sources'
        ' confirm it and when they last did, what lower ones say instead, and which lack it'),
    ('universe_at',
        'The snapshot of the universe that was valid at a moment; nothing before the first one'),
    ('to_timeframe',
        'The timeframe of that name; an error that says what is allowed for any other text'),
    ('timeframe_is', 'What timeframe = text is: an error when there is no timeframe of that name'),
    ('timeframe_is_not',
        'What timeframe <> text is: an error when there is no timeframe of that name'),
    ('source_rank', 'How much a source counts: archive 3, rest 2, stream 1'),
    ('slots_per_day', 'Candles of a whole day, by their length'),
    ('moment',
        'The time of a number that the exchange writes, in milliseconds or microseconds since'
        ' 1970'),
    ('milliseconds',
        'Milliseconds since 1970 of a number that the exchange writes, in milliseconds or'
        ' microseconds'),
    ('has_timescale',
        'Whether candles are in hypertables of TimescaleDB and not in native partitions'),
    ('candle_flags',
        'Rules that the values of a candle break, in the order of the alphabet; NULL when none'),
    ('may_replace', 'Whether a candle may take the place of a stored one that has other values'),
    ('refusal',
        'Why a candle may not take the place of a stored one that has other values; NULL when it'
        ' may'),
    ('prices_out_of_order',
        'Whether the low is above, or the high below, another price; no such candle is stored'),
    ('taker_above_total', 'Whether takers bought more than was traded; no such candle is stored'),
    ('closes_far_off',
        'Whether a candle closes more than a day from where it must; no such candle is stored'),
    ('count_early',
        'Part of coverage: slots that are held of the last wanted day and that nobody could miss'
        ' yet'),
    ('count_before',
        'Part of coverage: slots that are held of the first wanted day from before it was wanted'),
    ('apply_day_changes', 'Keeps coverage_series in step with coverage_days'),
    ('follow_coverage_days', 'Trigger that keeps coverage_series in step with coverage_days'),
    ('begin_load', 'Trigger that notes in loads that more of a series is wanted'),
    ('create_candles_table', 'Made the tables of candles when the schema was set up'),
    ('create_candles_partition', 'Makes the native partition of a year'),
    ('truncate_candles_partition',
        'Empties the native partition of a year of which nothing is wanted');

-- What is said already stays.
DO $$
DECLARE
    spoken text;
BEGIN
    FOR spoken IN
        SELECT format('COMMENT ON %s market.%I IS %L',
            CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.relname, s.words)
        FROM pg_catalog.pg_class AS c
        JOIN pg_temp.said AS s ON s.relation = c.relname AND s.name = ''
        WHERE c.relnamespace = CAST('market' AS regnamespace) AND c.relkind IN ('r', 'p', 'v')
            AND obj_description(c.oid, 'pg_class') IS NULL
        UNION ALL
        SELECT format('COMMENT ON COLUMN market.%I.%I IS %L', c.relname, a.attname,
            COALESCE(own.words, common.words))
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
        LEFT JOIN pg_temp.said AS own ON own.relation = c.relname AND own.name = a.attname
        LEFT JOIN pg_temp.said AS common ON common.relation = '' AND common.name = a.attname
        WHERE c.relnamespace = CAST('market' AS regnamespace) AND c.relkind IN ('r', 'p', 'v')
            AND a.attnum > 0 AND NOT a.attisdropped
            AND COALESCE(own.words, common.words) IS NOT NULL
            AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL
        SELECT format('COMMENT ON ROUTINE %s IS %L', p.oid::regprocedure, s.words)
        FROM pg_catalog.pg_proc AS p
        JOIN pg_temp.said_of_functions AS s ON s.name = p.proname
        WHERE p.pronamespace = CAST('market' AS regnamespace)
            AND obj_description(p.oid, 'pg_proc') IS NULL
    LOOP
        EXECUTE spoken;
    END LOOP;
END $$;

COMMENT ON SCHEMA market IS
    'Candles of the exchange, what is known of those that are missing, and how they were collected';
COMMENT ON TYPE market.timeframe IS 'Length of a candle; sorted by length';
