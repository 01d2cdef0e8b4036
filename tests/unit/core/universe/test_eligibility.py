from __future__ import annotations

import pytest

from candlehouse.core.universe.eligibility import Exclusion, find_exclusion
from candlehouse.core.universe.instruments import Instrument
from candlehouse.exchange.binance.facts import PAIRS

SPOT = frozenset({"SPOT", "MARGIN"})
BASES = {"BTC", "J", "S", "AAPLB", "JUP"}


def pair(
    base: str,
    quote: str = "USDT",
    status: str = "TRADING",
    permissions: frozenset[str] = SPOT,
    *,
    spot_allowed: bool = True,
) -> Instrument:
    return Instrument(base + quote, base, quote, status, permissions, spot_allowed)


@pytest.mark.parametrize("base", ["BTC", "JUP", "SYRUP", "SUP", "1INCH", "1000SATS", "币安人生"])
def test_ordinary_pairs_are_candidates(base: str) -> None:
    assert find_exclusion(pair(base), "USDT", BASES, {}, PAIRS) is None


@pytest.mark.parametrize(
    ("instrument", "expected"),
    [
        (pair("BTC", "FDUSD"), Exclusion.OTHER_QUOTE),
        (pair("BTC", status="BREAK"), Exclusion.NOT_TRADING),
        (pair("BTC", status="CANCEL_ONLY"), Exclusion.NOT_TRADING),
        (pair("BTC", status="A_WORD_OF_TOMORROW"), Exclusion.NOT_TRADING),
        (pair("BTC", spot_allowed=False), Exclusion.NOT_SPOT),
        (pair("BTC", permissions=frozenset({"MARGIN"})), Exclusion.NOT_SPOT),
        (pair("BTCUP", permissions=frozenset({"LEVERAGED"})), Exclusion.LEVERAGED),
        (pair("BTCDOWN", permissions=frozenset()), Exclusion.LEVERAGED),
        (pair("USDC"), Exclusion.STABLE),
        (pair("EUR"), Exclusion.FIAT),
        (pair("WBTC"), Exclusion.WRAPPED),
        (pair("BNSOL"), Exclusion.WRAPPED),
        (pair("PAXG"), Exclusion.COMMODITY),
    ],
)
def test_what_is_no_coin_of_its_own_is_left_out(
    instrument: Instrument, expected: Exclusion
) -> None:
    assert find_exclusion(instrument, "USDT", BASES, {}, PAIRS) is expected


def test_tokenised_stock_is_known_by_its_tag_alone() -> None:
    assert find_exclusion(pair("AAPLB"), "USDT", BASES, {}, PAIRS) is None

    tags = {"AAPLBUSDT": ["bStocks"], "BTCUSDT": ["Layer1_Layer2"]}

    assert find_exclusion(pair("AAPLB"), "USDT", BASES, tags, PAIRS) is Exclusion.STOCK
    assert find_exclusion(pair("BTC"), "USDT", BASES, tags, PAIRS) is None


def test_exchange_that_says_no_permissions_is_all_spot_and_jup_is_no_token_of_j() -> None:
    silent = frozenset[str]()

    assert (
        find_exclusion(pair("JUP", permissions=silent), "USDT", {"JUP", "BTC"}, {}, PAIRS) is None
    )
