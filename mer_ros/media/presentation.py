"""Decoded pictures as players show them."""

from __future__ import annotations

from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray


def pixel_ratio(stream: av.video.stream.VideoStream) -> float:
    """Return how much wider than high a stored pixel is to be shown; 1 where that is not said."""
    ratio = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 0.0)
    return ratio if 0.2 <= ratio <= 5.0 else 1.0


def shown(frame: av.VideoFrame, ratio: float) -> NDArray[np.uint8]:
    """Return bgr24 pixels as players show them: square, and turned as the file says."""
    wide = round(frame.width * max(ratio, 1.0))
    high = round(frame.height / min(ratio, 1.0))
    image = np.asarray(frame.to_ndarray(format='bgr24'), np.uint8)
    if (wide, high) != (frame.width, frame.height):
        image = np.asarray(cv2.resize(image, (wide, high)), np.uint8)
    return _upright(image, frame)


def _upright(image: NDArray[np.uint8], frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return pixels turned by quarters and mirrored as the frame's display matrix says."""
    matrix: Any = frame.side_data.get('DISPLAYMATRIX')
    if matrix is None:
        return image
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    # A pixel at (x, y) is shown at (a x + c y, b x + d y): ISO 14496-12, 6.2.2.
    if abs(a) + abs(d) < abs(b) + abs(c):
        image, a, d = image.swapaxes(0, 1), c, b
    if a < 0:
        image = image[:, ::-1]
    if d < 0:
        image = image[::-1]
    return np.ascontiguousarray(image)
