"""What a run reaches, what it keeps, and what it lets pass."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Connection, Engine, event, make_url, text

from candlehouse.cli import main
from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.errors import ExpectationsBroken
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.core.validating.validation_windows import (
    Reach,
    StoredDay,
    ValidationScope,
    Window,
    gather_windows,
)
from candlehouse.pipelines.validating.validate import ValidationReport, require_success, validate
from candlehouse.settings import load_settings
from candlehouse.storage import embedded
from candlehouse.storage.candles.page_writer import lock_series, write_candles
from candlehouse.storage.database.engine import connect
from candlehouse.storage.warehouse import Warehouse
from candlehouse.validation.runner import Runner, open_runners, write_url
from candlehouse.validation.suites import CONFIRMED_WITHIN, PARTS
from support.data.stored_market import set_clock, store_market

T0 = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BTC = Series("BTCUSDT", Timeframe.H1)
Look = Callable[..., ValidationReport]


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@pytest.fixture
def look(engine: Engine, tmp_path: Path) -> Look:
    settings = load_settings(
        {"CANDLEHOUSE_HOME": str(tmp_path), "TIMEFRAMES": "1h", "STREAM_TIMEFRAMES": "1h"}
    )

    def run(reach: Reach = Reach.EVERYTHING, **scope: Any) -> ValidationReport:
        return validate(Warehouse(settings, engine), ValidationScope(reach, **scope))

    return run


def change(engine: Engine, sql: str) -> None:
    with engine.begin() as connection:
        assert connection.execute(text(sql)).rowcount > 0


def broken(report: ValidationReport) -> list[str]:
    return [outcome.expectation for outcome in report.outcomes if not outcome.success]


def write(engine: Engine, *rows: tuple[object, ...]) -> None:
    """Stores rows of BTCUSDT 1h as the exchange's answer has them."""
    with engine.begin() as connection:
        write_rows(connection, *rows)


def write_rows(connection: Connection, *rows: tuple[object, ...]) -> None:
    text_of = "".join("\t".join(map(str, (BTC.symbol, *row))) + "\n" for row in rows)
    lock_series(connection, [BTC])
    span = Span(T0, T0 + 4 * DAY)
    write_candles(connection, [CheckedPage(BTC, span, Source.REST, CandleRows(text_of))])


def test_nothing_stored_is_nothing_wrong(engine: Engine, look: Look) -> None:
    before_any_exchange = look()
    assert (before_any_exchange.success, before_any_exchange.outcomes) == (True, [])
    set_clock(engine, T0)
    without_series = look()
    assert (without_series.success, without_series.candles) == (True, 0)
    assert without_series.page is not None
    assert "exchange&#x27;s clock" in without_series.page.read_text()


def count_left(engine: Engine) -> dict[str, int]:
    """Candles a symbol of which nobody says that they are validated."""
    sql = (
        "SELECT symbol, failed + unvalidated FROM market.validation_totals WHERE validated < stored"
    )
    with engine.connect() as connection:
        return {row[0]: int(row[1]) for row in connection.execute(text(sql))}


def test_new_is_what_no_good_run_has_looked_at(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + 5 * DAY)
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0 + 4 * DAY, T0 + 5 * DAY))
    assert look(Reach.NEW).candles == 24
    # Loaded later, opened before.
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + 2 * DAY))
    assert count_left(engine) == {BTC.symbol: 48}
    assert look(Reach.RANGE, span=Span(T0, T0 + DAY)).candles == 24
    assert look(Reach.EVERYTHING, symbols=("ETHUSDT",)).candles == 0
    change(
        engine, "UPDATE market.candles_1h SET volume = -1 WHERE open_time = '2024-03-02 05:00+00'"
    )
    assert [look(Reach.NEW).candles for _ in range(2)] == [24, 24]
    assert count_left(engine) == {BTC.symbol: 24}
    change(
        engine,
        "UPDATE market.candles_1h SET volume = 1e6, quote_volume = 1e12"
        " WHERE open_time = '2024-03-02 05:00+00'",
    )
    assert look(Reach.NEW).success
    assert look(Reach.NEW).candles == 0
    assert count_left(engine) == {}


