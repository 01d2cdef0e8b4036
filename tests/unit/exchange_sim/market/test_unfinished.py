"""Sums up to an instant, kept from minute to minute."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange_sim.klines.intervals import MINUTE_MS, iso_ms, slot_start
from exchange_sim.market.fold import add
from exchange_sim.market.forming import part_of_minute
from exchange_sim.market.series import Series
from exchange_sim.market.spec import load_specs
from exchange_sim.market.unfinished import Unfinished

SPECS = {spec.symbol: spec for spec in load_specs()}
START = iso_ms("2025-06-18T13:50:00")
SERIES = Series(8)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ETHUSDT", "LINKUSDT"]),
        st.sampled_from([0, 1, 30_000, MINUTE_MS, 5 * MINUTE_MS, -MINUTE_MS]),
        st.sampled_from(["1m", "5m", "1h", "1d"]),
    ),
    max_size=40,
)


@given(steps=STEPS)
@settings(deadline=None, max_examples=50)
def test_a_kept_sum_is_the_sum_made_anew_whatever_way_the_clock_goes(
    steps: list[tuple[str, int, str]],
) -> None:
    kept, now = Unfinished(SERIES), START
    for symbol, step, interval in steps:
        now += step
        spec, start = SPECS[symbol], slot_start(interval, now)
        minute = now // MINUTE_MS * MINUTE_MS
        whole = SERIES.minute(spec, minute)
        part = None if whole is None else part_of_minute(whole, now - minute)
        assert kept.total(spec, start, now) == add(SERIES.total(spec, start, minute), part)
        assert kept.has_row(spec, now) == (whole is not None)
