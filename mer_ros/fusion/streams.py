"""Bookkeeping of one input stream by its stamps: what is new, told twice, late, or a new start."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum

REPEAT_NS = 1_000_000_000
"""A stamp within this span before the newest one is told twice or late, and no new start."""

PERIODS = 5
"""Intervals of which the shortest is the period: one that skipped a result is no longer period."""

LEAST_PERIOD_NS = 20_000_000
"""Results closer together are no period: a window that begins anew ends next to the one before."""


class Arrival(Enum):
    """What a stamp means for its stream."""

    NEW = 'new'
    REPEATED = 'repeated'
    LATE = 'late'
    JUMPED_BACK = 'jumped back'


class Stream:
    """First, newest and recent stamps of one input, and its period."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.first_ns: int | None = None
        self.newest_ns: int | None = None
        self._intervals: deque[int] = deque(maxlen=PERIODS)
        self._recent: deque[int] = deque()

    @property
    def period_ns(self) -> int | None:
        """The period by the last results; None before the second."""
        return min(self._intervals, default=None)

    def clear(self) -> None:
        """Forget all stamps."""
        self.first_ns = None
        self.newest_ns = None
        self._intervals.clear()
        self._recent.clear()

    def arrive(self, stamp_ns: int) -> Arrival:
        """Take note of a stamp and say what it is; one told twice or late leaves no trace."""
        newest = self.newest_ns
        if newest is not None and stamp_ns <= newest:
            if stamp_ns in self._recent:
                return Arrival.REPEATED
            if stamp_ns >= newest - REPEAT_NS:
                return Arrival.LATE
            self.clear()
            self._remember(stamp_ns)
            return Arrival.JUMPED_BACK
        if newest is not None and stamp_ns - newest >= LEAST_PERIOD_NS:
            self._intervals.append(stamp_ns - newest)
        self._remember(stamp_ns)
        return Arrival.NEW

    def _remember(self, stamp_ns: int) -> None:
        if self.first_ns is None:
            self.first_ns = stamp_ns
        self.newest_ns = stamp_ns
        self._recent.append(stamp_ns)
        while self._recent[0] < stamp_ns - REPEAT_NS:
            self._recent.popleft()


class Laps:
    """Counts how often the streams have begun anew, each for itself.

    Attributes:
        present: the lap that is being worked on.
    """

    def __init__(self) -> None:
        """Start with no stream seen, in lap 0."""
        self.present = 0
        self._newest: dict[str, int] = {}
        self._laps: dict[str, int] = {}
        self._ended: set[str] = set()

    def clock_jumped(self, now_ns: int) -> None:
        """Take note that the clock went back to a time: what is later than it has ended.

        Without this, what goes back by less than a second is taken for told twice, or late.
        """
        self._ended = {stream for stream, newest in self._newest.items() if newest > now_ns}

    def arrive(self, stream: str, stamp_ns: int) -> int:
        """Take note of a stream's next stamp and return its lap.

        A stream that had missed laps is in the present one as soon as it begins anew.
        """
        newest = self._newest.get(stream)
        if newest is None:
            self._laps[stream] = self.present
        elif stamp_ns < newest - (0 if stream in self._ended else REPEAT_NS):
            self._laps[stream] = max(self._laps[stream] + 1, self.present)
            self._ended.discard(stream)
        elif stamp_ns < newest:
            return self._laps[stream]
        self._newest[stream] = stamp_ns
        return self._laps[stream]

    def stay(self, stream: str) -> None:
        """Take note that a stream which has begun anew is of the present lap all the same."""
        self._laps[stream] = self.present

    def left(self, streams: Iterable[str]) -> bool:
        """Say whether all of these streams that were ever seen have left the present lap."""
        return all(self._laps.get(stream, self.present + 1) > self.present for stream in streams)
