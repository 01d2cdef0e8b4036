"""Published files: damaged texts in sound zips, damaged zips, and zips that are traps."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from sqlalchemy import Engine

from candlehouse.core.errors import CandlehouseError
from candlehouse.core.model import Span
from candlehouse.core.planning.published_files import ArchiveFile, FileAnswer, Tree
from candlehouse.core.timeframe import to_ms
from candlehouse.exchange.binance.archive.source import unpack
from candlehouse.pipelines.fetching.file_storing import store_answers
from fuzz.judging import Case, find_wrong, last_quarantined, select_candles, select_quarantined
from fuzz.mutation import NUMBERS, mutate
from fuzz.oracle import Judgement, judge_text
from fuzz.seeds import Seed, find_texts
from support.exchanges.model_archive import ModelArchive, zipped
from support.exchanges.model_exchange import ModelExchange
from support.warehouses import warehouse_of

_GRACE = timedelta(minutes=10)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_MOST_BYTES = 200_000
# Files of one transaction: one that spoils it has each of them written apart.
_TOGETHER = 8
_SEEDS = find_texts()
_TEXTS = [seed.payload for seed in _SEEDS]
_ARCHIVE = ModelArchive(ModelExchange(_NOW, {}))

_items = st.one_of(
    st.sampled_from(NUMBERS), st.decimals(0, 10**9, places=8).map(str), st.text(max_size=5)
)
_price = st.sampled_from(("1", "1.00000000", "2.5", "3", "0.00000001", "NaN", "-1", "1."))
_amount = st.sampled_from(("0", "1.5", "1.50", "7", "1e3", ""))
_time = st.integers(0, 7).map(lambda n: str(1_704_067_200_000 + 1_800_000 * n))
_line = st.tuples(
    _time, _price, st.just("3"), st.just("0"), _price, _amount, _time, _amount,
    st.sampled_from(("0", "5", "-1", "9" * 18, "9" * 19)), _amount, _amount, st.just("0"),
).map(",".join)  # fmt: skip
TEXTS = st.tuples(
    st.lists(
        st.one_of(_line, _line, _line, st.lists(_items, max_size=13).map(",".join)), max_size=5
    ),
    st.sampled_from(("\n", "\n", "\r\n", "\r")),
).map(lambda drawn: drawn[1].join(drawn[0]))


@dataclass(frozen=True, slots=True)
class Zip:
    """A case, and the file that it is for.

    Attributes:
        span: that is wanted of the file.
        data: the zip.
        text: that it must be taken for if it is not refused; None of what must be.
        before: the text of the file when it was loaded earlier, empty when it was not.
    """

    case: Case
    file: ArchiveFile
    span: Span
    data: bytes
    text: bytes | None
    checksum: str = ""
    before: bytes = b""


def make_case(seed: int, index: int) -> Zip:
    """A file that is not quite as it was published."""
    rng = random.Random(f"{seed} archive {index}")
    genuine = rng.choice(_SEEDS)
    text = genuine.payload
    way = rng.random()
    if 0.03 < way < 0.75:
        text = mutate(rng, text, _TEXTS)
    zip_ = _pack(f"archive {index}", f"A{index}USDT", genuine, text, part=rng.random() < 0.1)
    if way < 0.75:
        # Some files that were published as they must be are published anew.
        again = rng.random() < 0.2 and _is_clean(genuine)
        return replace(zip_, before=genuine.payload) if again else zip_
    if way < 0.90:
        damaged = mutate(rng, zip_.data, [zip_.data])
        return _replaced(zip_, damaged, text)
    if way < 0.93:
        return Zip(zip_.case, zip_.file, zip_.span, zip_.data, None, "0" * 64)
    return _replaced(zip_, _trap(rng, zip_.file, text), None)


def _is_clean(genuine: Seed) -> bool:
    length_ms = genuine.timeframe.length_ms
    span = genuine.span
    found = judge_text(genuine.payload, length_ms, to_ms(span.start), to_ms(span.end))
    return found.refused == 0


def shaped(index: int, text: bytes) -> Zip:
    """A file whose text hypothesis drew."""
    return _pack(f"archive shape {index}", f"AS{index}USDT", _SEEDS[0], text, part=False)


def _pack(name: str, symbol: str, genuine: Seed, text: bytes, *, part: bool) -> Zip:
    file = ArchiveFile(genuine.series(symbol), Tree.DAILY, genuine.span.start)
    half = Span(genuine.span.start, genuine.span.start + timedelta(hours=4))
    case = Case(name, symbol, text, genuine.timeframe)
    return _replaced(
        Zip(case, file, half if part else genuine.span, b"", text), zipped(file, text), text
    )


def _replaced(zip_: Zip, data: bytes, text: bytes | None) -> Zip:
    checksum = hashlib.sha256(data).hexdigest()
    return Zip(zip_.case, zip_.file, zip_.span, data, text, checksum)


def _trap(rng: random.Random, file: ArchiveFile, text: bytes) -> bytes:
    """Something under a right checksum that must not be taken for the file."""
    name = f"{file.stem}.csv"
    sound = bytearray(zipped(file, text))
    entry = sound.index(b"PK\x01\x02")
    way = rng.randrange(8)
    if way == 0:
        return gzip.compress(text)
    if way == 1:
        return _members((name, text), ("other.csv", text))
    if way == 2:
        return _members((f"../{name}", text))
    if way == 3:
        # A hundredfold of what any file has.
        return zipped(file, b"0" * (100 * _MOST_BYTES))
    if way == 4:
        # A bomb that says that it is small.
        bomb = bytearray(zipped(file, b"0" * (100 * _MOST_BYTES)))
        entry = bomb.index(b"PK\x01\x02")
        bomb[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
        return bytes(bomb)
    if way == 5:
        sound[entry + 16] ^= 0xFF
    elif way == 6:
        sound[entry + 24 : entry + 28] = (_MOST_BYTES + 1).to_bytes(4, "little")
    else:
        sound[entry + 8] |= 1
    return bytes(sound)


def _members(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return out.getvalue()


def run(engine: Engine, zips: Sequence[Zip]) -> list[str]:
    """Unpacks and stores the cases, some files a transaction; a line for each wrong one."""
    wrong = _load_before(engine, zips)
    after = last_quarantined(engine)
    answers: list[FileAnswer] = []
    judged: dict[str, Judgement | None] = {}
    for zip_ in zips:
        judged[zip_.case.symbol] = _judge_before(zip_)
        try:
            answer = unpack(zip_.file, zip_.span, zip_.data, zip_.checksum, _MOST_BYTES)
        except CandlehouseError:
            # A damaged zip may be refused; a sound one with any text in it may not.
            if is_sound(zip_):
                wrong.append(f"{zip_.case.name}: refused, and it is sound")
            continue
        except Exception as error:
            wrong.append(f"{zip_.case.name}: {type(error).__name__}: {str(error)[:200]}")
            continue
        if zip_.text is None:
            wrong.append(f"{zip_.case.name}: taken, and it is a trap")
            continue
        answers.append(answer)
        judged[zip_.case.symbol] = _judge(zip_, zip_.text)
    for at in range(0, len(answers), _TOGETHER):
        together = answers[at : at + _TOGETHER]
        # Loading them again must change nothing.
        for _ in range(1 + (at % (3 * _TOGETHER) == 0)):
            wrong += _store(engine, together)
    cases = [zip_.case for zip_ in zips]
    stored = select_candles(engine, cases)
    return wrong + find_wrong(cases, judged, stored, select_quarantined(engine, after))


def is_sound(zip_: Zip) -> bool:
    """Whether it is a zip as it is published, whatever its text."""
    text = zip_.text
    return text is not None and len(text) <= _MOST_BYTES and zip_.data == zipped(zip_.file, text)


def _load_before(engine: Engine, zips: Sequence[Zip]) -> list[str]:
    answers = []
    for zip_ in zips:
        if zip_.before:
            data = zipped(zip_.file, zip_.before)
            checksum = hashlib.sha256(data).hexdigest()
            answers.append(unpack(zip_.file, zip_.file.span, data, checksum, _MOST_BYTES))
    return _store(engine, answers) if answers else []


def _judge_before(zip_: Zip) -> Judgement:
    """What was stored of the file earlier; nothing was refused of it."""
    span = zip_.file.span
    length_ms = zip_.case.timeframe.length_ms
    return judge_text(zip_.before, length_ms, to_ms(span.start), to_ms(span.end))


def _judge(zip_: Zip, text: bytes) -> Judgement:
    start_ms, end_ms = to_ms(zip_.span.start), to_ms(zip_.span.end)
    length_ms = zip_.case.timeframe.length_ms
    found = judge_text(text, length_ms, start_ms, end_ms, whole=zip_.span == zip_.file.span)
    earlier = _judge_before(zip_)
    # What is stored with equal values stays as it is, to the number of its zeros.
    changed = {at: one for at, one in found.candles.items() if earlier.candles.get(at) != one}
    return replace(found, candles={**earlier.candles, **changed})


def _store(engine: Engine, answers: Sequence[FileAnswer]) -> list[str]:
    try:
        store_answers(warehouse_of(engine), _ARCHIVE, answers, _NOW, _GRACE)
    except Exception as error:
        if len(answers) == 1:
            text = " ".join(str(error).split())[:300]
            return [f"{answers[0].file.stem}: {type(error).__name__}: {text}"]
        # To know which of them it was.
        return [line for answer in answers for line in _store(engine, [answer])]
    return []
