"""Facts about a REST API on which plans and limits depend."""

from __future__ import annotations

from dataclasses import dataclass

# The fraction of the limit that estimates assume to be usable.
_USUAL_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class RestFacts:
    """The REST API of an exchange. Weights are the exchange's request weight.

    Attributes:
        page_slots: highest number of candles per page.
        page_weight: of one page, independent of its number of candles.
        pairs_weight: of the list of all pairs.
        usual_limit: weight per minute that the exchange is known to allow; for estimates.
        assumed_limit: weight per minute to use until the exchange has reported its limit.
        ping_path: of a request with next to no weight that answers 200; has a leading slash.
    """

    page_slots: int
    page_weight: int
    pairs_weight: int
    usual_limit: int
    assumed_limit: int
    ping_path: str

    @property
    def usual_weight_per_s(self) -> float:
        """Weight per second that all processes together may use, for estimates."""
        return self.usual_limit * _USUAL_SHARE / 60
