"""What a node counts: rates, latencies, and faults that are logged once."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

WINDOW_S = 5.0
"""Rates are means over this long."""

GOOD_AGAIN_S = 10.0
"""A fault that comes back after this long without it is logged again."""

GOES_ON_S = 8.0
"""What has been wrong for this long is logged; less is a start."""

LATELY_S = 10.0
"""Quantiles are of this long: 20 results of the audio node."""

_NUMBER = re.compile(r'\b\d+(\.\d+)?\b')
"""By itself: those in the names of topics tell them apart."""


class Logger(Protocol):
    """The part of rclpy's logger that is needed here."""

    def warning(self, message: str) -> bool:
        """Log a warning."""

    def info(self, message: str) -> bool:
        """Log a piece of information."""


class Rate:
    """Counts events and tells how many came per second lately; safe between threads."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Take the clock: seconds, never backwards."""
        self._now = now
        self._start = now()
        self._times: deque[float] = deque()
        self._lock = threading.Lock()
        self.count = 0
        self.last: float | None = None

    def tick(self) -> None:
        """Count one event."""
        with self._lock:
            self.last = self._now()
            self.count += 1
            self._times.append(self.last)
            self._trim(self.last)

    def hz(self) -> float:
        """Return the events per second over the last WINDOW_S (or since the start)."""
        with self._lock:
            now = self._now()
            self._trim(now)
            return len(self._times) / max(min(WINDOW_S, now - self._start), 0.2)

    def silence_s(self) -> float:
        """Return the seconds since the last event, or since the start."""
        with self._lock:
            return self._now() - (self._start if self.last is None else self.last)

    def _trim(self, now: float) -> None:
        while self._times and self._times[0] < now - WINDOW_S:
            self._times.popleft()


class Quantiles:
    """Tells median and 95th percentile of the values of the last seconds."""

    def __init__(
        self,
        size: int = 200,
        within_s: float = LATELY_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep ``size`` values at most, for so many seconds of that clock."""
        self._now = now
        self._within_s = within_s
        self._values: deque[tuple[float, float]] = deque(maxlen=size)
        self._lock = threading.Lock()

    def add(self, value: float) -> None:
        """Keep one value."""
        with self._lock:
            self._values.append((self._now(), value))

    def p50_p95(self) -> tuple[float, float]:
        """Return the two quantiles; nan without values of late."""
        with self._lock:
            since = self._now() - self._within_s
            values = [value for when, value in self._values if when >= since]
        if not values:
            return float('nan'), float('nan')
        low, high = np.percentile(values, (50.0, 95.0))
        return float(low), float(high)


class Faults:
    """Counts faults by kind; logs the first of each, and again after a good while without."""

    def __init__(self, logger: Logger, now: Callable[[], float] = time.monotonic) -> None:
        """Take the logger and the clock."""
        self._logger = logger
        self._now = now
        self._counts: Counter[str] = Counter()
        self._last: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def note(self, kind: str, message: str, *, logged: bool = False) -> None:
        """Count one fault of this kind, log it when it is new and whoever found it has not."""
        with self._lock:
            now = self._now()
            seen = self._last.get(kind)
            self._counts[kind] += 1
            self._last[kind] = (now, message)
        if not logged and (seen is None or now - seen[0] > GOOD_AGAIN_S):
            self._logger.warning(f'{message} (logged once, counted as {kind} in /diagnostics)')

    def counts(self) -> dict[str, int]:
        """Return how many faults of each kind there were."""
        with self._lock:
            return dict(self._counts)

    def recent(self, within_s: float = WINDOW_S) -> dict[str, str]:
        """Return kind and message of the faults of the last seconds, newest first."""
        with self._lock:
            now = self._now()
            fresh = [(when, kind, text) for kind, (when, text) in self._last.items()]
        fresh.sort(reverse=True)
        return {kind: text for when, kind, text in fresh if now - when <= within_s}

    def total(self) -> int:
        """Return how many faults there were."""
        with self._lock:
            return sum(self._counts.values())


class Announcements:
    """Logs what goes on being wrong, once, and again after a good while without.

    Not at once: a camera may still be starting.
    """

    def __init__(self, logger: Logger, now: Callable[[], float] = time.monotonic) -> None:
        """Take the logger and the clock."""
        self._logger = logger
        self._now = now
        self._seen: dict[str, tuple[float, float]] = {}
        self._logged: set[str] = set()

    def tell(self, messages: Iterable[str]) -> None:
        """Take what is wrong now; to be called about once a second."""
        now = self._now()
        for message in messages:
            key = _NUMBER.sub('', message)  # how long it has been so is no news
            first, _ = self._seen.get(key, (now, now))
            self._seen[key] = (first, now)
            if key not in self._logged and now - first >= GOES_ON_S:
                self._logged.add(key)
                self._logger.warning(f'{message} (logged once; /diagnostics says how it goes on)')
        self._seen = {
            key: (first, last)
            for key, (first, last) in self._seen.items()
            if now - last <= (GOOD_AGAIN_S if key in self._logged else WINDOW_S)
        }
        self._logged &= self._seen.keys()