def test_failed_run_names_the_rows_and_keeps_them_on_record(
    engine: Engine, look: Look, analyst_url: str
) -> None:
    set_clock(engine, T0 + DAY)
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + DAY))
    change(
        engine,
        "UPDATE market.candles_1h SET trades = -3 WHERE open_time = '2024-03-01 05:00+00'",
    )
    report = look()
    with pytest.raises(ExpectationsBroken, match="trades is never negative: 1 of 24 rows: symbol"):
        require_success(report)
    connection = psycopg2.connect(analyst_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT r.reach, r.success, r.candles, v.timeframe, v.expectation, v.samples"
                " FROM market.validation_runs AS r JOIN market.validation_results AS v"
                " USING (run_id) WHERE NOT v.success"
            )
            sample = {
                "trades": "-3", "symbol": "BTCUSDT", "open_time": "2024-03-01 05:00:00+00:00",
            }  # fmt: skip
            assert cursor.fetchall() == [
                ("everything", False, 24, "1h", "trades is never negative", [sample])
            ]
    finally:
        connection.close()


def test_odd_rows_that_the_exchange_published_pass(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + DAY)
    at, hour = to_ms(T0), Timeframe.H1.length_ms
    write(
        engine,
        # Fourteen seconds late, closed before it opened, and nothing traded.
        (at + 14_789, "2", "4", "1", "3", "9", at + hour - 1, "20", 5, "4", "8"),
        (at + hour, "3", "3", "3", "3", "9", at + hour - 1, "20", 5, "4", "8"),
        (at + 2 * hour, "3", "3", "3", "3", "0", at + 3 * hour - 1, "0", 0, "0", "0"),
    )
    report = look()
    assert broken(report) == []
    assert report.candles == 3


def test_parts_without_trades_count_as_the_exchange_counts_them(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + DAY)
    hour = Span(T0, T0 + Timeframe.H1.length)
    store_market(engine, [BTC.symbol], [Timeframe.M5, Timeframe.H1], hour)
    change(
        engine,
        "UPDATE market.candles_5m SET (open, high, low, close) = (1, 1, 1, 1), volume = 0,"
        " quote_volume = 0, trades = 0, taker_buy_volume = 0, taker_buy_quote_volume = 0"
        " WHERE open_time = '2024-03-01 00:00+00'",
    )
    sums = """
        UPDATE market.candles_1h AS c SET open = {open}, high = p.high, low = {low},
            volume = p.volume, quote_volume = p.quote_volume, trades = p.trades,
            taker_buy_volume = p.taker, taker_buy_quote_volume = p.taker_quote
        FROM (
            SELECT (array_agg(open ORDER BY open_time))[2] AS second_open, max(high) AS high,
                min(low) FILTER (WHERE volume > 0) AS traded_low, sum(volume) AS volume,
                sum(quote_volume) AS quote_volume, sum(trades) AS trades,
                sum(taker_buy_volume) AS taker, sum(taker_buy_quote_volume) AS taker_quote
            FROM market.candles_5m
        ) AS p
    """
    for prices in ({"open": "p.second_open", "low": "p.traded_low"}, {"open": "1", "low": "1"}):
        change(engine, sums.format(**prices))
        assert "each has the prices of its 5m candles" not in broken(look())
    change(engine, sums.format(open="p.second_open + 0.01", low="p.traded_low"))
    assert "each has the prices of its 5m candles" in broken(look())


def test_stream_counts_as_confirmed_by_a_better_source(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + DAY)
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + DAY), Source.STREAM)
    unconfirmed = "what a stream brought was compared with REST"
    report = look()
    (outcome,) = (one for one in report.outcomes if one.expectation == unconfirmed)
    # The last one closed just now.
    assert outcome.unexpected == 23
    change(
        engine,
        "INSERT INTO market.confirmations VALUES ('BTCUSDT', '1h', '2024-03-01 00:00+00',"
        " '2024-03-02 00:00+00', 'rest', '2024-03-02', 24, 0)",
    )
    assert broken(look()) == []


