"""Which candles should have closed by now and were not seen to."""

from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.live.closes import Closes
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe

MINUTE = 60_000
GRACE = 5_000
BTC = Series("BTCUSDT", Timeframe.M1)
ETH = Series("ETHUSDT", Timeframe.M1)


def make_closes() -> Closes:
    closes = Closes(GRACE)
    closes.expect(BTC, 0)
    return closes


def test_close_is_overdue_only_after_its_grace() -> None:
    closes = make_closes()

    assert closes.find_overdue(MINUTE + GRACE - 1) == []
    assert closes.find_overdue(MINUTE + GRACE) == [BTC]


def test_close_that_was_seen_is_not_overdue() -> None:
    closes = make_closes()
    closes.saw(BTC, 0)

    assert closes.find_overdue(MINUTE + GRACE) == []
    assert closes.find_overdue(2 * MINUTE + GRACE) == [BTC]


def test_close_that_was_left_out_is_overdue_though_later_ones_were_seen() -> None:
    closes = make_closes()
    closes.saw(BTC, MINUTE)
    closes.saw(BTC, 2 * MINUTE)

    assert closes.next_ms(BTC) == 0
    assert closes.find_overdue(MINUTE + GRACE) == [BTC]
    closes.saw(BTC, 0)
    assert closes.next_ms(BTC) == 3 * MINUTE


def test_what_was_answered_for_is_no_longer_expected() -> None:
    closes = make_closes()
    closes.saw(BTC, 3 * MINUTE)
    closes.answered(BTC, 3 * MINUTE)

    assert closes.next_ms(BTC) == 4 * MINUTE


def test_answer_about_what_is_known_changes_nothing() -> None:
    closes = make_closes()
    closes.saw(BTC, 0)
    closes.answered(BTC, 0)

    assert closes.next_ms(BTC) == MINUTE


def test_overdue_is_said_again_after_growing_pauses() -> None:
    closes = make_closes()
    begin = MINUTE + GRACE
    said = [at for at in range(begin, begin + 40_000, 1000) if closes.find_overdue(at)]

    assert said == [begin, begin + 5_000, begin + 15_000, begin + 35_000]


def test_news_make_the_pauses_short_again() -> None:
    closes = make_closes()
    closes.find_overdue(MINUTE + GRACE)
    closes.saw(BTC, 0)

    assert closes.find_overdue(2 * MINUTE + GRACE) == [BTC]


def test_series_that_nobody_expects_are_never_overdue() -> None:
    closes = make_closes()
    closes.saw(ETH, 0)
    closes.answered(ETH, MINUTE)
    closes.forget([BTC])

    assert closes.find_overdue(10**12) == []
    assert closes.next_ms(BTC) is None


@given(st.permutations(range(12)))
def test_all_closes_in_any_order_account_for_all(order: list[int]) -> None:
    closes = make_closes()
    for slot in order:
        closes.saw(BTC, slot * MINUTE)

    assert closes.next_ms(BTC) == 12 * MINUTE
