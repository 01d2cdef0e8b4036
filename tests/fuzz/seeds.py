"""Payloads as the exchange sends them: what cases begin with.

A few are here, in the shape of genuine ones; the folder of real data, where it is beside
the project, adds the exchange's own.
"""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from support.places import SHARED_DATA

DATA = SHARED_DATA
# Stands for a case's own symbol, in its two spellings.
SYMBOL = "SEEDUSDT"

_HOUR = datetime(2024, 1, 1, tzinfo=UTC)
_ROW = (
    '[{opens},"42{n}83.58000000","42954.57000000","41261.02000000","42{n}75.23000000",'
    '"1271.68108000",{closes},"53957248.97378900",47134,"682.57581000","28957416.81964500","0"]'
)
_FRAME = (
    '{{"stream":"{lower}@kline_1m","data":{{"e":"kline","E":{event},"s":"{symbol}","k":{{'
    '"t":1633998480000,"T":1633998539999,"s":"{symbol}","i":"1m","f":19862761,"L":19862790,'
    '"o":"0.35270000","c":"0.35280000","h":"0.35280000","l":"0.35220000","v":"25877.00000000",'
    '"n":30,"x":{closed},"q":"9116.04600000","V":"58.00000000","Q":"20.46240000","B":"0"}}}}}}'
)
_TICKER = (
    '{{"stream":"{lower}@miniTicker","data":{{"e":"24hrMiniTicker","E":1633998523963,"s":"{symbol}",'
    '"c":"0.35280000","o":"0.35270000","h":"0.36000000","l":"0.34000000","v":"25877.00000000",'
    '"q":"9116.04600000"}}}}'
)


@dataclass(frozen=True, slots=True)
class Seed:
    """An answer for a range of a series, or a frame of a stream.

    Attributes:
        span: that was asked for; of a frame it means nothing.
    """

    timeframe: Timeframe
    span: Span
    payload: bytes

    def series(self, symbol: str) -> Series:
        """The series that a case asks for."""
        return Series(symbol, self.timeframe)


def find_pages() -> list[Seed]:
    """Answers of a klines request, some rows each."""
    opens = [int(_HOUR.timestamp() * 1000) + at * 3_600_000 for at in range(6)]
    rows = [_ROW.format(opens=at, closes=at + 3_599_999, n=n) for n, at in enumerate(opens)]
    seeds = [_page(f"[{','.join(rows)}]".encode(), Timeframe.H1)]
    for path in sorted(DATA.glob("finom_rest_klines_1h*/*USDT/1h/*.json"))[::9]:
        rows = [json.dumps(row) for row in json.loads(path.read_text())[:8]]
        seeds.append(_page(f"[{','.join(rows)}]".encode(), Timeframe.H1))
    for path in sorted(DATA.glob("finom_rest_klines_15m*/*USDT/15m/*.json"))[::9]:
        rows = [json.dumps(row) for row in json.loads(path.read_text())[:8]]
        seeds.append(_page(f"[{','.join(rows)}]".encode(), Timeframe.M15))
    return seeds