def test_clock_of_streams_counts_between_two_contacts(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + DAY)
    hour = Timeframe.H1.length
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + DAY + hour))
    assert broken(look()) == ["all have closed by the exchange's clock"]
    change(
        engine,
        "INSERT INTO market.live_candles SELECT symbol, '1h', open_time, close_time, open, high,"
        " low, close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, true,"
        " '2024-03-02 01:00+00', clock_timestamp() FROM market.candles_1h LIMIT 1",
    )
    assert broken(look()) == []


def test_absence_that_is_explained_is_not_stale(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + DAY + timedelta(hours=3))
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + DAY))
    stale = "the newest candle that can be expected is there"
    assert broken(look()) == [stale]
    gap = (
        "INSERT INTO market.gaps (symbol, timeframe, gap_start, gap_end, candles_missing, verdict,"
        " checked_at) VALUES ('BTCUSDT', '1h', '2024-03-02 00:00+00', '2024-03-02 03:00+00', 3,"
        " 'pending', '2024-03-02')"
    )
    change(engine, gap)
    assert broken(look()) == [stale]
    change(engine, "UPDATE market.gaps SET verdict = 'exchange_outage'")
    assert broken(look()) == []


def test_series_that_loads_is_not_stale(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + DAY + timedelta(hours=3))
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + DAY))
    change(
        engine,
        "INSERT INTO market.loads (symbol, timeframe, newest) VALUES ('BTCUSDT', '1h', true)",
    )
    assert broken(look()) == []


def test_rows_stay_on_the_server(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + 20 * DAY)
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + 20 * DAY))
    fetched: list[int] = []

    def count(_connection: object, cursor: Any, *_: object) -> None:
        fetched.append(cursor.rowcount)

    event.listen(Engine, "after_cursor_execute", count)
    try:
        report = look()
    finally:
        event.remove(Engine, "after_cursor_execute", count)
    assert report.candles == 480
    assert len(fetched) > 20
    # Names of columns are the most there is of anything.
    assert max(fetched) < 100


def test_what_cannot_be_told_fails_the_run_and_may_be_tried_again(
    engine: Engine, look: Look
) -> None:
    set_clock(engine, T0 + DAY)
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + DAY))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE market.confirmations RENAME TO elsewhere"))
    report = look()
    assert broken(report) == ["what a stream brought was compared with REST"]
    with pytest.raises(
        ExpectationsBroken, match=r'relation "market\.confirmations" does not'
    ) as told:
        require_success(report)
    assert told.value.retryable
    change(engine, "UPDATE market.candles_1h SET volume = -1")
    with pytest.raises(ExpectationsBroken) as told:
        require_success(look())
    assert not told.value.retryable


def test_socket_and_options_of_the_url_reach_the_library(
    warehouse_url: str, embedded_server: embedded.Server, tmp_path: Path
) -> None:
    sockets = str(embedded_server.places.sockets)
    url = make_url(warehouse_url).set(host=sockets.replace("/", "%2F"))
    url = url.update_query_dict({"options": "-c work_mem=7MB"})
    engine = connect(url.render_as_string(hide_password=False))
    try:
        written = make_url(write_url(engine))
        assert written.query["host"] == sockets
        assert written.query["options"] == "-c work_mem=7MB"
        set_clock(engine, T0)
        settings = load_settings({"CANDLEHOUSE_HOME": str(tmp_path)})
        assert validate(Warehouse(settings, engine), ValidationScope(Reach.NEW)).success
    finally:
        engine.dispose()


def test_sessions_of_the_library_are_as_all_others(engine: Engine) -> None:
    with engine.begin() as connection:
        for setting in ("TimeZone = Japan", "statement_timeout = 30000"):
            connection.execute(text(f'ALTER DATABASE "{engine.url.database}" SET {setting}'))
    with open_runners(engine, 1) as (runner,):
        theirs = runner._asset.datasource.get_execution_engine().engine
        with theirs.connect() as connection:
            assert connection.execute(text("SHOW TimeZone")).scalar_one() == "UTC"
            assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"


