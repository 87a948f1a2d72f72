"""The source of messages that every filter is. Stands in for message_filters' own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class SimpleFilter:
    """Passes each of its messages on to the callbacks registered with it."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., None], tuple[Any, ...]]] = {}

    def registerCallback(self, callback: Callable[..., None], *args: Any) -> int:
        """Have ``callback(*messages, *args)`` called for each output; return its connection."""
        connection = max(self.callbacks, default=-1) + 1
        self.callbacks[connection] = (callback, args)
        return connection

    def unregisterCallback(self, conn: int) -> None:
        """Forget the callback of a connection; one that is not known is let pass."""
        self.callbacks.pop(conn, None)

    def signalMessage(self, *msg: Any) -> None:
        """Call the callbacks in the order of their registration."""
        for callback, args in list(self.callbacks.values()):
            callback(*msg, *args)
