"""Exact decimals as Binance writes them: fixed point, eight places."""

PLACES = 8


def fixed8(value: int, decimals: int) -> str:
    """Return ``value * 10**-decimals`` with exactly eight decimals, never in E notation.

    Args:
        value: a whole number of units of ``10**-decimals``; may be negative.
        decimals: at most eight.
    """
    scaled = abs(value) * 10 ** (PLACES - decimals)
    sign = "-" if value < 0 else ""
    return f"{sign}{scaled // 10**PLACES}.{scaled % 10**PLACES:08d}"


def ratio8(numerator: int, denominator: int, places: int = PLACES) -> str:
    """Return a quotient rounded down to ``places`` decimals, as text; zero over zero is zero."""
    if denominator == 0:
        return f"{0:.{places}f}"
    sign = "-" if (numerator < 0) != (denominator < 0) and numerator else ""
    scaled = abs(numerator) * 10**places // abs(denominator)
    return f"{sign}{scaled // 10**places}.{scaled % 10**places:0{places}d}"