def test_command_tells_and_exits_as_it_found(
    engine: Engine,
    warehouse_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANDLEHOUSE_DATABASE_URL", warehouse_url)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["validate", *arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    code, out, err = run()
    assert (code, err) == (0, "nothing to validate: no exchange was chosen yet\n")
    assert out.startswith("0 expectations over 0 candles: 0 broken, 0 warnings; ")
    set_clock(engine, T0 + DAY)
    store_market(engine, [BTC.symbol, "ETHUSDT"], [Timeframe.H1], Span(T0, T0 + DAY))
    scope = ("--symbols", "BTCUSDT", "--timeframes", "1h", "--start", "2024-03-01")
    code, out, err = run(*scope, "--end", "2024-03-02", "--json", "--quiet")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["success"], told["candles"]) == (True, 24)
    change(engine, "UPDATE market.candles_1h SET volume = -1 WHERE symbol = 'BTCUSDT'")
    code, out, _ = run("--timeframes", "1h")
    assert code == 1
    assert "candles 1h: NOT volume is never negative: 24 of 48 rows: symbol BTCUSDT" in out
    assert run("--timeframes", "1h", "--symbols", "ETHUSDT")[::2] == (0, "")
    nothing = "no candles are stored in the range to validate\n"
    assert run("--timeframes", "4h", "--symbols", "ETHUSDT")[::2] == (0, nothing)
    refused = "error: symbols: the warehouse knows no NOSUCHUSDT\n"
    assert run("--timeframes", "1h", "--symbols", "NOSUCHUSDT")[::2] == (2, refused)
    code, _, err = run("--start", "2024-03-01")
    assert (code, err) == (2, "error: end is missing: give both start and end, or neither\n")


def rows_of(first: int, closes: Sequence[str], quote: str | None = None) -> list[Any]:
    """Rows of BTCUSDT 1h from an hour after T0 on: each traded once, at its close."""
    hour = Timeframe.H1.length_ms
    return [
        (at, close, close, close, close, "1", at + hour - 1, quote or close, 1, "0", "0")
        for at, close in enumerate(closes)
        for at in [to_ms(T0) + (first + at) * hour]
    ]


def read_flags(engine: Engine) -> dict[datetime, list[str]]:
    sql = "SELECT open_time, flags FROM market.candles_1h WHERE flags IS NOT NULL"
    with engine.connect() as connection:
        return {row.open_time: row.flags for row in connection.execute(text(sql))}


def test_flags_of_neighbours_are_set_where_a_run_looks(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + DAY)
    # Twice the price, and a quote volume that no price between low and high explains.
    write(engine, *rows_of(0, ["9"] * 13), *rows_of(13, ["18"], quote="20"))
    assert look(Reach.RANGE, span=Span(T0 + DAY, T0 + 2 * DAY)).flags.changed == 0
    assert look(Reach.EVERYTHING, symbols=("ETHUSDT",)).flags.changed == 0
    report = look(Reach.NEW)
    assert report.flags.changed == 1
    assert report.flags.flagged == {"price_jump": 1, "quote_out_of_range": 1}
    assert look().flags.changed == 0
    assert broken(look()) == []


def test_candle_that_comes_late_has_the_next_day_looked_at_again(
    engine: Engine, look: Look
) -> None:
    set_clock(engine, T0 + 4 * DAY)
    # The first candle of the second day is a jump, if the one before it is known.
    write(engine, *rows_of(0, ["9"] * 23), *rows_of(24, ["18"]), *rows_of(75, ["18"]))
    assert look(Reach.NEW).candles == 25
    assert read_flags(engine) == {}
    write(engine, *rows_of(23, ["9"]))
    # The fourth day is further away than any candle before it is asked for.
    assert look(Reach.NEW).candles == 25
    assert read_flags(engine) == {T0 + DAY: ["price_jump"]}


