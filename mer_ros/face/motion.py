"""Is this face talking? Motion of the mouth over time, judged against the rest of the face.

Views of a face a tenth of a second apart, whatever the frame rate, are compared by dense optical
flow (DIS: Kroeger et al., 2016). The motion that brows, eyes, nose and cheeks share (a quadratic
field, as a curved surface that turns has, fitted robustly) is the head's, the camera's or the
trembling box's; what the mouth does beyond it is the mouth's. The more the head turns, the more of
that is error. Causal, and a function of the stamps.
"""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

MOTION_SIZE = 64
"""Side of the crops that :meth:`MouthMotion.update` takes."""

LAG_S = 0.1
LONGEST_S = 0.5
SMOOTH_S = 0.6

# Logistic regression on the logs of mouth, face and turning, fitted to the scenes of
# benchmarks/mouth_motion.py.
_MOUTH_WEIGHT, _FACE_WEIGHT, _TURNING_WEIGHT, _BIAS = 5.91, -1.27, -3.92, 1.77
FLOOR = 0.05  # per cent of the crop: less is the noise of the flow

_ROWS, _COLUMNS = (grid.ravel() for grid in np.mgrid[0:MOTION_SIZE, 0:MOTION_SIZE])
_X, _Y = _COLUMNS / MOTION_SIZE, _ROWS / MOTION_SIZE
# Where things lie in an aligned crop: see alignment.TEMPLATE. Every other pixel is enough.
_EVEN = (_ROWS % 2 == 0) & (_COLUMNS % 2 == 0)
_FACE = np.flatnonzero(_EVEN & (_Y > 0.15) & (_Y < 0.6) & (_X > 0.12) & (_X < 0.88))
_MOUTH = np.flatnonzero(_EVEN & (_Y > 0.64) & (_Y < 0.92) & (_X > 0.28) & (_X < 0.72))
_SIDES = (np.abs(_X - 0.5) > 0.3) & (np.abs(_X - 0.5) < 0.42) & (_Y > 0.15) & (_Y < 0.9)
# Without the cheeks beside the mouth the head's motion there would be extrapolated.
_HEAD = np.union1d(_FACE, np.flatnonzero(_EVEN & _SIDES))
_PLACES = np.stack(
    [np.ones_like(_X), _X, _Y, _X * _X, _X * _Y, _Y * _Y], axis=1
).astype(np.float32)  # fmt: skip


class MouthMotion:
    """P(talking) of one face, from vision alone."""

    def __init__(self) -> None:
        self._views: deque[tuple[int, NDArray[np.uint8]]] = deque()
        self._levels: NDArray[np.float64] | None = None
        self._stamp_ns = 0
        self._flow = flow_method()

    @property
    def levels(self) -> tuple[float, float, float] | None:
        """Smoothed motions as in :func:`residual_motion`; None before two views."""
        if self._levels is None:
            return None
        mouth, face, turning = self._levels.tolist()
        return mouth, face, turning

    def update(self, crop: NDArray[np.uint8], stamp_ns: int) -> float:
        """Take the next view of the face.

        Args:
            crop: (MOTION_SIZE, MOTION_SIZE) uint8 grey, from ``alignment.crop``.
            stamp_ns: of the image; views that are not earlier are forgotten.

        Returns:
            P(talking), 0..1; 0 until there are two views within half a second.
        """
        while self._views and stamp_ns - self._views[0][0] > LONGEST_S * 1e9:
            self._views.popleft()
        while self._views and self._views[-1][0] >= stamp_ns:
            self._views.pop()
        before = self._reference(stamp_ns)
        self._views.append((stamp_ns, crop))
        if before is None:
            self._levels = None
            return 0.0
        lag_s = (stamp_ns - before[0]) / 1e9
        # Motion grows with the lag while it is short, so that low frame rates count alike.
        motion = np.array(residual_motion(before[1], crop, self._flow)) * min(1.0, LAG_S / lag_s)
        self._levels = self._smoothed(motion, stamp_ns)
        return talking(*self._levels.tolist())

    def _smoothed(self, motion: NDArray[np.float64], stamp_ns: int) -> NDArray[np.float64]:
        elapsed = max((stamp_ns - self._stamp_ns) / 1e9, 0.0)
        self._stamp_ns = stamp_ns
        if self._levels is None:
            return motion
        share = 1.0 - math.exp(-elapsed / SMOOTH_S)
        return np.asarray(self._levels + share * (motion - self._levels))

    def _reference(self, stamp_ns: int) -> tuple[int, NDArray[np.uint8]] | None:
        """Return the view nearest to a lag ago; at low frame rates that is the last one."""
        due = stamp_ns - LAG_S * 1e9
        return min(self._views, key=lambda view: abs(view[0] - due), default=None)


