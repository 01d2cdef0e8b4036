"""Which requests a fault befalls, and what it makes of a page."""

import json
from typing import Any

import pytest

from exchange_sim.faults.fault_rules import KINDS, Fault, FaultError, parse_faults
from exchange_sim.faults.faultbook import FaultBook
from exchange_sim.faults.payload_faults import changed, changed_rows, chosen_rows

KLINES = "/api/v3/klines"
ROW = [0, "10.0", "12.0", "9.0", "11.0", "5.00000001", 59, "55.0", 7, "2.0", "22.0", "0"]


def page(count: int) -> list[list[Any]]:
    return [[index * 60, *ROW[1:]] for index in range(count)]


def test_a_rule_counts_skips_and_then_is_spent() -> None:
    book = FaultBook()
    book.add([Fault("500", skip=1, count=2)])
    hits = [book.pick(KLINES, "BTCUSDT", "1h") is not None for _ in range(5)]
    assert hits == [False, True, True, False, False]
    assert book.listing()[0]["fired"] == 2


def test_a_rule_names_path_symbol_and_interval() -> None:
    book = FaultBook()
    book.add([Fault("500", path="/api/v3/*", symbol="BTC*", interval="1h")])
    assert book.pick(KLINES, "ETHUSDT", "1h") is None
    assert book.pick(KLINES, "BTCUSDT", "5m") is None
    assert book.pick("/coingecko/api/v3/coins/markets", "BTCUSDT", "1h") is None
    assert book.pick(KLINES, "BTCUSDT", "1h") is not None


def test_probability_is_drawn_from_the_seed() -> None:
    def draw(seed: int) -> list[bool]:
        book = FaultBook()
        book.add([Fault("500", probability=0.3, seed=seed)])
        return [book.pick(KLINES, "", "") is not None for _ in range(400)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert 80 < sum(draw(1)) < 160


def test_kinds_befall_only_what_they_can_change() -> None:
    book = FaultBook()
    book.add([Fault("bad_checksum", path="*"), Fault("hole")])
    zip_path = "/data/spot/daily/klines/A/1h/A-1h-2024-01-01.zip"
    assert book.pick(zip_path, "A", "1h") is None
    assert book.pick(zip_path + ".CHECKSUM", "A", "1h") is not None
    assert book.pick("/api/v3/time", "", "") is None


def test_rules_are_removed_one_by_one_or_all() -> None:
    book = FaultBook()
    first, _ = book.add([Fault("500"), Fault("503")])
    assert book.remove(first) == 1
    fault = book.pick("/", "", "")
    assert fault is not None
    assert fault.kind == "503"
    assert (book.remove(), len(book)) == (1, 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "truncated"),
        ('{"kind":"nonsense"}', "unknown kind"),
        ('{"kind":"500","count":0}', "not positive"),
        ('{"kind":"500","probability":2}', "between 0 and 1"),
        ('{"kind":"500","skip":-1}', "not be negative"),
        ('{"kind":"part","rows":-1}', "not be negative"),
        ('{"kind":"hole","rows":1}', "not hole"),
        ('{"kind":"malformed_row","variant":"x"}', "unknown variant"),
        ('{"kind":"cap","rows":0}', "0 rows changes nothing"),
        ('{"kind":"cap","variant":"short"}', "unknown variant"),
        ('{"kind":"500","colour":"red"}', "colour"),
        ('{"kind":500}', "str"),
        ('{"kind":"500","wait_in":"date"}', "500 does not state its wait"),
        ('{"kind":"429","wait_in":"body"}', "in seconds, date, nothing"),
    ],
)
def test_a_badly_described_fault_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(FaultError, match=reason):
        parse_faults(text)


def test_every_kind_can_be_described() -> None:
    assert len(parse_faults(json.dumps([{"kind": kind} for kind in KINDS]))) == len(KINDS)


@pytest.mark.parametrize(
    ("fault", "slots"),
    [
        (Fault("cap", rows=3), [0, 1, 2]),
        (Fault("cap", rows=3, variant="newest"), [2, 3, 4]),
        (Fault("cap", rows=9), [0, 1, 2, 3, 4]),
        (Fault("skip", rows=2), [2, 3, 4]),
        (Fault("skip", rows=9), [4]),
        (Fault("repeat", rows=2), [0, 0, 1, 1, 2, 3, 4]),
    ],
)
def test_pages_of_true_rows_that_were_not_asked_for(fault: Fault, slots: list[int]) -> None:
    rows = chosen_rows(fault, page(5))
    assert [row[0] // 60 for row in rows] == slots
    assert chosen_rows(fault, []) == []


def test_holes_take_a_third_or_the_range_named() -> None:
    assert len(changed_rows(Fault("hole"), page(9))) == 6
    left = changed_rows(Fault("hole", from_ms=60, to_ms=180), page(9))
    assert [row[0] for row in left] == [0, *range(180, 540, 60)]


def test_a_stale_row_keeps_the_invariants_and_is_the_last() -> None:
    rows = changed_rows(Fault("stale"), page(3))
    assert rows[:2] == page(3)[:2]
    assert rows[2][4] == "10.0"
    assert rows[2][5] == "2.50000000"
    assert rows[2][8] == 3


def test_malformed_rows_are_short_or_have_no_number() -> None:
    assert len(changed_rows(Fault("malformed_row"), page(2))[1]) == 8
    assert changed_rows(Fault("malformed_row", variant="text"), page(2))[1][2] == "NaN"
    assert changed_rows(Fault("malformed_row", variant="negative"), page(2))[1][2] == "-12.0"


def test_a_spoilt_checksum_differs_and_stays_well_formed() -> None:
    line = b"0" * 64 + b"  A.zip\n"
    spoilt = changed(Fault("bad_checksum"), line)
    assert spoilt != line
    assert len(spoilt) == len(line)
    assert changed(Fault("bad_checksum"), spoilt) == line


def test_a_part_of_a_list_is_its_first_entries() -> None:
    coins = json.dumps([1, 2, 3, 4, 5, 6]).encode()
    assert changed(Fault("part"), coins) == b"[1,2]"
    assert changed(Fault("part", rows=4), coins) == b"[1,2,3,4]"
    info = json.dumps({"rateLimits": [1, 2], "symbols": [1, 2, 3]}).encode()
    assert json.loads(changed(Fault("part", rows=1), info)) == {
        "rateLimits": [1, 2],
        "symbols": [1],
    }
    assert changed(Fault("part", rows=1), b'{"symbol":"A"}') == b'{"symbol":"A"}'
