"""What waits to be written: forming candles coalesce, closed ones never do."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.live.candle_updates import CandleUpdate, candle_channel
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import UNDATED_MS, BadMessage
from candlehouse.core.model import Series
from candlehouse.pipelines.live.writing import buffer, candle_buffer
from candlehouse.pipelines.live.writing.buffer import Batcher
from support.data.batches import closed_of, forming_of, make_batcher, prices_of
from support.data.updates import BTC, ETH, START_MS, make_price, make_update


class Heard:
    """What a batcher tells."""

    def __init__(self) -> None:
        self.closed: list[CandleUpdate] = []
        self.flowing: list[Channel] = []
        self.silent: list[Channel] = []

    def make_batcher(self) -> Batcher:
        return make_batcher(self.closed.append, self.flowing.extend, self.silent.extend)


def test_updates_of_one_candle_coalesce_to_the_newest() -> None:
    batcher = make_batcher()
    updates = [make_update(event_ms=START_MS + at) for at in (1000, 3000, 5000)]
    for update in updates:
        batcher.take(update)

    taken = batcher.take_batch()
    assert forming_of(taken) == [updates[-1]]
    assert closed_of(taken) == []
    assert taken.events_ms == [START_MS + at for at in (1000, 3000, 5000)]
    assert batcher.counters.coalesced == 2
    assert batcher.take_batch().is_empty


def test_closed_candles_never_coalesce() -> None:
    heard = Heard()
    batcher = heard.make_batcher()
    updates = [make_update(slot=slot, closed=True) for slot in range(5)]
    for update in updates:
        batcher.take(update)

    taken = batcher.take_batch()
    assert closed_of(taken) == updates == heard.closed
    assert forming_of(taken) == [updates[-1]]


def test_late_and_double_messages_say_nothing_new() -> None:
    batcher = make_batcher()
    close = make_update(closed=True)
    batcher.take(make_update(event_ms=START_MS + 3000))
    batcher.take(close)
    batcher.take_batch()
    for stale in (
        close,
        make_update(event_ms=START_MS + 3000),
        # Dated after the close of the candle, and still its update.
        make_update(event_ms=close.event_ms + 50),
    ):
        batcher.take(stale)

    assert batcher.take_batch().is_empty
    assert batcher.counters.stale == 3
    assert batcher.counters.validated == 5


def test_close_that_the_next_candle_has_overtaken_is_written_but_not_shown() -> None:
    batcher = make_batcher()
    newer = make_update(slot=1)
    close = make_update(slot=0, closed=True)
    batcher.take(newer)
    batcher.take(close)

    taken = batcher.take_batch()
    assert closed_of(taken) == [close]
    assert forming_of(taken) == [newer]


def test_close_with_other_values_is_news() -> None:
    batcher = make_batcher()
    first = make_update(closed=True)
    second = make_update(closed=True, close="42001.00000000", event_ms=first.event_ms + 10)
    batcher.take(first)
    batcher.take(second)

    assert closed_of(batcher.take_batch()) == [first, second]


def test_put_back_candles_come_before_newer_ones() -> None:
    batcher = make_batcher()
    first, second = (make_update(slot=slot, closed=True) for slot in (0, 1))
    batcher.take(first)
    taken = batcher.take_batch()
    batcher.take(second)
    batcher.put_back({"candles": closed_of(taken)})

    assert closed_of(batcher.take_batch()) == [first, second]


def test_newest_price_of_each_symbol_is_kept() -> None:
    batcher = make_batcher()
    newer = make_price(event_ms=START_MS + 1)
    other = make_price("ETHUSDT")
    for price in (newer, make_price(), other):
        batcher.take(price)

    assert prices_of(batcher.take_batch()) == [newer, other]
    assert batcher.counters.stale == 1


def test_flood_of_bad_messages_is_counted_and_kept_in_part() -> None:
    batcher = make_batcher()
    for number in range(buffer.MOST_BAD + 50):
        batcher.take_bad(BadMessage(str(number), "not_json", None))

    assert len(batcher.take_batch().bad) == buffer.MOST_BAD
    assert batcher.counters.errors == buffer.MOST_BAD + 50
    assert batcher.counters.received == buffer.MOST_BAD + 50
    assert batcher.counters.validated == 0


def test_message_from_the_future_keeps_nothing_out() -> None:
    batcher = make_batcher()
    now_ms = time.time_ns() // 1_000_000
    batcher.clock_offset_ms = START_MS - now_ms
    years_later = START_MS + 10**11
    batcher.take(make_update(event_ms=years_later))
    batcher.take(make_price(event_ms=years_later))
    assert batcher.clock_ms == 0

    update, price = make_update(), make_price()
    batcher.take(update)
    batcher.take(price)

    taken = batcher.take_batch()
    assert (forming_of(taken), prices_of(taken)) == ([update], [price])
    assert [(bad.rule, bad.series) for bad in taken.bad] == [
        ("event_in_future", BTC),
        ("event_in_future", None),
    ]
    assert (batcher.counters.received, batcher.counters.validated) == (4, 2)


def test_candle_of_long_ago_is_none_that_is_live() -> None:
    batcher = make_batcher()
    batcher.clock_offset_ms = START_MS + 10**11 - time.time_ns() // 1_000_000
    batcher.take(make_update(closed=True))
    batcher.take(make_price())

    taken = batcher.take_batch()
    assert (closed_of(taken), forming_of(taken), prices_of(taken)) == ([], [], [])
    assert [(bad.rule, bad.series) for bad in taken.bad] == [
        ("event_in_past", BTC),
        ("event_in_past", None),
    ]


def test_first_candle_of_all_times_is_compared_with_the_clock_too() -> None:
    batcher = make_batcher()
    batcher.clock_offset_ms = START_MS - time.time_ns() // 1_000_000
    batcher.take(make_update()._replace(open_ms=0, event_ms=60_012))

    assert [bad.rule for bad in batcher.take_batch().bad] == ["event_in_past"]


def test_message_without_a_time_is_taken_and_moves_no_clock() -> None:
    batcher = make_batcher()
    batcher.clock_offset_ms = START_MS - time.time_ns() // 1_000_000
    batcher.take(make_price(event_ms=UNDATED_MS))
    assert batcher.clock_ms == 0
    batcher.take(make_update())
    clock_ms = batcher.clock_ms
    newer = make_price(event_ms=UNDATED_MS)._replace(price="1")
    batcher.take(newer)

    assert batcher.clock_ms == clock_ms
    assert prices_of(batcher.take_batch()) == [newer]
    assert (batcher.counters.errors, batcher.counters.stale) == (0, 0)


def test_message_after_a_long_silence_is_no_message_from_the_future() -> None:
    batcher = make_batcher()
    batcher.clock_offset_ms = START_MS + 10**10 - time.time_ns() // 1_000_000
    batcher.take(make_update())
    later = make_update(slot=10**10 // 60_000)
    batcher.take(later)

    assert forming_of(batcher.take_batch()) == [later]


def test_forgotten_series_are_not_written_as_they_form() -> None:
    batcher = make_batcher()
    close = make_update(closed=True)
    batcher.take(close)
    batcher.take(make_update(ETH))
    batcher.forget([candle_channel(BTC), candle_channel(ETH)])

    taken = batcher.take_batch()
    assert (closed_of(taken), forming_of(taken)) == ([close], [])


def test_room_is_given_when_the_batch_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candle_buffer, "MOST_CLOSED", 3)

    async def fill_and_take() -> None:
        batcher = make_batcher()
        for slot in range(3):
            await asyncio.wait_for(batcher.room(), 5)
            batcher.take(make_update(slot=slot, closed=True))
        waiting = asyncio.create_task(batcher.room())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        batcher.take_batch()
        await asyncio.wait_for(waiting, 5)

    asyncio.run(fill_and_take())


def test_waiting_ends_with_the_first_message() -> None:
    async def wait_and_bring() -> None:
        batcher = make_batcher()
        waiting = asyncio.create_task(batcher.wait())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        batcher.take(make_update())
        await asyncio.wait_for(waiting, 5)

    asyncio.run(wait_and_bring())


@given(
    st.lists(
        st.tuples(
            st.sampled_from([BTC, ETH]), st.integers(0, 4), st.booleans(), st.integers(0, 70_000)
        ),
        max_size=40,
    ),
    st.sets(st.integers(0, 39)),
)
def test_whatever_the_order_every_close_is_taken_once(
    messages: Sequence[tuple[Series, int, bool, int]], takings: set[int]
) -> None:
    batcher = make_batcher()
    closes: list[CandleUpdate] = []
    newest: dict[Series, CandleUpdate] = {}

    def take() -> None:
        taken = batcher.take_batch()
        closes.extend(closed_of(taken))
        for update in forming_of(taken):
            before = newest.get(update.series)
            assert before is None or (before.open_ms, before.event_ms) < update[1:3]
            newest[update.series] = update

    for at, (series, slot, closed, delay_ms) in enumerate(messages):
        event_ms = START_MS + slot * 60_000 + delay_ms
        batcher.take(make_update(series, slot, closed=closed, event_ms=event_ms))
        if at in takings:
            take()
    take()

    expected = {(series, slot) for series, slot, closed, _ in messages if closed}
    assert {(u.series, (u.open_ms - START_MS) // 60_000) for u in closes} == expected
    assert len(closes) == len(expected)
    total = batcher.counters
    assert total.received == len(messages)