@pytest.mark.parametrize("writer", ["before", "meanwhile"])
def test_change_that_a_look_may_have_missed_stays_to_be_looked_at(
    engine: Engine, look: Look, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    set_clock(engine, T0 + 2 * DAY)
    write(engine, *rows_of(0, ["9"] * 20), *rows_of(24, ["9"]))
    with engine.connect() as connection:
        transaction = connection.begin()
        late = rows_of(20, ["9.01"])
        if writer == "before":
            # It has written, and nobody sees it before it commits.
            write_rows(connection, *late)
            assert look(Reach.NEW).candles == 21
        else:
            ask = Runner.run

            def ask_and_write(runner: Runner, *arguments: Any) -> Any:
                found = ask(runner, *arguments)
                if arguments[0].query == "candles" and late:
                    write_rows(connection, late.pop())
                    transaction.commit()
                return found

            monkeypatch.setattr(Runner, "run", ask_and_write)
            assert look(Reach.NEW).candles == 21
        if transaction.is_active:
            transaction.commit()
    # Both days: what is said of the second one depends on the first.
    assert count_left(engine) == {BTC.symbol: 22}
    assert look(Reach.NEW).candles == 22
    assert count_left(engine) == {}


def test_killed_run_keeps_what_it_was_through_with(
    engine: Engine, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(engine, T0 + 4 * DAY)
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + 4 * DAY))
    ask, asked = Runner.run, []

    def ask_until_killed(runner: Runner, *arguments: Any) -> Any:
        if arguments[0].query == "candles":
            asked.append(1)
            if len(asked) > 2:
                raise KeyboardInterrupt
        return ask(runner, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Runner, "run", ask_until_killed)
        patch.setattr("candlehouse.pipelines.validating.validate.gather_windows", one_day_each)
        with pytest.raises(KeyboardInterrupt):
            look(Reach.NEW)
    assert count_left(engine) == {BTC.symbol: 48}
    assert look(Reach.NEW).candles == 48
    assert count_left(engine) == {}


def one_day_each(timeframe: Timeframe, days: list[StoredDay]) -> list[Window]:
    return gather_windows(timeframe, days, most=timeframe.slots_per_day)


def test_windows_of_one_page_take_nothing_of_the_next(
    engine: Engine, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(engine, T0 + 4 * DAY)
    store_market(engine, [BTC.symbol, "ETHUSDT"], [Timeframe.H1], Span(T0, T0 + 4 * DAY))
    # Four days of the one, and one of the other.
    monkeypatch.setattr("candlehouse.storage.truth.validation_runs._PAGE", 5)
    assert look(Reach.NEW).candles == 2 * 96
    assert count_left(engine) == {}


def test_parts_that_change_have_their_sums_looked_at_again(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + DAY)
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + DAY))
    assert look(Reach.NEW).candles == 24
    store_market(engine, [BTC.symbol], [Timeframe.M5], Span(T0, T0 + DAY))
    # The hours are new in what is asked of them: whether they are the sums of what came now.
    assert look(Reach.NEW, timeframes=(Timeframe.H1,)).candles == 24
    assert look(Reach.NEW, timeframes=(Timeframe.M5,)).candles == 288
    assert look(Reach.NEW).candles == 0


def test_day_is_looked_at_once_more_when_all_can_be_asked_of_it(engine: Engine, look: Look) -> None:
    set_clock(engine, T0 + DAY)
    store_market(engine, [BTC.symbol], [Timeframe.H1], Span(T0, T0 + DAY))
    assert look(Reach.NEW).candles == 24
    set_clock(engine, T0 + DAY + CONFIRMED_WITHIN - timedelta(seconds=1))
    assert look(Reach.NEW).candles == 0
    set_clock(engine, T0 + DAY + CONFIRMED_WITHIN)
    assert [look(Reach.NEW).candles for _ in range(2)] == [24, 0]


def test_database_knows_the_parts_that_are_asked_of(engine: Engine) -> None:
    sql = "SELECT timeframe, parts FROM market.timeframes WHERE parts IS NOT NULL"
    with engine.connect() as connection:
        known = {Timeframe(row[0]): Timeframe(row[1]) for row in connection.execute(text(sql))}
    assert known == PARTS
