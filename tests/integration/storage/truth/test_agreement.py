"""What analysts are told of where candles came from and how far the sources agree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.fetching.store import store_pages
from candlehouse.storage.database.engine import connect
from candlehouse.storage.truth.agreement import next_run
from candlehouse.storage.upkeep.retention import drop_before
from documents.markdown_reading import read_blocks
from support.exchanges.divided import change
from support.exchanges.model_exchange import ModelExchange
from support.places import PROJECT
from support.warehouses import warehouse_of

ROOT = PROJECT
T0 = datetime(2024, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = T0 + timedelta(days=9)
BTC = Series("BTCUSDT", Timeframe.H1)
EXCHANGE = ModelExchange(NOW, {"BTCUSDT": T0})
DAY = Span(T0, T0 + timedelta(days=1))


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def say(
    engine: Engine,
    source: Source,
    *,
    other: tuple[int, ...] = (),
    without: tuple[int, ...] = (),
    version: int = 0,
    span: Span = DAY,
    compare: bool = True,
    confirm: bool = True,
) -> None:
    """Stores hours as a source says them: some with another volume, some not at all."""
    lines = []
    for slot in EXCHANGE.slots(BTC, span):
        hour = (slot - T0) // HOUR
        line = EXCHANGE.row(BTC, slot)
        if hour not in without:
            lines.append(change(line, 6, version) if hour in other else line)
    page = CheckedPage(BTC, span, source, CandleRows("".join(lines)))
    run = None
    if compare:
        with engine.begin() as connection:
            run = next_run(connection)
    store_pages(warehouse_of(engine), [page], NOW, HOUR, confirming=confirm, run=run)


def read(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def agreement(engine: Engine) -> list[tuple[object, ...]]:
    return read(
        engine,
        "SELECT stored_source, source, compared, differing, held_only, agreement_percent::float"
        " FROM market.agreement ORDER BY 1, 2",
    )


def provenance(engine: Engine, *hours: int) -> list[tuple[object, ...]]:
    rows = read(
        engine,
        "SELECT source, confirmed_by, corrections, refused, lacking FROM"
        " market.provenance('BTCUSDT', '1h', '2024-03-01', '2024-03-02')",
    )
    assert len(rows) == 24
    return [rows[hour] for hour in hours]


def test_agreement_counts_what_was_corrected_under_the_source_that_it_had(engine: Engine) -> None:
    say(engine, Source.STREAM, compare=False, confirm=False)
    # The stream's own comparison, which keeps no figures, has corrected one already.
    say(engine, Source.REST, other=(3,), compare=False, span=Span(T0, T0 + 12 * HOUR))
    say(engine, Source.REST, other=(3, 15, 16), without=(20,))
    assert agreement(engine) == [
        ("rest", "rest", 1, 0, 0, 100.0),
        ("stream", "rest", 23, 3, 1, 86.9565),
    ]
    # Once more, now that REST has the last word.
    say(engine, Source.REST, other=(3, 15, 16), without=(20,))
    assert agreement(engine)[1] == ("stream", "rest", 23, 3, 1, 86.9565)
    say(engine, Source.ARCHIVE, other=(3, 5, 20), version=1)
    say(engine, Source.REST, other=(3, 15, 16), without=(20,))
    found = agreement(engine)
    # All of REST's three are otherwise in the file, and of the stream's the hours 5 and 20.
    assert ("rest", "archive", 3, 3, 0, 0.0) in found
    assert ("stream", "archive", 21, 2, 0, 90.4761) in found
    # What REST says against the file's candles stands.
    assert ("archive", "rest", 4, 4, 1, 0.0) in found


def test_agreement_takes_the_run_that_saw_most_of_a_day(engine: Engine) -> None:
    say(engine, Source.REST, compare=False)
    say(engine, Source.ARCHIVE)
    say(engine, Source.ARCHIVE, span=Span(T0, T0 + 2 * HOUR))
    assert agreement(engine) == [("rest", "archive", 24, 0, 0, 100.0)]


def test_days_that_nobody_reconciled_have_no_agreement(engine: Engine) -> None:
    say(engine, Source.STREAM, compare=False)
    say(engine, Source.REST, other=(3,), compare=False)
    assert agreement(engine) == []


def test_provenance_says_who_brought_confirmed_corrected_and_lacks_a_candle(
    engine: Engine,
) -> None:
    say(engine, Source.STREAM, compare=False, confirm=False)
    say(engine, Source.REST, other=(3, 4), without=(5,))
    say(engine, Source.ARCHIVE, other=(4, 6), version=1)
    say(engine, Source.REST, other=(3, 4), without=(5,))
    at = "2024-03-10T00:00:00+00:00"
    plain, twice, both, lone, late = provenance(engine, 0, 3, 4, 5, 6)
    assert plain == ("stream", {"rest": at, "archive": at}, 0, [], None)
    # REST changed it, the file changed it back: what REST says is refused.
    assert twice[:3] == ("archive", {}, 2)
    assert both[:3] == ("archive", {}, 2)
    assert late[:3] == ("archive", {}, 1)
    for row in (twice, both, late):
        refused = row[3]
        assert isinstance(refused, list)
        assert [one["source"] for one in refused] == ["rest"]
    assert lone == ("stream", {"archive": at}, 0, [], ["rest"])


def test_what_was_refused_once_and_is_equal_now_is_confirmed(engine: Engine) -> None:
    say(engine, Source.ARCHIVE, compare=False)
    say(engine, Source.REST, other=(3,))
    assert provenance(engine, 3)[0][1] == {}
    say(engine, Source.ARCHIVE, other=(3,))
    say(engine, Source.REST, other=(3,))
    source, confirmed_by, corrections, refused, _ = provenance(engine, 3)[0]
    assert (source, corrections, refused) == ("archive", 1, [])
    assert confirmed_by == {"rest": "2024-03-10T00:00:00+00:00"}


def test_a_candle_that_a_source_has_after_all_is_no_longer_lacking(engine: Engine) -> None:
    say(engine, Source.REST, compare=False)
    say(engine, Source.ARCHIVE, without=(3, 7))
    unmatched = "SELECT open_time, source FROM market.unmatched_candles ORDER BY 1"
    assert read(engine, unmatched) == [(T0 + 3 * HOUR, "archive"), (T0 + 7 * HOUR, "archive")]
    # Of what is not asked for nothing new is known.
    say(engine, Source.ARCHIVE, span=Span(T0, T0 + 5 * HOUR))
    assert read(engine, unmatched) == [(T0 + 7 * HOUR, "archive")]


def test_what_is_dropped_is_lacking_nowhere(engine: Engine) -> None:
    say(engine, Source.REST, compare=False)
    say(engine, Source.ARCHIVE, without=(3,))
    drop_before(engine, BTC.timeframe, T0 + timedelta(days=400))
    count = read(engine, "SELECT count(*) FROM market.candles")
    assert read(engine, "SELECT count(*) FROM market.unmatched_candles") == (
        [(0,)] if count == [(0,)] else [(1,)]
    )


def test_provenance_reads_one_partition_of_one_timeframe(engine: Engine) -> None:
    say(engine, Source.REST, compare=False)
    plan = "\n".join(
        str(line)
        for (line,) in read(
            engine,
            "EXPLAIN SELECT * FROM market.provenance('BTCUSDT', '1h', '2024-03-01', '2024-03-02')",
        )
    )
    assert "candles_5m" not in plan
    assert "candles_1h_2023" not in plan
    assert len(re.findall(r"Scan.* on (?:candles_|_hyper)", plan)) <= 2, plan


def test_every_query_of_the_guide_runs_for_an_analyst(analyst_url: str) -> None:
    page = (ROOT / "docs/how-to/queries.md").read_text()
    blocks = [block.text for block in read_blocks(page) if block.language == "sql"]
    queries = [query.strip() for block in blocks for query in block.split(";") if query.strip()]
    assert sum("FROM provenance(" in query for query in queries) == 1
    engine = connect(analyst_url)
    with engine.connect() as connection:
        for query in queries:
            connection.exec_driver_sql(query).all()
    engine.dispose()
