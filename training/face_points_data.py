"""Five landmarks of the training faces, from YuNet (Wu et al., 2023) as the teacher.

Points are in crop units: (0, 0) is the image's top left corner, (1, 1) its bottom right, in the
order of YuNet: right eye, left eye, nose tip, right and left corner of the mouth, as the person
has them (the right eye is on the left of the picture).

What YuNet says of one view depends on where in its grid the face lies: at a fixed place and size
the nose is off to one side by 8 % of the eye distance on average, and a mirrored view differs by
11 % (`benchmarks/face_points.py`). So several views are asked, mirrored too, and the median of each
coordinate is taught.
"""

from __future__ import annotations

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
    views = np.stack(
        [look(images, weights, side, turned) for side in sides for turned in (False, True)]
    )
    seen = np.isfinite(views[..., 0, 0]).sum(axis=0) >= MIN_VIEWS
    points = np.zeros((len(images), 5, 2), np.float32)
    points[seen] = np.nanmedian(views[:, seen], axis=0)
    return Landmarks(points, seen)


def look(
    images: NDArray[np.uint8], weights: Path, side: int, mirrored: bool
) -> NDArray[np.float32]:
    """Return (N, 5, 2) points by one view, NaN where it shows no face.

    Args:
        images: (N, 48, 48).
        weights: of YuNet.
        side: pixels to which a face is enlarged.
        mirrored: look at the mirrored faces; the points are those of the faces as they are.

    Raises:
        FileNotFoundError: the weights are not there.
    """
    if not weights.exists():
        raise FileNotFoundError(f'{weights} is not there: `mer models pull yunet` gets it')
    edge = round(BORDER * side)
    framed = side + 2 * edge
    detector = cv2.FaceDetectorYN.create(str(weights), '', (framed, framed), MIN_SCORE)
    points = np.full((len(images), 5, 2), np.nan, np.float32)
    for row, image in enumerate(images):
        shown = image[:, ::-1] if mirrored else image
        large = cv2.resize(shown, (side, side), interpolation=cv2.INTER_CUBIC)
        bordered = cv2.copyMakeBorder(large, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
        _, found = detector.detect(cv2.cvtColor(bordered, cv2.COLOR_GRAY2BGR))
        if found is not None:
            best = found[np.argmax(found[:, 2] * found[:, 3] * found[:, 14])]
            points[row] = (best[4:14].reshape(5, 2) - edge) / side
    return mirrored_points(points) if mirrored else points


def mirrored_points(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (..., 5, 2) points as they lie in the mirrored image."""
    turned = points[..., list(MIRROR), :] * np.array([-1.0, 1.0], np.float32)
    return turned + np.array([1.0, 0.0], np.float32)


def errors(found: NDArray[np.float32], truth: NDArray[np.float32]) -> dict[str, float]:
    """Return the error in % of the eye distance: mean, median, 95 %, and of the guess by mean."""
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    each = np.linalg.norm(found - truth, axis=2).mean(axis=1) / eyes * 100
    guess = np.linalg.norm(truth.mean(axis=0) - truth, axis=2).mean(axis=1) / eyes * 100
    return {
        'mean': round(float(each.mean()), 2),
        'median': round(float(np.median(each)), 2),
        'p95': round(float(np.percentile(each, 95)), 2),
        'mean_position': round(float(guess.mean()), 2),
        'n': len(truth),
    }
