"""What a consumer of committed live data has to have."""

from __future__ import annotations

from typing import Any, Protocol

from candlehouse.pipelines.live.writing.batches import Part


class Consumer(Protocol):
    """Processes committed updates, for example by publishing them.

    Both methods are called in one thread that belongs to the consumer alone, so that they may
    wait as long as they like. Writing goes on meanwhile, and a consumer that is too slow loses
    the oldest updates that wait for it. Work that needs much of a processor belongs into a
    process of its own, because threads of one process share it.
    """

    @property
    def name(self) -> str:
        """Names it in the log."""

    def committed(self, part: Part[Any]) -> None:
        """Updates of one kind were committed, in one transaction for the durable ones.

        Nothing comes that was not committed, and the updates of a channel come in the order
        in which they were committed. They may come again: another session that takes over
        writes what it remembers of its predecessor's last minutes, as does a replay.

        Args:
            part: not to be changed, because others are given it too.

        Raises:
            Exception: the updates are lost to this consumer; the next ones come all the same.
        """

    def close(self) -> None:
        """Nothing more comes."""
