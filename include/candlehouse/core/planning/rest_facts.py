"""What a REST API is like, as far as plans and limits depend on it."""

from __future__ import annotations

from dataclasses import dataclass

# The part of the limit that estimates reckon with.
_USUAL_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class RestFacts:
    """The REST API of an exchange. Weights are the exchange's request weight.

    Attributes:
        page_slots: candles per page, at most.
        page_weight: of one page, however many candles it has.
        pairs_weight: of the list of all pairs.
        usual_limit: weight per minute that the exchange is known to allow; for estimates.
        assumed_limit: weight per minute to go by until the exchange has said its limit.
        ping_path: with a leading slash; answers with 200 and weighs next to nothing.
    """

    page_slots: int
    page_weight: int
    pairs_weight: int
    usual_limit: int
    assumed_limit: int
    ping_path: str

    @property
    def usual_weight_per_s(self) -> float:
        """Weight per second that all processes together may use, unless it is known."""
        return self.usual_limit * _USUAL_SHARE / 60
