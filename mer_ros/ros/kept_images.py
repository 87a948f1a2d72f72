"""Images by their stamps, kept until the results that belong to them have come."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

MOST = 30
LEAST, BYTES = 4, 96_000_000
"""Of large images fewer than :data:`MOST` are kept, but :data:`LEAST` all the same: at 30 Hz half a
second of 1920 x 1080 in bgr8."""

NEAR_NS = 500_000_000
"""A result is drawn on an image whose stamp is no further from its own."""

REACH_NS, LONGEST_NS = 500_000_000, 2_000_000_000
"""How late results are taken to be before there was one, and at most."""

FADING = 0.95
"""Images reach as far back as results came late, which counts so much less with each result."""


class KeptImages:
    """The newest images, close to each other as far back as there is room.

    Where results come later than that, every second image or fewer are kept and reach far enough:
    a result is then drawn on an image a little older than its own, and never on a newer one.
    """

    def __init__(self) -> None:
        """Begin without images."""
        self._images: OrderedDict[int, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._reach_ns = float(REACH_NS)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._images)

    @property
    def newest_ns(self) -> int | None:
        """Return the newest stamp; None without images."""
        return next(reversed(self._images), None)

    def clear(self) -> None:
        """Forget them all."""
        self._images.clear()
        self._bytes = 0

    def add(self, stamp_ns: int, message: Any, size: int) -> None:
        """Keep an image.

        Args:
            stamp_ns: its stamp; not older than the newest.
            message: what is kept.
            size: its bytes.
        """
        self._remove(stamp_ns)
        self._images[stamp_ns] = message, size
        self._bytes += size
        while len(self) > MOST or (len(self) > LEAST and self._bytes > BYTES):
            self._remove(self._least_missed())

    def find(self, stamp_ns: int, *, guessed: bool = False) -> tuple[int, Any] | None:
        """Return (stamp, message) of the image to draw a result on.

        Args:
            stamp_ns: of the result.
            guessed: the images have no stamps, and were given the time at which they came here: a
                little earlier or later than to who made the result, so the nearest is taken.

        Returns:
            The image with that stamp, else the newest older one; None where neither is near.
        """
        newest_ns = self.newest_ns
        if newest_ns is None:
            return None
        late_ns = min(newest_ns - stamp_ns, LONGEST_NS)
        self._reach_ns = max(late_ns, FADING * self._reach_ns)
        near = (key for key in self._images if abs(key - stamp_ns) <= NEAR_NS)
        if guessed:
            found = min(near, key=lambda key: abs(key - stamp_ns), default=None)
        else:
            found = max((key for key in near if key <= stamp_ns), default=None)
        return None if found is None else (found, self._images[found][0])

    def _remove(self, stamp_ns: int) -> None:
        self._bytes -= self._images.pop(stamp_ns, (None, 0))[1]

    def _least_missed(self) -> int:
        """Return the oldest, while the next reaches far enough; else the one amid the closest."""
        stamps = list(self._images)
        if len(stamps) < 3 or stamps[-1] - stamps[1] >= self._reach_ns:
            return stamps[0]
        inner = range(1, len(stamps) - 1)
        return stamps[min(inner, key=lambda index: stamps[index + 1] - stamps[index - 1])]
