"""Chooses the collected pairs: ranking by size, and membership with hysteresis."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from candlehouse.core.universe.instruments import Instrument, Ticker

ALWAYS_IN = ("BTC", "ETH")
# A member stays until its rank passes this many times the number of members.
HYSTERESIS = Fraction(6, 5)
# A coin whose price differs by more than this fraction is another coin of the same name.
PRICE_TOLERANCE = Decimal("0.2")

# 1000SATS and 1MBABYDOGE are bundles of a thousand and a million; 1INCH is a name.
_BUNDLE = re.compile(r"(10{3,}|1M)(?=[A-Z])(.{2,})")


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin as described by a source of market capitalisations, in US dollars.

    Attributes:
        asset: its ticker in upper case; several coins may share a ticker.
    """

    asset: str
    price_usd: Decimal
    market_cap_usd: Decimal


@dataclass(frozen=True, slots=True)
class Product:
    """A pair of the exchange's own product list.

    Attributes:
        price: of the listed unit, in the quote asset.
        supply: in listed units, None when unknown.
        tags: as the exchange writes them.
    """

    symbol: str
    price: Decimal
    supply: Decimal | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A pair of the universe.

    Attributes:
        rank: by size among all pairs that might be members, from 1; members have no
            common rank, but ranks in between may belong to pairs that are not members.
        market_cap_usd: None when the ranking is by something else.
    """

    rank: int
    symbol: str
    base_asset: str
    market_cap_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """What a pair is ranked by, larger first.

    Attributes:
        market_cap_usd: None when the ranking is by volume.
    """

    value: Decimal
    market_cap_usd: Decimal | None = None


def split_bundle(base_asset: str) -> tuple[int, str]:
    """How many coins a listed unit is, and of which asset: (1000, "SATS") for 1000SATS."""
    match = _BUNDLE.fullmatch(base_asset)
    if match is None:
        return 1, base_asset
    return (1_000_000 if match[1] == "1M" else int(match[1])), match[2]


def size_by_coins(
    instruments: Iterable[Instrument], tickers: Mapping[str, Ticker], coins: Iterable[Coin]
) -> dict[str, Size]:
    """Market capitalisation by symbol, of pairs whose price agrees with their coin's.

    Tickers of coins are not unique: among coins of the same name the largest whose price fits the
    exchange's price is used.
    """
    by_asset: dict[str, list[Coin]] = {}
    for coin in coins:
        by_asset.setdefault(coin.asset, []).append(coin)
    sizes: dict[str, Size] = {}
    for instrument in instruments:
        ticker = tickers.get(instrument.symbol)
        if ticker is None:
            continue
        units, asset = split_bundle(instrument.base_asset)
        fitting = [
            coin.market_cap_usd
            for name, count in {instrument.base_asset: 1, asset: units}.items()
            for coin in by_asset.get(name, ())
            if _prices_agree(coin.price_usd * count, ticker.last_price)
        ]
        if fitting:
            sizes[instrument.symbol] = Size(max(fitting), max(fitting))
    return sizes


def size_by_products(
    instruments: Iterable[Instrument], products: Mapping[str, Product]
) -> dict[str, Size]:
    """Price times supply by symbol; both are per listed unit, so bundles need no conversion."""
    sizes: dict[str, Size] = {}
    for instrument in instruments:
        product = products.get(instrument.symbol)
        if product is not None and product.supply:
            market_cap = product.price * product.supply
            sizes[instrument.symbol] = Size(market_cap, market_cap)
    return sizes


def size_by_volume(
    instruments: Iterable[Instrument], tickers: Mapping[str, Ticker]
) -> dict[str, Size]:
    """Volume of the last 24 hours in the quote asset by symbol."""
    return {
        instrument.symbol: Size(tickers[instrument.symbol].quote_volume)
        for instrument in instruments
        if instrument.symbol in tickers
    }


def rank_members(instruments: Iterable[Instrument], sizes: Mapping[str, Size]) -> list[Member]:
    """Every pair by size, the largest first; pairs of unknown size last, by symbol."""

    def order(instrument: Instrument) -> tuple[bool, Decimal, str]:
        size = sizes.get(instrument.symbol)
        return size is None, Decimal(0) if size is None else -size.value, instrument.symbol

    ranked = sorted(instruments, key=order)
    return [
        Member(rank, one.symbol, one.base_asset, _market_cap(sizes.get(one.symbol)))
        for rank, one in enumerate(ranked, start=1)
    ]


def select_members(
    ranked: Sequence[Member], current: Collection[str], known: Collection[str], top_n: int
) -> tuple[Member, ...]:
    """Chooses the members: BTC, ETH and `top_n` others.

    Args:
        ranked: every candidate by rank.
        current: symbols of the present members.
        known: symbols whose rank is known. A member of unknown rank stays; an outsider of
            unknown rank is not added.
        top_n: number of members besides those that are always in.

    Returns:
        Members by rank.
    """
    always = [one for one in ranked if one.base_asset in ALWAYS_IN]
    others = [one for one in ranked if one.base_asset not in ALWAYS_IN]
    last_place = int(top_n * HYSTERESIS)
    staying = [
        one
        for place, one in enumerate(others, start=1)
        if one.symbol in current and (place <= last_place or one.symbol not in known)
    ][:top_n]
    outsiders = [one for one in others if one.symbol in known and one not in staying]
    chosen = [*always, *staying, *outsiders[: top_n - len(staying)]]
    return tuple(sorted(chosen, key=lambda one: one.rank))


def _market_cap(size: Size | None) -> Decimal | None:
    return None if size is None else size.market_cap_usd


def _prices_agree(one: Decimal, other: Decimal) -> bool:
    return other > 0 and abs(one / other - 1) < PRICE_TOLERANCE
