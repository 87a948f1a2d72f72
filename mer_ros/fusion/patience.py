"""The clock that held results wait by: real time when live, mostly that of the stamps in a replay.

How long a result waits for an earlier one must not depend on the speed at which a bag is read, so
a replay is timed by its stamps. Where it is so fast that the transport could not keep that time,
real time bounds it from below; where nothing comes any more, real time goes on alone.
"""

from __future__ import annotations

from collections import deque

from mer_ros.fusion.decision import NANOSECONDS

STAMPS_PER_S = 5.0
"""Seconds of stamps in a second of a replay's waiting."""

SLACK_S = 0.5
"""How far stamps and real time may run ahead of each other: bursts are evened out, pauses not."""

LONGEST_STEP_S = 10.0
"""A stamp further on than this, or further back, is no time that has passed."""

LEAST_IDLE_S, LONGEST_IDLE_S = 1.0, 5.0
"""A replay whose stamps do not go on for so long has ended or pauses; longer where it is sparse."""

GAPS = 10


class Patience:
    """Counts seconds that only go forward, from what comes in and from a clock of real time."""

    def __init__(self) -> None:
        """Start at zero, live."""
        self._replayed = False
        self._value_s = 0.0
        # In a replay: both run side by side, and the one behind counts.
        self._by_stamps_s = self._by_clock_s = 0.0
        self._ticked_s: float | None = None
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self._streams: dict[str, tuple[int, float]] = {}
        self._passed_s = 0.0

    def tick(self, stream: str, stamp_ns: int, now_s: float, replayed: bool) -> float:
        """Take note that something of a stream came, and return the time.

        Args:
            stream: its name; each has stamps that go forward but at a new start.
            stamp_ns: its stamp.
            now_s: real time, of a clock that is never set.
            replayed: whether what comes is replayed, as opposed to live.
        """
        before_s = self.read(now_s)
        step_s = self._advance(stream, stamp_ns)
        if replayed and self._replayed and not step_s:
            # Stamps that stand still or leap to and fro must not keep time from going on.
            return before_s
        gap_s = 0.0 if self._ticked_s is None else max(now_s - self._ticked_s, 0.0)
        self._ticked_s = now_s
        if replayed and self._replayed:
            self._gaps.append(gap_s)
            stamps_s = max(self._by_stamps_s + step_s / STAMPS_PER_S, before_s)
            clock_s = max(self._by_clock_s + gap_s, before_s)
            self._by_stamps_s = min(stamps_s, clock_s + SLACK_S)
            self._by_clock_s = min(clock_s, stamps_s + SLACK_S)
            self._value_s = min(self._by_stamps_s, self._by_clock_s)
        else:
            self._value_s = self._by_stamps_s = self._by_clock_s = before_s
            self._gaps.clear()
        self._replayed = replayed
        return self._value_s

    def read(self, now_s: float) -> float:
        """Return the time without anything having come."""
        return self._value_s + max(self._since_s(now_s) - self._idle_s(), 0.0)

    def until_s(self, time_s: float, now_s: float) -> float:
        """Return the real seconds after which a time is reached if nothing comes."""
        return time_s - self._value_s + self._idle_s() - self._since_s(now_s)

    def _since_s(self, now_s: float) -> float:
        return 0.0 if self._ticked_s is None else max(now_s - self._ticked_s, 0.0)

    def _idle_s(self) -> float:
        """Return the real seconds for which time stands still while nothing comes."""
        if not self._replayed:
            return 0.0
        return min(max(2.0 * max(self._gaps, default=0.0), LEAST_IDLE_S), LONGEST_IDLE_S)

    def _advance(self, stream: str, stamp_ns: int) -> float:
        """Return the seconds of stamps that have passed in the stream that is the furthest."""
        last_ns, passed_s = self._streams.get(stream, (stamp_ns, self._passed_s))
        step_s = (stamp_ns - last_ns) / NANOSECONDS
        # What begins anew or after a gap goes on from where the others are.
        passed_s = passed_s + step_s if 0.0 <= step_s <= LONGEST_STEP_S else self._passed_s
        self._streams[stream] = (stamp_ns, passed_s)
        step_s = max(passed_s - self._passed_s, 0.0)
        self._passed_s += step_s
        return step_s
