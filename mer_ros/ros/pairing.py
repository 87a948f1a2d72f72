"""Pairs face and audio results by their stamps, and tells how well they go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from message_filters import ApproximateTimeSynchronizer, SimpleFilter

from mer_ros.msg import EmotionArray
from mer_ros.ros.conversions import from_time
from mer_ros.ros.counters import Quantiles, Rate


class Pairing:
    """An approximate time synchroniser that survives what a looped bag does to its queues.

    Its callback runs inside the synchroniser's lock, which an exception would leave locked: it
    only counts.
    """

    def __init__(self, streams: Sequence[str], queue_size: int, slop_s: float) -> None:
        """Start with nothing to pair.

        Args:
            streams: names of the two, as :meth:`add` is given them.
            queue_size: results of each that wait for their pair.
            slop_s: stamps of a pair differ by less.
        """
        self._inputs = {stream: SimpleFilter() for stream in streams}
        self._synchroniser = ApproximateTimeSynchronizer(
            fs=list(self._inputs.values()), queue_size=queue_size, slop=slop_s
        )
        self._synchroniser.registerCallback(self._paired)
        self.pairs = Rate()
        self._offsets = Quantiles()

    def add(self, stream: str, message: EmotionArray) -> None:
        """Take in a stream's next message, of a stamp that is not negative."""
        self._inputs[stream].signalMessage(message)

    def clear(self) -> None:
        """Forget what waits: after a jump back in time its later stamps would never match."""
        with self._synchroniser.lock:
            for queue in self._synchroniser.queues:
                queue.clear()

    def figures(self) -> Mapping[str, object]:
        """Return how many pairs there were and how far apart their stamps are."""
        p50, p95 = self._offsets.p50_p95()
        return {
            'pairs': self.pairs.count,
            'pairs_hz': self.pairs.hz(),
            'pair_offset_p50_ms': p50 * 1e3,
            'pair_offset_p95_ms': p95 * 1e3,
        }

    def _paired(self, face: Any, audio: Any) -> None:
        self.pairs.tick()
        apart_ns = from_time(face.header.stamp) - from_time(audio.header.stamp)
        self._offsets.add(abs(apart_ns) * 1e-9)


class BackwardWatch:
    """Clears a pairing before a stamp that goes back gets into its queues."""

    def __init__(self, jumped: Callable[[], None]) -> None:
        """Call ``jumped`` when a stream's stamps go back."""
        self._jumped = jumped
        self._newest_ns: dict[str, int] = {}

    def see(self, stream: str, message: EmotionArray) -> None:
        """Look at the stamp of a stream's next message."""
        stamp_ns = from_time(message.header.stamp)
        newest_ns = self._newest_ns.get(stream)
        if newest_ns is not None and stamp_ns < newest_ns:
            self._newest_ns.clear()
            self._jumped()
        self._newest_ns[stream] = stamp_ns
