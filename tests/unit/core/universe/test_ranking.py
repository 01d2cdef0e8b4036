from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlehouse.core.universe.instruments import Instrument, Ticker
from candlehouse.core.universe.ranking import (
    Coin,
    Member,
    Product,
    Size,
    rank_members,
    select_members,
    size_by_coins,
    size_by_products,
    size_by_volume,
    split_bundle,
)


def pair(base: str) -> Instrument:
    return Instrument(f"{base}USDT", base, "USDT", "TRADING")


def ticker(price: str, volume: str = "1") -> Ticker:
    return Ticker(Decimal(price), Decimal(0), Decimal(volume))


def coin(asset: str, price: str, market_cap: int) -> Coin:
    return Coin(asset, Decimal(price), Decimal(market_cap))


def ranking(*bases: str) -> list[Member]:
    return [Member(rank, f"{base}USDT", base) for rank, base in enumerate(bases, start=1)]


def symbols(members: tuple[Member, ...] | list[Member]) -> list[str]:
    return [member.base_asset for member in members]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("1000SATS", (1000, "SATS")),
        ("1000000MOG", (1_000_000, "MOG")),
        ("1MBABYDOGE", (1_000_000, "BABYDOGE")),
        ("1INCH", (1, "1INCH")),
        ("BTC", (1, "BTC")),
        ("1000", (1, "1000")),
        ("100X", (1, "100X")),
    ],
)
def test_bundles_are_told_from_names(base: str, expected: tuple[int, str]) -> None:
    assert split_bundle(base) == expected


def test_coin_of_the_same_name_at_another_price_is_not_the_one() -> None:
    coins = [coin("JUP", "0.00061", 10**12), coin("JUP", "1.05", 10**9), coin("JUP", "1.1", 10**8)]

    sizes = size_by_coins([pair("JUP")], {"JUPUSDT": ticker("1.00")}, coins)

    assert sizes == {"JUPUSDT": Size(Decimal(10**9), Decimal(10**9))}


@pytest.mark.parametrize(
    ("price", "fits"), [("119", True), ("81", True), ("120", False), ("80", False)]
)
def test_price_may_be_off_by_less_than_a_fifth(price: str, fits: bool) -> None:
    sizes = size_by_coins([pair("X")], {"XUSDT": ticker("100")}, [coin("X", price, 5)])

    assert bool(sizes) is fits


def test_bundle_is_compared_by_the_price_of_its_coins() -> None:
    coins = [coin("SATS", "0.00000025", 7), coin("1INCH", "0.3", 8)]
    tickers = {"1000SATSUSDT": ticker("0.00026"), "1INCHUSDT": ticker("0.3")}

    sizes = size_by_coins([pair("1000SATS"), pair("1INCH")], tickers, coins)

    assert {symbol: size.value for symbol, size in sizes.items()} == {
        "1000SATSUSDT": 7,
        "1INCHUSDT": 8,
    }


def test_pair_without_price_or_coin_has_no_size() -> None:
    coins = [coin("X", "1", 1)]

    assert size_by_coins([pair("X"), pair("Y")], {"YUSDT": ticker("1")}, coins) == {}
    assert size_by_coins([pair("X")], {"XUSDT": ticker("0")}, coins) == {}


def test_product_list_counts_listed_units() -> None:
    products = {
        "1000SATSUSDT": Product("1000SATSUSDT", Decimal("0.0003"), Decimal(2_100_000_000)),
        "ODDUSDT": Product("ODDUSDT", Decimal(1), None),
    }

    sizes = size_by_products([pair("1000SATS"), pair("ODD"), pair("X")], products)

    assert sizes == {"1000SATSUSDT": Size(Decimal("630000.0000"), Decimal("630000.0000"))}


def test_volume_gives_no_market_capitalisation() -> None:
    sizes = size_by_volume([pair("X"), pair("Y")], {"XUSDT": ticker("1", "9")})

    assert sizes == {"XUSDT": Size(Decimal(9), None)}


def test_pairs_of_unknown_size_rank_last_by_symbol() -> None:
    sizes = {"BUSDT": Size(Decimal(1)), "CUSDT": Size(Decimal(2))}

    ranked = rank_members([pair("Z"), pair("A"), pair("B"), pair("C")], sizes)

    assert symbols(ranked) == ["C", "B", "A", "Z"]
    assert [one.rank for one in ranked] == [1, 2, 3, 4]


def choose(ranked: list[Member], current: set[str], top_n: int = 5) -> list[str]:
    known = {one.symbol for one in ranked}
    return symbols(select_members(ranked, {f"{base}USDT" for base in current}, known, top_n))


def test_first_universe_is_bitcoin_ether_and_the_largest_others() -> None:
    assert choose(ranking("BTC", "A", "B", "ETH", "C", "D"), set(), 3) == [
        "BTC", "A", "B", "ETH", "C",
    ]  # fmt: skip


def test_bitcoin_and_ether_are_in_however_small() -> None:
    assert choose(ranking("A", "B", "C", "ETH", "BTC"), set(), 2) == ["A", "B", "ETH", "BTC"]


def test_member_stays_up_to_a_fifth_beyond_the_last_place() -> None:
    current = {"A", "B", "C", "D", "E"}

    # Five places; the sixth is a fifth beyond, the seventh is too far.
    assert choose(ranking("A", "B", "C", "D", "X", "E"), current) == ["A", "B", "C", "D", "E"]
    assert choose(ranking("A", "B", "C", "D", "X", "Y", "E"), current) == [
        "A", "B", "C", "D", "X",
    ]  # fmt: skip


def test_vacancy_goes_to_the_best_outsider() -> None:
    current = {"A", "B", "C", "D", "GONE"}

    assert choose(ranking("A", "X", "Y", "B", "C", "D"), current) == ["A", "X", "B", "C", "D"]


def test_member_of_unknown_size_has_not_passed_any_rank() -> None:
    ranked = ranking("A", "B", "C", "D", "E", "F", "G", "LOST", "NEW")
    known = {one.symbol for one in ranked} - {"LOSTUSDT", "NEWUSDT"}

    chosen = select_members(ranked, {"LOSTUSDT"}, known, 3)

    assert symbols(chosen) == ["A", "B", "LOST"]


def test_smaller_universe_keeps_its_largest_members() -> None:
    assert choose(ranking("A", "B", "C", "D"), {"A", "B", "C", "D"}, 2) == ["A", "B"]


@given(
    order=st.permutations([f"C{number}" for number in range(30)]),
    current=st.sets(st.sampled_from([f"C{number}" for number in range(35)])),
    top_n=st.integers(1, 40),
)
def test_membership_is_full_and_settled(order: list[str], current: set[str], top_n: int) -> None:
    ranked = ranking("BTC", *order, "ETH")

    chosen = choose(ranked, current, top_n)

    assert len(chosen) == 2 + min(top_n, 30)
    assert len(set(chosen)) == len(chosen)
    # Nothing changes when nothing has changed.
    assert choose(ranked, set(chosen), top_n) == chosen
