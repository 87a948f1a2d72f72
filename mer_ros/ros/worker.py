"""A thread that does the slow work, fed by callbacks that only enqueue."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar('Item')
_LOG = logging.getLogger(__name__)


class Worker(Generic[Item]):
    """Calls one function with the items put in, in order, on one thread.

    With ``capacity`` 1 it is latest-only: a new item takes the place of one that waits, so a
    slow model never makes a queue of old frames. With None nothing is dropped.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Item], None],
        failed: Callable[[Exception], None],
        capacity: int | None = 1,
        tend: Callable[[], float | None] | None = None,
    ) -> None:
        """Start the thread.

        Args:
            name: the thread's name.
            work: called with each item.
            failed: called with what ``work`` or ``tend`` raised; the thread goes on.
            capacity: how many items may wait; the oldest is dropped for a new one.
            tend: called after each item, and again after the seconds that it returns.
        """
        self._work = work
        self._failed = failed
        self._capacity = capacity
        self._tend = tend
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._running = True
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> int:
        """Enqueue an item; return how many older ones were dropped for it."""
        with self._changed:
            self._items.append(item)
            dropped = 0
            while self._capacity is not None and len(self._items) > self._capacity:
                self._items.popleft()
                dropped += 1
            self._changed.notify()
        return dropped

    def waiting(self) -> int:
        """Return how many items wait, the one in work not counted."""
        with self._changed:
            return len(self._items)

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Finish the item in work, drop the rest, end the thread.

        Returns:
            False, and a warning in the log, when the item in work took longer than ``timeout_s``.
        """
        with self._changed:
            self._running = False
            self._items.clear()
            self._changed.notify()
        if self._thread is threading.current_thread():
            return False
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            return True
        _LOG.warning(
            '%s has not come to its end within %g s; it goes on beside what is started next',
            self._thread.name,
            timeout_s,
        )
        return False

    def _run(self) -> None:
        again_s: float | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or not self._running, again_s)
                if not self._running:
                    return
                item = self._items.popleft() if self._items else None
            if item is not None:
                self._guarded(self._work, item)
            again_s = self._guarded(self._tend) if self._tend is not None else None

    def _guarded(self, function: Callable[..., float | None], *arguments: Item) -> float | None:
        try:
            return function(*arguments)
        except Exception as error:  # noqa: BLE001 - the thread outlives any item; this is logged
            self._failed(error)
            return None
