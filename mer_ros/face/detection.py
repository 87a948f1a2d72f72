"""What a face detector is and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mer_ros.face.errors import FaceError

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Detection:
    """One face in one image.

    Attributes:
        box: (4,) float32: x, y, width, height in pixels; may reach over the image's edge.
        score: P(this is a face) as the detector sees it, 0..1.
        landmarks: (5, 2) float32 pixels: the subject's right eye, left eye, nose tip, right and
            left mouth corner; None where the detector gives none.
    """

    box: NDArray[np.float32]
    score: float
    landmarks: NDArray[np.float32] | None = None


def without_bad_landmarks(detection: Detection) -> Detection:
    """Return the detection, without landmarks that cannot be those of a face.

    One face whose points coincide or are no numbers must not cost the image its other faces; its
    box will do.
    """
    points = detection.landmarks
    if points is None or (np.isfinite(points).all() and float(np.ptp(points, axis=0).max()) > 1.0):
        return detection
    return replace(detection, landmarks=None)


class Detector(Protocol):
    """Finds faces; each image by itself, so that dropped frames change nothing."""

    name: str
    version: str

    def load(self) -> None:
        """Read the weights.

        Raises:
            ModelError: they are missing or damaged.
        """

    def detect(self, image_bgr: Image) -> list[Detection]:
        """Find the faces of a (H, W, 3) uint8 BGR image, in any order."""


def checked(image: Image) -> Image:
    """Return the image if it is a (H, W, 3) uint8 one with pixels in it.

    Raises:
        FaceError: it is not.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = getattr(image, 'dtype', type(image).__name__)
        raise FaceError(f'an image of {kind}: convert it to uint8')
    if image.ndim != 3 or image.shape[2] != 3:
        raise FaceError(f'an image of shape {image.shape}: convert it to (height, width, 3) BGR')
    if not image.size:
        raise FaceError(f'an empty image of shape {image.shape}: check the camera')
    return image
