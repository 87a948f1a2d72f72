"""Is this face talking? Motion of the mouth's region over time, judged against the upper face's.

Causal, and a function of the stamps: views a tenth of a second apart are compared, whatever the
frame rate. The later view is laid over the earlier by the shift that the upper face (brows, eyes,
bridge of the nose) shows, so that a box that trembles or a head that moves is not a mouth that
does.
"""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

MOTION_SIZE = 64
"""Side of the crops that :meth:`MouthMotion.update` takes."""

# Rows and columns of the aligned crop, as shares of its side (see alignment.TEMPLATE).
_UPPER = (slice(12, 36), slice(8, 56))
_MOUTH = (slice(40, 60), slice(16, 48))

_LAG_S = 0.1
_LONGEST_S = 0.5
_SMOOTH_S = 0.6
_SLOPE, _MIDDLE = 4.0, 0.6


class MouthMotion:
    """P(talking) of one face, from vision alone."""

    def __init__(self) -> None:
        self._views: deque[tuple[int, NDArray[np.float32]]] = deque()
        self._level: float | None = None
        self._stamp_ns = 0

    def update(self, crop: NDArray[np.uint8], stamp_ns: int) -> float:
        """Take the next view of the face.

        Args:
            crop: (MOTION_SIZE, MOTION_SIZE) uint8 grey, from ``alignment.crop``.
            stamp_ns: of the image, after the one before.

        Returns:
            P(talking), 0..1; 0 until there are two views within half a second.
        """
        view = _even(crop)
        while self._views and stamp_ns - self._views[0][0] > _LONGEST_S * 1e9:
            self._views.popleft()
        before = self._reference(stamp_ns)
        self._views.append((stamp_ns, view))
        if before is None:
            self._level = None
            return 0.0
        motion = relative_motion(before, view)
        elapsed = (stamp_ns - self._stamp_ns) / 1e9
        self._stamp_ns = stamp_ns
        share = 1.0 if self._level is None else 1.0 - math.exp(-elapsed / _SMOOTH_S)
        level = 0.0 if self._level is None else self._level
        self._level = level + share * (motion - level)
        return 1.0 / (1.0 + math.exp(-_SLOPE * (self._level - _MIDDLE)))

    def _reference(self, stamp_ns: int) -> NDArray[np.float32] | None:
        """Return the view nearest to a lag ago; at low frame rates the last one."""
        if not self._views:
            return None
        due = stamp_ns - _LAG_S * 1e9
        return min(self._views, key=lambda item: abs(item[0] - due))[1]


def _even(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the crop with zero mean and unit variance, so that light does not count."""
    view = cv2.GaussianBlur(crop, (3, 3), 0).astype(np.float32)
    return np.asarray((view - view.mean()) / max(float(view.std()), 4.0), np.float32)


def relative_motion(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Return the log of how much more the mouth moved than the upper face did."""
    (dx, dy), _ = cv2.phaseCorrelate(before[_UPPER], after[_UPPER])
    limit = MOTION_SIZE / 8
    shift = np.array(
        [[1, 0, min(max(dx, -limit), limit)], [0, 1, min(max(dy, -limit), limit)]], np.float32
    )
    moved = cv2.warpAffine(before, shift, before.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    change = np.abs(after - moved)
    mouth, upper = float(change[_MOUTH].mean()), float(change[_UPPER].mean())
    return math.log((mouth + 0.02) / (upper + 0.02))