def flow_method() -> cv2.DenseOpticalFlow:
    """Return what computes the flow; not for two threads at once.

    It has buffers of its own, which need not be made anew for each pair of views.
    """
    # The stubs of opencv-python know only the newer spelling, the distributions' OpenCV this one.
    return cv2.DISOpticalFlow_create(  # type: ignore[attr-defined, no-any-return]
        cv2.DISOPTICAL_FLOW_PRESET_FAST
    )


def residual_motion(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    method: cv2.DenseOpticalFlow | None = None,
) -> tuple[float, float, float]:
    """Return how far the mouth and the rest of the face moved beyond the head's motion.

    Args:
        before: (MOTION_SIZE, MOTION_SIZE) uint8 grey crop.
        after: the same face a little later.
        method: of :func:`flow_method`, to be used again; by default a new one.

    Returns:
        In per cent of the crop's side, weighted by texture: mean length of the flow beyond the
        head's motion of the mouth, and of brows, eyes and nose; and how much the head's motion
        differs over the face (turning, coming nearer), as mean distance from its mean.
    """
    # The stubs have no None for a flow that is to be made.
    found = (method or flow_method()).calc(before, after, None)  # type: ignore[call-overload]
    flow = np.asarray(found, np.float32).reshape(-1, 2)
    power = sum(
        np.square(cv2.Sobel(before, cv2.CV_32F, dx, dy).ravel()) for dx, dy in ((1, 0), (0, 1))
    )
    # Flow means nothing where there is no edge: its weight saturates above the noise's gradient.
    texture = np.asarray(power / (power + np.float32(200.0)), np.float32)
    places, motion, weight = _PLACES[_HEAD], flow[_HEAD], texture[_HEAD]
    head = _fitted(places, motion, weight)
    rest = np.linalg.norm(motion - places @ head, axis=1)
    head = _fitted(places, motion, weight / (1.0 + np.square(rest / 0.5)))
    moved = _PLACES[_FACE] @ head
    face = np.linalg.norm(flow[_FACE] - moved, axis=1)
    mouth = np.linalg.norm(flow[_MOUTH] - _PLACES[_MOUTH] @ head, axis=1)
    turning = np.linalg.norm(moved - moved.mean(axis=0), axis=1)
    percent = 100.0 / MOTION_SIZE
    return (
        percent * _mean(mouth, texture[_MOUTH]),
        percent * _mean(face, texture[_FACE]),
        percent * _mean(turning, texture[_FACE]),
    )


def _fitted(
    places: NDArray[np.float32], motion: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the (6, 2) weighted least-squares coefficients of a quadratic motion."""
    weighted = places * weight[:, None]
    normal = weighted.T @ places + 1e-3 * np.eye(places.shape[1], dtype=np.float32)
    return np.asarray(np.linalg.solve(normal, weighted.T @ motion), np.float32)


def _mean(values: NDArray[np.float32], weight: NDArray[np.float32]) -> float:
    return float(values @ weight) / max(float(weight.sum()), 1e-6)


def talking(mouth: float, face: float, turning: float) -> float:
    """Return P(talking) for smoothed motions of :func:`residual_motion`."""
    score = (
        _MOUTH_WEIGHT * math.log(mouth + FLOOR)
        + _FACE_WEIGHT * math.log(face + FLOOR)
        + _TURNING_WEIGHT * math.log(turning + FLOOR)
        + _BIAS
    )
    return 1.0 / (1.0 + math.exp(-score))
