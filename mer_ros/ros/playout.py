"""When each item of a file is due, and the order that follows."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import count

from mer_ros.media.sources import AudioBlock, VideoFrame


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
