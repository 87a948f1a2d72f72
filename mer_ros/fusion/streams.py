"""Bookkeeping of one input stream by its stamps: what is new, told twice, or from a new start."""

from __future__ import annotations

from collections import deque
from enum import Enum

REPEAT_NS = 1_000_000_000
"""A stamp seen within this span before the newest one is a repetition, not a jump back."""


class Arrival(Enum):
    """What a stamp means for its stream."""

    NEW = 'new'
    REPEATED = 'repeated'
    JUMPED_BACK = 'jumped back'


class Stream:
    """First, newest and recent stamps of one input, and its period."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.first_ns: int | None = None
        self.newest_ns: int | None = None
        self.period_ns: int | None = None
        self._recent: deque[int] = deque()

    def clear(self) -> None:
        """Forget all stamps."""
        self.first_ns = None
        self.newest_ns = None
        self.period_ns = None
        self._recent.clear()

    def arrive(self, stamp_ns: int) -> Arrival:
        """Take note of a stamp and say what it is; a repetition leaves no trace."""
        newest = self.newest_ns
        if newest is not None and stamp_ns <= newest:
            if stamp_ns in self._recent:
                return Arrival.REPEATED
            self.clear()
            self._remember(stamp_ns)
            return Arrival.JUMPED_BACK
        if newest is not None:
            self.period_ns = stamp_ns - newest
        self._remember(stamp_ns)
        return Arrival.NEW

    def _remember(self, stamp_ns: int) -> None:
        if self.first_ns is None:
            self.first_ns = stamp_ns
        self.newest_ns = stamp_ns
        self._recent.append(stamp_ns)
        while self._recent[0] < stamp_ns - REPEAT_NS:
            self._recent.popleft()
