"""Archive files that are sound zips with wrong rows, and their checksums."""

import hashlib
import http.client
import io
import zipfile
from decimal import Decimal
from typing import Any

import pytest

from exchange_sim.klines.intervals import iso_ms

FOLDER = "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-"
ZIP = FOLDER + "2026-01-05.zip"
NEXT = FOLDER + "2026-01-06.zip"
OLD = FOLDER + "2024-01-05.zip"
KINDS = ("half_file", "other_row", "header", "bad_row", "double_row", "outside_row")


def lines(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        (name,) = archive.namelist()
        return archive.read(name).decode().splitlines()


def sums_agree(get: Any, path: str) -> bool:
    digest = hashlib.sha256(get(path).body).hexdigest()
    return bool(get(path + ".CHECKSUM").body.decode().split()[0] == digest)


def spoilt(exchange: Any, get: Any, path: str = ZIP, **fault: Any) -> tuple[list[str], list[str]]:
    """Return a file's rows without and with a fault."""
    true = lines(get(path).body)
    exchange.set_faults(fault)
    return true, lines(get(path).body)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("checksum_first", [True, False])
def test_a_wrong_file_fits_its_checksum_until_the_right_one_comes(
    exchange: Any, get: Any, kind: str, checksum_first: bool
) -> None:
    true = get(ZIP)
    (number,) = exchange.set_faults({"kind": kind, "count": 1})
    if checksum_first:
        assert hashlib.sha256(true.body).hexdigest() not in get(ZIP + ".CHECKSUM").body.decode()
    wrong = get(ZIP)
    assert wrong.body != true.body
    assert wrong.headers["etag"] != true.headers["etag"]
    # As often as anybody asks, and the one file that counts is spent.
    assert get(ZIP).body == wrong.body
    assert sums_agree(get, ZIP)
    assert sums_agree(get, NEXT)
    rule = exchange.stats()["faults"][0]
    assert (rule["id"], rule["fired"]) == (number, 1)
    part = get(ZIP, headers={"Range": "bytes=0-", "If-Range": true.headers["etag"]})
    assert (part.status, part.body) == (200, wrong.body)
    exchange.clear()
    assert get(ZIP).body == true.body
    assert sums_agree(get, ZIP)


def test_half_a_file_ends_at_noon(exchange: Any, get: Any) -> None:
    true, wrong = spoilt(exchange, get, kind="half_file")
    assert (len(true), wrong) == (24, true[:12])


def test_a_header_comes_before_the_true_rows(exchange: Any, get: Any) -> None:
    true, wrong = spoilt(exchange, get, kind="header")
    assert wrong[1:] == true
    assert wrong[0] == (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
        "taker_buy_volume,taker_buy_quote_volume,ignore"
    )


def assert_one_more_trade(row: str, true: str) -> None:
    got, want = row.split(","), true.split(",")
    assert Decimal(got[5]) == Decimal(want[5]) + 1
    assert Decimal(got[7]) == Decimal(want[7]) + Decimal(want[4])
    assert int(got[8]) == int(want[8]) + 1
    assert all(got[i] == want[i] for i in (0, 1, 2, 3, 4, 6, 9, 10, 11))


@pytest.mark.parametrize("path", [ZIP, OLD])
def test_other_rows_are_the_middle_one_or_those_of_a_range(
    exchange: Any, get: Any, path: str
) -> None:
    day = iso_ms(path[-14:-4])
    hour = 3_600_000
    true, wrong = spoilt(exchange, get, path, kind="other_row")
    assert [at for at in range(24) if wrong[at] != true[at]] == [12]
    assert_one_more_trade(wrong[12], true[12])
    exchange.clear()
    bounds = {"from_ms": day + 3 * hour, "to_ms": day + 5 * hour}
    _, wrong = spoilt(exchange, get, path, kind="other_row", **bounds)
    assert [at for at in range(24) if wrong[at] != true[at]] == [3, 4]


def test_bad_rows_come_in_three_variants(exchange: Any, get: Any) -> None:
    true = lines(get(ZIP).body)
    want = true[12].split(",")
    for variant, bad in (
        ("short", want[:8]),
        ("text", [*want[:2], "NaN", *want[3:]]),
        ("negative", [*want[:2], f"-{want[2]}", *want[3:]]),
    ):
        exchange.set_faults({"kind": "bad_row", "variant": variant})
        assert lines(get(ZIP).body) == [*true[:12], ",".join(bad), *true[13:]]
        exchange.clear()


def test_of_a_row_that_stands_twice_the_last_is_true(exchange: Any, get: Any) -> None:
    true, wrong = spoilt(exchange, get, kind="double_row")
    assert wrong[:12] + wrong[13:] == true
    assert_one_more_trade(wrong[12], true[12])


@pytest.mark.parametrize(("path", "unit"), [(ZIP, 1000), (OLD, 1)])
def test_an_outside_row_is_of_the_next_day(exchange: Any, get: Any, path: str, unit: int) -> None:
    true, wrong = spoilt(exchange, get, path, kind="outside_row")
    assert wrong[:-1] == true
    row, last = wrong[-1].split(","), true[-1].split(",")
    opened = iso_ms(path[-14:-4]) + 86_400_000
    assert (int(row[0]), int(row[6])) == (opened * unit, (opened + 3_600_000) * unit - 1)
    assert row[1:6] + row[7:] == last[1:6] + last[7:]


def test_a_rule_is_for_a_tree_a_symbol_an_interval_or_a_range(exchange: Any, get: Any) -> None:
    true = get(ZIP).body
    for other in (
        {"path": "/data/spot/monthly/*"},
        {"symbol": "ETHUSDT"},
        {"interval": "5m"},
        {"from_ms": iso_ms("2026-01-06")},
        {"to_ms": iso_ms("2026-01-05")},
    ):
        exchange.set_faults({"kind": "half_file", **other})
    assert get(ZIP).body == true
    assert [rule["matched"] for rule in exchange.stats()["faults"]] == [0] * 5
    own = {"path": "*/daily/*.zip", "symbol": "BTC*", "interval": "1h"}
    exchange.set_faults({"kind": "half_file", **own})
    assert get(ZIP).body != true
    assert sums_agree(get, ZIP)


def test_months_are_named_as_the_exchange_names_them(exchange: Any, get: Any) -> None:
    path = "/data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2025-12.zip"
    exchange.set_faults({"kind": "missing", "interval": "1M", "symbol": "BTCUSDT", "count": 1})
    assert [get(path).status, get(path).status] == [404, 200]


def test_a_file_that_is_not_there_is_not_counted(exchange: Any, get: Any) -> None:
    exchange.set_faults({"kind": "header", "count": 1})
    assert get(FOLDER + "2026-05-20.zip").status == 404
    assert lines(get(ZIP).body)[0].startswith("open_time")


def test_a_wrong_file_can_be_cut_on_its_way(exchange: Any, get: Any) -> None:
    exchange.set_faults({"kind": "half_file"}, {"kind": "cut", "count": 1})
    with pytest.raises(http.client.IncompleteRead) as cut:
        get(ZIP)
    got = cut.value.partial
    rest = get(ZIP, headers={"Range": f"bytes={len(got)}-"})
    assert rest.status == 206
    assert len(lines(got + rest.body)) == 12


def test_a_rule_for_checksums_alone_is_refused(exchange: Any) -> None:
    with pytest.raises(ValueError, match="name the zip"):
        exchange.set_faults({"kind": "half_file", "path": "/data/*.zip.CHECKSUM"})
