"""From a face in an image to the square grey crop that a classifier was trained on.

With landmarks the face is turned, scaled and shifted onto a template (least squares: Umeyama,
1991); without, its box is cut out. Both make faces lie as they do in FER2013.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face.detection import Detection
from mer_ros.face.errors import FaceError

TEMPLATE: NDArray[np.float32] = np.array(
    [[15.2, 18.0], [32.6, 18.0], [23.9, 28.4], [17.0, 36.0], [30.8, 36.0]], np.float32
) / np.float32(48.0)
"""(5, 2) float32: where the landmarks lie in a crop of side 1.

The mean of YuNet's points on 2,743 images of FER2013's train split, made symmetric.
"""

BOX_MARGIN, BOX_SHIFT = 0.015, 0.023
"""How a haar box becomes the crop the template would give: grown by 3 % and moved down by 2.3 %
of its side (means over nine clips and ten photos; the crop of a single clip lies within 15 %)."""


def similarity(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (2, 3) float32 similarity that maps (K, 2) points closest onto (K, 2) others.

    Rotation, one scale and a shift, never a reflection; least squares (Umeyama, 1991; in two
    dimensions it is a linear problem in complex numbers).

    Raises:
        FaceError: the points coincide.
    """
    start = source[:, 0].astype(np.float64) + 1j * source[:, 1]
    end = target[:, 0].astype(np.float64) + 1j * target[:, 1]
    spread = start - start.mean()
    power = float(np.vdot(spread, spread).real)
    if not power > 1e-9:
        raise FaceError('the landmarks of a face coincide')
    turn = np.vdot(spread, end - end.mean()) / power
    shift = end.mean() - turn * start.mean()
    return np.array(
        [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]], np.float32
    )


def to_crop(detection: Detection, size: int, margin: float = BOX_MARGIN) -> NDArray[np.float32]:
    """Return the (2, 3) float32 map from pixels of the image to pixels of the crop.

    Args:
        detection: the face.
        size: side of the crop.
        margin: added around a box without landmarks, as a share of its longer side.

    Raises:
        FaceError: the face has no size, or its landmarks coincide.
    """
    if detection.landmarks is not None:
        return similarity(detection.landmarks, TEMPLATE * np.float32(size))
    x, y, width, height = (float(value) for value in detection.box)
    side = max(width, height) * (1.0 + 2.0 * margin)
    if not (side > 0.0 and math.isfinite(side)):
        raise FaceError(f'a face of {width} x {height} pixels')
    scale = size / side
    left, top = x + (width - side) / 2, y + (height - side) / 2 + BOX_SHIFT * max(width, height)
    return np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale]], np.float32)


def crop(
    gray: NDArray[np.uint8], detection: Detection, size: int, margin: float = BOX_MARGIN
) -> NDArray[np.uint8]:
    """Return the face as a (size, size) uint8 grey crop; what lies outside repeats the border.

    Args:
        gray: (H, W) uint8.
        detection: the face.
        size: side of the crop.
        margin: see :func:`to_crop`.

    Raises:
        FaceError: the face has no size, or its landmarks coincide.
    """
    matrix = to_crop(detection, size, margin).astype(np.float64)
    gray, matrix = _shrunk(gray, matrix, size)
    # cv2 takes pixel centres as whole numbers; our coordinates have them at one half.
    matrix[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
    warped = cv2.warpAffine(
        gray, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def _shrunk(
    gray: NDArray[np.uint8], matrix: NDArray[np.float64], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Average whole blocks of pixels first where the face is much larger than the crop.

    Sampling it straight away would alias: noise would look like wrinkles.
    """
    factor = int(1.0 / math.hypot(matrix[0, 0], matrix[1, 0]))
    if factor < 2:
        return gray, matrix
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    inverse = cv2.invertAffineTransform(matrix)
    reach = corners @ inverse[:, :2].T + inverse[:, 2]
    height, width = gray.shape
    left, top = np.clip(np.floor(reach.min(axis=0)) - factor, 0, [width - 1, height - 1])
    far = np.ceil(reach.max(axis=0)) + factor
    right, bottom = np.clip(far, [left + 1, top + 1], [width, height])
    part = gray[int(top) : int(bottom), int(left) : int(right)]
    columns, rows = max(1, part.shape[1] // factor), max(1, part.shape[0] // factor)
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    grow = np.diag([part.shape[1] / columns, part.shape[0] / rows])
    moved = np.empty_like(matrix)
    moved[:, :2] = matrix[:, :2] @ grow
    moved[:, 2] = matrix[:, 2] + matrix[:, :2] @ np.array([left, top])
    return np.asarray(small, np.uint8), moved
