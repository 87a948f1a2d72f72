"""Decoding ahead on a thread, so that a frame is there when its time comes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar('Item')

DEPTH = 16
NAP_S = 0.2


class _End:
    """What stands in the queue after the last item, with the error that ended it."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error


class ReadAhead(Generic[Item]):
    """Iterates over another iterator, up to 16 items of which are made in advance."""

    def __init__(self, items: Iterator[Item]) -> None:
        """Start the thread, which ends with the items or the ``with`` block."""
        self._items = items
        self._queue: queue.Queue[Item | _End] = queue.Queue(DEPTH)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name='read ahead', daemon=True)
        self._thread.start()

    def __enter__(self) -> ReadAhead[Item]:
        """It runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the thread."""
        self._stopped.set()
        self._thread.join(2.0)

    def __iter__(self) -> Iterator[Item]:
        """Return itself."""
        return self

    def __next__(self) -> Item:
        """Return the next item; raises what the other iterator raised."""
        while True:
            try:
                item = self._queue.get(timeout=NAP_S)
            except queue.Empty:
                if self._stopped.is_set():
                    raise StopIteration from None
                continue
            if not isinstance(item, _End):
                return item
            self._stopped.set()
            if item.error is not None:
                raise item.error
            raise StopIteration

    def _read(self) -> None:
        error: Exception | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except Exception as failure:  # noqa: BLE001 - raised again where the items are taken
            error = failure
        self._put(_End(error))

    def _put(self, item: Item | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=NAP_S)
            except queue.Full:
                continue
            return True
        return False