def find_texts() -> list[Seed]:
    """Texts of published files of a day each."""
    rows = json.loads(find_pages()[0].payload)
    seeds = [_text([",".join(map(str, row)) for row in rows], Timeframe.H1)]
    micro = [[f"{row[0] + 31_622_400_000}000", *row[1:]] for row in rows]
    for row in micro:
        row[6] = f"{row[6] + 31_622_400_000}999"
    seeds.append(_text([",".join(map(str, row)) for row in micro], Timeframe.H1))
    for path in sorted((DATA / "vision_csv").glob("BTCUSDT-1h-*.csv")):
        lines = path.read_text().splitlines()
        seeds += [_text(lines[at : at + 12], Timeframe.H1) for at in range(0, len(lines), 24 * 40)]
    for path in sorted((DATA / "vision_zip_1m").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            lines = archive.read(archive.namelist()[0]).decode().splitlines()
        seeds.append(_text(lines[:20], Timeframe.M1))
    for path in sorted((DATA / "pybinance_csv").glob("*1h*.csv")):
        lines = path.read_text().splitlines()[:12]
        span = _day(datetime(2021, 4, 8, tzinfo=UTC))
        seeds.append(Seed(Timeframe.H1, span, "\n".join(lines).encode()))
    return seeds


def find_frames() -> list[Seed]:
    """Messages of combined streams, most of them of closed candles."""
    lower = SYMBOL.lower()
    span = _day(datetime(2021, 10, 12, tzinfo=UTC))
    texts = [
        _FRAME.format(lower=lower, symbol=SYMBOL, event=1633998540012, closed="true"),
        _FRAME.format(lower=lower, symbol=SYMBOL, event=1633998523963, closed="false"),
        _TICKER.format(lower=lower, symbol=SYMBOL),
        '{"result":null,"id":3}',
        '{"error":{"code":2,"msg":"Invalid request: unknown variant"},"id":4}',
    ]
    for path in sorted((DATA / "ws_recordings").glob("*.ws.*")):
        for line in path.read_text().splitlines()[1:]:
            frame = line.partition(": ")[2]
            if "@kline_" in frame:
                texts += [_own(frame), _closed(_own(frame))]
    return [Seed(Timeframe.M1, span, text.encode()) for text in texts]


def find_answers() -> dict[str, list[bytes]]:
    """Answers of the other requests, by what was asked for."""
    filters = (
        '[{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000.0","tickSize":"0.01"},'
        '{"filterType":"LOT_SIZE","minQty":"0.00001","maxQty":"9000.0","stepSize":"0.00001"},'
        '{"filterType":"NOTIONAL","minNotional":"5.0","applyToMarket":true}]'
    )
    info = (
        '{"timezone":"UTC","serverTime":1704067200000,"rateLimits":[{"rateLimitType":'
        '"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}],"symbols":[{"symbol":'
        '"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT",'
        f'"isSpotTradingAllowed":true,"filters":{filters},"permissionSets":[["SPOT"]]}}]}}'
    )
    ticker = (
        '[{"symbol":"BTCUSDT","lastPrice":"42000.10","volume":"1.5","quoteVolume":"63000.15"},'
        '{"symbol":"ETHUSDT","lastPrice":"2200.10","volume":"3.5","quoteVolume":"7700.35"}]'
    )
    answers = {
        "time": [b'{"serverTime":1704067200000}'],
        "exchangeInfo": [info.encode()],
        "ticker/24hr": [ticker.encode()],
    }
    for path in sorted((DATA / "rest_json").glob("exchangeInfo_*.json")):
        genuine = json.loads(path.read_text())
        genuine["symbols"] = genuine["symbols"][:3]
        answers["exchangeInfo"].append(json.dumps(genuine).encode())
    for path in sorted((DATA / "rest_json").glob("ticker24hr_*.json")):
        answers["ticker/24hr"].append(json.dumps(json.loads(path.read_text())[:3]).encode())
    return answers


def _page(payload: bytes, timeframe: Timeframe) -> Seed:
    rows = json.loads(payload)
    first = datetime.fromtimestamp(rows[0][0] / 1000, UTC)
    last = datetime.fromtimestamp(rows[-1][0] / 1000, UTC)
    return Seed(timeframe, Span(first, timeframe.floor(last) + timeframe.length), payload)


def _text(lines: list[str], timeframe: Timeframe) -> Seed:
    digits = lines[0].partition(",")[0]
    moment = datetime.fromtimestamp(int(digits[:10]), UTC)
    day = _day(moment.replace(hour=0, minute=0, second=0))
    kept = [line for line in lines if int(line[:10]) < day.end.timestamp()]
    return Seed(timeframe, day, "".join(f"{line}\n" for line in kept).encode())


def _day(start: datetime) -> Span:
    return Span(start, start + timedelta(days=1))


def _own(frame: str) -> str:
    name = json.loads(frame)["data"]["s"]
    return frame.replace(name, SYMBOL).replace(name.lower(), SYMBOL.lower())


def _closed(frame: str) -> str:
    ends = json.loads(frame)["data"]["k"]["T"]
    return re.sub(r'"E":\d+', f'"E":{ends + 13}', frame).replace('"x":false', '"x":true')
