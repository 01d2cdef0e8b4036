from __future__ import annotations

import re
from pathlib import Path

from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validating.validation_windows import Outcome, Severity
from candlehouse.validation import docs
from candlehouse.validation.docs import find_pages, write_index, write_run

# What a browser fetches by itself: nothing of it may be on a page.
FETCHED = re.compile(r"<(?:script|link|img|iframe)|@import|url\(|https?://", re.IGNORECASE)
OUTCOMES = [
    Outcome("candles", Timeframe.H1, "low is never negative", Severity.CRITICAL, 24),
    Outcome(
        "candles", Timeframe.M5, "prices are in order", Severity.CRITICAL, 288, 1,
        ({"symbol": "<b>BTC</b>", "low": "0.000000010000000001", "open": None},),
    ),
    Outcome("live", None, "a stream was right", Severity.WARNING, 3, 1),
    Outcome("gaps", None, "gaps add up", Severity.CRITICAL, 3, exception="no such table"),
]  # fmt: skip


def test_page_of_a_run_tells_all_and_fetches_nothing(tmp_path: Path) -> None:
    page = write_run(tmp_path / "new", 7, {"result": "broken"}, OUTCOMES).read_text()
    assert FETCHED.search(page) is None
    assert page.index("Failed expectations") < page.index("low is never negative")
    for told in ("prices are in order", "0.000000010000000001", "no such table", "288"):
        assert told in page
    assert "&lt;b&gt;BTC&lt;/b&gt;" in page
    assert page.count('class="warned">warned') == 2
    assert page.count('class="good">good') == 1


def test_list_of_runs_links_their_pages_and_fetches_nothing(tmp_path: Path) -> None:
    write_index(tmp_path, [{"run": 7, "result": "broken"}, {"run": 6, "result": "good"}])
    page = (tmp_path / "index.html").read_text()
    assert FETCHED.search(page) is None
    assert '<a href="run-7.html">7</a>' in page
    write_index(tmp_path, [])
    assert "None yet." in (tmp_path / "index.html").read_text()


def test_only_the_newest_pages_are_kept(tmp_path: Path) -> None:
    for number in range(1, docs.KEPT + 4):
        write_run(tmp_path, number, {}, [])
    assert find_pages(tmp_path) == list(range(docs.KEPT + 3, 3, -1))
    assert {path.name for path in tmp_path.iterdir()} == {
        f"run-{number}.html" for number in find_pages(tmp_path)
    }
