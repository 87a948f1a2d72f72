"""Lets events pass at no more than a rate, by their own stamps."""

from __future__ import annotations

SLACK_NS = 1_000_000
"""Stamps of a steady source jitter; a frame that is this little early is not too early."""


class Pacer:
    """Says of each stamp in turn whether it is due; keeps to the rate on average."""

    def __init__(self) -> None:
        """Let the first one pass."""
        self._due_ns: int | None = None
        self._last_ns = 0
        self._rate_hz = 0.0

    def due(self, stamp_ns: int, rate_hz: float) -> bool:
        """Say whether this one passes.

        A rate of 0 lets all pass; a step back and another rate than before start anew.
        """
        if rate_hz <= 0.0:
            self._due_ns = None
            return True
        period_ns = round(1e9 / rate_hz)
        if self._due_ns is None or stamp_ns < self._last_ns or rate_hz != self._rate_hz:
            self._due_ns = stamp_ns
        self._rate_hz = rate_hz
        self._last_ns = stamp_ns
        if stamp_ns < self._due_ns - SLACK_NS:
            return False
        # What was missed is made up for by at most half a period.
        self._due_ns = max(self._due_ns, stamp_ns - period_ns // 2) + period_ns
        return True
