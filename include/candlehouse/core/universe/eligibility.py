"""Which pairs are eligible as members of the universe.

The lists of assets are maintained by hand: no API of the exchange says that a coin is pegged
to a currency, wrapped or staked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from candlehouse.core.universe.instruments import Instrument


def _assets(text: str) -> frozenset[str]:
    return frozenset(text.split())


STABLE = _assets(
    "USDT USDC FDUSD TUSD BUSD USDP PAX DAI USDE USDD USD1 PYUSD USDS RLUSD XUSD BFUSD SUSD USTC "
    "UST GUSD LUSD CRVUSD USDL USDR USDG USD0 USDF GHO EURI AEUR EURT EURC XSGD IDRT BIDR BKRW "
    "BVND VAI U"
)
FIAT = _assets(
    "EUR GBP AUD TRY BRL JPY RUB UAH NGN ZAR PLN RON ARS MXN COP CZK KZT IDR VND INR USD CAD CHF "
    "SGD HKD AED SAR KRW"
)
WRAPPED = _assets(
    "WBTC BTCB CBBTC FBTC LBTC SOLVBTC TBTC WETH WBETH BETH STETH WSTETH RETH CBETH EZETH WEETH "
    "OSETH BNSOL JITOSOL MSOL WSOL WBNB ASBNB SLISBNB STKBNB"
)
COMMODITY = _assets("PAXG XAUT XAG KAU KAG")


@dataclass(frozen=True, slots=True)
class PairFacts:
    """The words with which an exchange describes the kind of a pair.

    Attributes:
        spot: permission of the pairs of the spot market.
        leveraged: permission of leveraged tokens.
        leveraged_suffixes: suffixes that leveraged tokens append to the name of another asset.
        stock_tag: tag of tokenised stocks in the product list, in lower case.
    """

    spot: str
    leveraged: str
    leveraged_suffixes: tuple[str, ...]
    stock_tag: str


class Exclusion(Enum):
    """Why a pair is not eligible."""

    OTHER_QUOTE = "other quote asset"
    NOT_TRADING = "not trading"
    NOT_SPOT = "not on the spot market"
    LEVERAGED = "leveraged token"
    STABLE = "stable coin"
    FIAT = "fiat money"
    WRAPPED = "wrapped or staked"
    COMMODITY = "gold or another commodity"
    STOCK = "tokenised stock"


def find_exclusion(
    instrument: Instrument,
    quote_asset: str,
    base_assets: Collection[str],
    tags: Mapping[str, Collection[str]],
    facts: PairFacts,
) -> Exclusion | None:
    """Why the pair may not be a member now; None for an eligible pair.

    Args:
        instrument: the pair.
        quote_asset: the quote asset of all members.
        base_assets: of every pair of the exchange; needed to recognise leveraged tokens.
        tags: of the exchange's product list, by symbol; empty when it cannot be reached.
        facts: the exchange's words.
    """
    kind = find_kind(instrument, quote_asset, base_assets, tags, facts)
    if kind in (Exclusion.OTHER_QUOTE, Exclusion.LEVERAGED):
        return kind
    if not instrument.is_trading:
        return Exclusion.NOT_TRADING
    return kind if is_spot(instrument, facts) else Exclusion.NOT_SPOT


def find_kind(
    instrument: Instrument,
    quote_asset: str,
    base_assets: Collection[str],
    tags: Mapping[str, Collection[str]],
    facts: PairFacts,
) -> Exclusion | None:
    """Why the pair could never be a member, whether it still trades or not; None when it could.

    Args:
        instrument: the pair; of a pair that has ended the exchange reports that it is not spot.
        quote_asset: the quote asset of all members.
        base_assets: as for `find_exclusion`.
        tags: as for `find_exclusion`.
        facts: as for `find_exclusion`.
    """
    if instrument.quote_asset != quote_asset:
        return Exclusion.OTHER_QUOTE
    if is_leveraged(instrument, base_assets, facts):
        return Exclusion.LEVERAGED
    if instrument.permissions and facts.spot not in instrument.permissions:
        return Exclusion.NOT_SPOT
    if facts.stock_tag in {tag.lower() for tag in tags.get(instrument.symbol, ())}:
        return Exclusion.STOCK
    return _find_list(instrument.base_asset)


def is_spot(instrument: Instrument, facts: PairFacts) -> bool:
    """Whether the pair is on the spot market; without permissions a pair counts as a spot pair."""
    named = not instrument.permissions or facts.spot in instrument.permissions
    return instrument.spot_allowed and named


def is_leveraged(instrument: Instrument, base_assets: Collection[str], facts: PairFacts) -> bool:
    """Whether the base asset is a leveraged token of another asset.

    A suffix alone is not enough: JUP and SYRUP end in UP. The permissions decide; without
    permissions the name without its suffix must be an asset itself.
    """
    if instrument.permissions:
        return facts.leveraged in instrument.permissions
    base = instrument.base_asset
    return any(
        base.endswith(suffix) and base.removesuffix(suffix) in base_assets
        for suffix in facts.leveraged_suffixes
    )


def _find_list(base_asset: str) -> Exclusion | None:
    lists = {
        Exclusion.STABLE: STABLE,
        Exclusion.FIAT: FIAT,
        Exclusion.WRAPPED: WRAPPED,
        Exclusion.COMMODITY: COMMODITY,
    }
    return next((why for why, assets in lists.items() if base_asset in assets), None)
