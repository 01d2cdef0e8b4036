"""Which symbols the synthetic exchange lists, and the character of each.

Prices, supplies and turnovers are of the right order of magnitude and nothing more; what
matters is the mix: ordinary coins, and every kind of pair that a universe must leave out.
"""

from dataclasses import dataclass
from importlib import resources

from exchange_sim.klines.intervals import iso_ms

COIN, STABLE, FIAT, WRAPPED, GOLD, LEVERAGED, STOCK = (
    "coin",
    "stable",
    "fiat",
    "wrapped",
    "gold",
    "leveraged",
    "stock",
)
_STEADY = frozenset({STABLE, FIAT})


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """One market of the synthetic exchange; a row of ``symbols.csv``.

    Attributes:
        kind: one of the constants of this module; only ``coin`` belongs into a universe.
        coin_id: CoinGecko's id, empty where CoinGecko would not list it.
        base_ticks: typical price, in ticks of ``10**-price_decimals``.
        lots_a_minute: typical volume, in lots of ``10**-lot_decimals``.
        activity: share of minutes with trades, in 1024ths.
        supply: circulating units, None where Binance's product list has null.
        listed_ms, delisted_ms: half-open life of the market; delisted_ms may be None.
        status: status while it lives; BREAK outside its life.
    """

    symbol: str
    base: str
    quote: str
    kind: str
    coin_id: str
    name: str
    base_ticks: int
    price_decimals: int
    lot_decimals: int
    lots_a_minute: int
    activity: int
    supply: int | None
    listed_ms: int
    delisted_ms: int | None
    status: str

    @property
    def wobble(self) -> int:
        """How much the price moves, 256 being an ordinary coin."""
        return 1 if self.kind in _STEADY else 96 if self.kind == GOLD else 256

    @property
    def lots_a_trade(self) -> int:
        """Typical size of a trade in lots, at least 2."""
        # About 1200 trades in a typical minute of the busiest markets.
        return max(2, self.lots_a_minute // 1200)

    @property
    def permission(self) -> str:
        """The first name in its permission set."""
        return "LEVERAGED" if self.kind == LEVERAGED else "SPOT"


def _scaled(text: str, decimals: int) -> int:
    whole, _, part = text.partition(".")
    if len(part) > decimals:
        raise ValueError(f"{text} has more than {decimals} decimals")
    return int(whole + part.ljust(decimals, "0"))


def _parse(line: str) -> SymbolSpec:
    (symbol, quote, kind, coin_id, name, price, price_decimals, lot_decimals, turnover, activity,
     supply, listed, delisted, status) = (field.strip() for field in line.split(","))  # fmt: skip
    tick_places, lot_places = int(price_decimals), int(lot_decimals)
    ticks = _scaled(price, tick_places)
    # turnover is in thousands of the quote asset a day.
    lots = int(turnover) * 1000 * 10 ** (tick_places + lot_places) // (1440 * ticks)
    return SymbolSpec(
        symbol=symbol,
        base=symbol.removesuffix(quote),
        quote=quote,
        kind=kind,
        coin_id=coin_id,
        name=name,
        base_ticks=ticks,
        price_decimals=tick_places,
        lot_decimals=lot_places,
        lots_a_minute=max(8, lots),
        activity=int(activity),
        supply=int(supply) if supply else None,
        listed_ms=iso_ms(listed),
        delisted_ms=iso_ms(delisted) if delisted else None,
        status=status or "TRADING",
    )


def load_specs() -> tuple[SymbolSpec, ...]:
    """Return every symbol of the synthetic exchange in the order of its table."""
    text = resources.files("exchange_sim.market").joinpath("symbols.csv").read_text("utf-8")
    lines = (line for line in text.splitlines()[1:] if line and not line.startswith("#"))
    return tuple(_parse(line) for line in lines)
