"""Five landmarks of the training faces, from YuNet (Wu et al., 2023) as the teacher.

Points are in crop units: (0, 0) is the image's top left corner, (1, 1) its bottom right, in the
order of YuNet: right eye, left eye, nose tip, right and left corner of the mouth, as the person
has them (the right eye is on the left of the picture).

What YuNet says of one view depends on where in its grid the face lies: at a fixed place and size
the nose is off by up to 7 % of the eye distance, always to the same side, and a mirrored view
differs by 11 %. So several views are asked, mirrored too, and the median of each coordinate is
taught.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDES = (80, 112, 176)
"""Pixels to which a 48x48 face is enlarged: YuNet finds faces from about 10 to 300 pixels."""
BORDER = 0.28
"""Repeated edge around it, as a share of the side, since YuNet expects some room."""
MIN_SCORE = 0.7
MIN_VIEWS = 3
"""Views, of two a side, that must show a face."""
MIRROR = (1, 0, 2, 4, 3)
"""Order of the points in a mirrored image."""


@dataclass(frozen=True)
class Landmarks:
    """What the teacher saw.

    Attributes:
        points: (N, 5, 2) float32, x and y in crop units; zero where it saw no face.
        seen: (N,) whether it saw one.
    """

    points: NDArray[np.float32]
    seen: NDArray[np.bool_]


def teach(images: NDArray[np.uint8], weights: Path, sides: tuple[int, ...] = SIDES) -> Landmarks:
    """Return YuNet's points on (N, 48, 48) faces.

    Raises:
        FileNotFoundError: ``weights`` (face_detection_yunet_2023mar.onnx) is not there.
    """
    if not weights.exists():
        raise FileNotFoundError(f'{weights} is not there: `mer models pull yunet` gets it')
    views = list(itertools.product(sides, (False, True)))
    detectors = {side: _detector(weights, side) for side in sides}
    points = np.zeros((len(images), 5, 2), np.float32)
    seen = np.zeros(len(images), np.bool_)
    for row, image in enumerate(images):
        found = [_points(detectors[side], image, side, mirrored) for side, mirrored in views]
        places = [each for each in found if each is not None]
        if len(places) >= MIN_VIEWS:
            points[row], seen[row] = np.median(places, axis=0), True
    return Landmarks(points, seen)


def mirrored_points(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (..., 5, 2) points as they lie in the mirrored image."""
    turned = points[..., list(MIRROR), :] * np.array([-1.0, 1.0], np.float32)
    return turned + np.array([1.0, 0.0], np.float32)


def _detector(weights: Path, side: int) -> cv2.FaceDetectorYN:
    framed = side + 2 * round(BORDER * side)
    return cv2.FaceDetectorYN.create(str(weights), '', (framed, framed), MIN_SCORE)


def _points(
    detector: cv2.FaceDetectorYN, image: NDArray[np.uint8], side: int, mirrored: bool
) -> NDArray[np.float32] | None:
    """Return the (5, 2) points of the likeliest face in one view, or None."""
    shown = image[:, ::-1] if mirrored else image
    large = cv2.resize(shown, (side, side), interpolation=cv2.INTER_CUBIC)
    edge = round(BORDER * side)
    framed = cv2.copyMakeBorder(large, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    _, found = detector.detect(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR))
    if found is None:
        return None
    best = found[np.argmax(found[:, 2] * found[:, 3] * found[:, 14])]
    points = ((best[4:14].reshape(5, 2) - edge) / side).astype(np.float32)
    return mirrored_points(points) if mirrored else points
