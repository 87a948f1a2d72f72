"""Ctrl-C as a question that a loop asks, so that no message is cut in half."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Within its block SIGINT, SIGTERM and SIGHUP set ``asked`` instead of breaking in."""

    def __init__(self) -> None:
        """Nobody has asked."""
        self.asked = False

    def __enter__(self) -> Stop:
        """Take the signals."""
        self._previous = {each: signal.signal(each, self._ask) for each in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for each, handler in self._previous.items():
            signal.signal(each, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
