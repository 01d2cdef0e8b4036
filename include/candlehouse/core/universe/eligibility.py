"""Which pairs may be members of the universe at all.

The lists of assets are kept by hand: nothing on the exchange's wire says that a coin
is a dollar in disguise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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

# As it stands in the exchange's product list.
_STOCK_TAG = "bstocks"
_LEVERAGED = "LEVERAGED"
_SPOT = "SPOT"
_LEVERAGED_SUFFIXES = ("UP", "DOWN", "BULL", "BEAR")


class Exclusion(Enum):
    """Why a pair is no candidate."""

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
) -> Exclusion | None:
    """Why the pair may not be a member, None when it may.

    Args:
        instrument: the pair.
        quote_asset: that members have.
        base_assets: of every pair of the exchange; shows what a leveraged token is of.
        tags: of the exchange's product list by symbol; empty when it is out of reach.
    """
    kind = find_kind(instrument, quote_asset, base_assets, tags)
    if kind in (Exclusion.OTHER_QUOTE, Exclusion.LEVERAGED):
        return kind
    if not instrument.is_trading:
        return Exclusion.NOT_TRADING
    return kind if is_spot(instrument) else Exclusion.NOT_SPOT


def find_kind(
    instrument: Instrument,
    quote_asset: str,
    base_assets: Collection[str],
    tags: Mapping[str, Collection[str]],
) -> Exclusion | None:
    """Why the pair may never have been a member, whether it still trades or not.

    Args:
        instrument: the pair; of one that has ended the exchange says that it is not spot.
        quote_asset: that members have.
        base_assets: as for `find_exclusion`.
        tags: likewise.
    """
    if instrument.quote_asset != quote_asset:
        return Exclusion.OTHER_QUOTE
    if is_leveraged(instrument, base_assets):
        return Exclusion.LEVERAGED
    if instrument.permissions and _SPOT not in instrument.permissions:
        return Exclusion.NOT_SPOT
    if _STOCK_TAG in {tag.lower() for tag in tags.get(instrument.symbol, ())}:
        return Exclusion.STOCK
    return _find_list(instrument.base_asset)


def is_spot(instrument: Instrument) -> bool:
    """Whether the pair is on the spot market, which an exchange that doesn't say is all of."""
    named = not instrument.permissions or _SPOT in instrument.permissions
    return instrument.spot_allowed and named


def is_leveraged(instrument: Instrument, base_assets: Collection[str]) -> bool:
    """Whether the base asset is a leveraged token of another one.

    A suffix alone says nothing: JUP and SYRUP end in UP. It takes the exchange's word,
    or, where it has none, what is left without the suffix being an asset itself.
    """
    if instrument.permissions:
        return _LEVERAGED in instrument.permissions
    base = instrument.base_asset
    return any(
        base.endswith(suffix) and base.removesuffix(suffix) in base_assets
        for suffix in _LEVERAGED_SUFFIXES
    )


def _find_list(base_asset: str) -> Exclusion | None:
    lists = {
        Exclusion.STABLE: STABLE,
        Exclusion.FIAT: FIAT,
        Exclusion.WRAPPED: WRAPPED,
        Exclusion.COMMODITY: COMMODITY,
    }
    return next((why for why, assets in lists.items() if base_asset in assets), None)
