"""When each item of a file is due, the order that follows, and what its stamps count from."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import count

from mer_ros.media.sources import AudioBlock, VideoFrame

CLOCK_SET_NS = 250_000_000
"""The system's clock does not come this far from the steady one unless somebody sets it."""


class Beginning:
    """When a film began by the system's clock.

    Args:
        now_ns: that clock's time.
        follows: whether the beginning moves when that clock is set, as stamps of a camera do. Not
            where the film's own /clock is what counts, or where it plays at another speed.
    """

    def __init__(self, now_ns: int, follows: bool) -> None:
        self._start_ns = now_ns
        self._follows = follows

    def start_ns(self, now_ns: int, elapsed_s: float) -> int:
        """Return what stamps count from.

        Args:
            now_ns: time of the system's clock.
            elapsed_s: time of the steady clock since the beginning.
        """
        off_ns = now_ns - self._start_ns - round(elapsed_s * 1e9)
        if self._follows and abs(off_ns) > CLOCK_SET_NS:
            self._start_ns += off_ns
        return self._start_ns


def due_s(item: VideoFrame | AudioBlock) -> float:
    """Return when a device would give it: a picture at its stamp, sound after its last sample."""
    if isinstance(item, AudioBlock):
        return item.stamp_s + len(item.samples) / item.rate
    return item.stamp_s


def in_due_order(
    items: Iterable[VideoFrame | AudioBlock],
) -> Iterator[tuple[float, VideoFrame | AudioBlock]]:
    """Yield (due_s, item) in the order in which they are due.

    Args:
        items: in the order of their stamps.
    """
    number = count()
    waiting: list[tuple[float, int, VideoFrame | AudioBlock]] = []
    for item in items:
        heapq.heappush(waiting, (due_s(item), next(number), item))
        # Nothing that comes later can be due before the stamp of the newest item.
        while waiting and waiting[0][0] <= item.stamp_s:
            due, _, first = heapq.heappop(waiting)
            yield due, first
    while waiting:
        due, _, first = heapq.heappop(waiting)
        yield due, first
