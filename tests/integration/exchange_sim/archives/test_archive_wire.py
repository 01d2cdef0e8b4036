"""The archive tree and the bucket's listing over the wire."""

import hashlib
import io
import zipfile
from typing import Any
from xml.etree import ElementTree as Tree

from exchange_sim.klines.intervals import iso_ms
from exchange_sim.market.synthetic import SyntheticMarket

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
MONTHLY = "data/spot/monthly/klines/ONDOUSDT/1h/"


def texts(body: bytes, path: str) -> list[str]:
    named = "/".join(S3 + part for part in path.split("/"))
    return [node.text or "" for node in Tree.fromstring(body).iterfind(named)]


def listed(get: Any, **query: Any) -> list[str]:
    body = get("/data.binance.vision", **query).body
    return texts(body, "Contents/Key") + texts(body, "CommonPrefixes/Prefix")


def test_a_month_holds_the_truth_and_matches_its_checksum(get: Any) -> None:
    path = f"/{MONTHLY}ONDOUSDT-1h-2025-03.zip"
    data = get(path).body
    line = get(path + ".CHECKSUM").body.decode()
    assert line == f"{hashlib.sha256(data).hexdigest()}  ONDOUSDT-1h-2025-03.zip\n"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["ONDOUSDT-1h-2025-03.csv"]
        rows = archive.read("ONDOUSDT-1h-2025-03.csv").decode().splitlines()
    truth = SyntheticMarket(42).candles(
        "ONDOUSDT", "1h", iso_ms("2025-03-01"), iso_ms("2025-04-01")
    )
    assert len(rows) == len(truth)
    # Listed at 09:30: the first hour begins at nine.
    assert rows[0].startswith(f"{iso_ms('2025-03-14T09:00') * 1000},{truth[0].open},")


def test_files_appear_with_the_clock(exchange: Any, get: Any) -> None:
    day = "/data/spot/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2026-05-20.zip"
    month = "/data/spot/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2026-05.zip"
    assert get(day).status == get(month).status == 404
    exchange.set_clock("2026-05-21T05:00:00")
    assert (get(day).status, get(month).status) == (200, 404)
    exchange.set_clock("2026-06-01T08:00:00")
    assert get(month).status == 200


def test_what_never_was_is_404(get: Any) -> None:
    for path in (
        f"/{MONTHLY}ONDOUSDT-1h-2025-02.zip",
        "/data/spot/monthly/klines/MATICUSDT/1h/MATICUSDT-1h-2024-10.zip",
        "/data/spot/monthly/klines/NOSUCH/1h/NOSUCH-1h-2024-10.zip",
        "/data/spot/monthly/klines/BTCUSDT/1s/BTCUSDT-1s-2024-10.zip",
        "/data/nothing/here",
    ):
        reply = get(path)
        assert (reply.status, b"NoSuchKey" in reply.body) == (404, True)


def test_a_folder_lists_files_with_their_checksums(get: Any) -> None:
    keys = listed(get, prefix=MONTHLY, delimiter="/")
    assert keys[0] == f"{MONTHLY}ONDOUSDT-1h-2025-03.zip"
    assert keys[1] == keys[0] + ".CHECKSUM"
    assert keys[-1] == f"{MONTHLY}ONDOUSDT-1h-2026-04.zip.CHECKSUM"
    assert all(get(f"/{key}").status == 200 for key in keys[-4:])


def test_folders_are_listed_as_prefixes(get: Any) -> None:
    assert listed(get, prefix="data/", delimiter="/") == ["data/spot/"]
    trees = ["data/spot/daily/", "data/spot/monthly/"]
    assert listed(get, prefix="data/spot/", delimiter="/") == trees
    symbols = listed(get, prefix="data/spot/monthly/klines/", delimiter="/")
    assert "data/spot/monthly/klines/BTCUSDT/" in symbols
    intervals = listed(get, prefix="data/spot/daily/klines/BTCUSDT/", delimiter="/")
    assert "data/spot/daily/klines/BTCUSDT/1m/" in intervals
    assert not any(name.endswith(("1w/", "1mo/")) for name in intervals)


def test_long_folders_come_in_pages_by_marker(get: Any) -> None:
    prefix = "data/spot/daily/klines/BTCUSDT/1d/"
    found: list[str] = []
    marker = ""
    while True:
        body = get("/data.binance.vision", prefix=prefix, delimiter="/", marker=marker).body
        page = texts(body, "Contents/Key")
        assert len(page) <= 1000
        found += page
        if texts(body, "IsTruncated") == ["false"]:
            break
        (marker,) = texts(body, "NextMarker")
        assert marker == page[-1]
    assert found == sorted(set(found))
    assert len(found) > 5000
    assert found[0].endswith("2017-08-17.zip")
    assert found[-1].endswith("2026-05-19.zip.CHECKSUM")
