"""Five landmarks of the training faces, from YuNet (Wu et al., 2023) as the teacher.

Points are in crop units: (0, 0) is the image's top left corner, (1, 1) its bottom right, in the
order of YuNet: right eye, left eye, nose tip, right and left corner of the mouth, as the person
has them (the right eye is on the left of the picture).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ENLARGED = 144
"""Pixels to which a 48x48 face is enlarged: YuNet finds faces from about 10 to 300 pixels."""
BORDER = 40
"""Pixels of repeated edge around it, since YuNet expects some room."""
MIN_SCORE = 0.7
MIRROR = (1, 0, 2, 4, 3)
"""Order of the points in a mirrored image."""


@dataclass(frozen=True)
class Landmarks:
    """What the teacher saw.

    Attributes:
        points: (N, 5, 2) float32, x and y in crop units; zero where it saw no face.
        boxes: (N, 4) float32, the teacher's x, y, w, h in crop units.
        scores: (N,) float32, the teacher's confidence; 0 where it saw no face.
    """

    points: NDArray[np.float32]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]


def teach(images: NDArray[np.uint8], weights: Path) -> Landmarks:
    """Return YuNet's points on (N, 48, 48) faces.

    Raises:
        FileNotFoundError: ``weights`` (face_detection_yunet_2023mar.onnx) is not there.
    """
    if not weights.exists():
        raise FileNotFoundError(f'{weights} is not there: `mer models pull yunet` gets it')
    side = ENLARGED + 2 * BORDER
    detector = cv2.FaceDetectorYN.create(str(weights), '', (side, side), MIN_SCORE)
    points = np.zeros((len(images), 5, 2), np.float32)
    boxes, scores = np.zeros((len(images), 4), np.float32), np.zeros(len(images), np.float32)
    for row, image in enumerate(images):
        large = cv2.resize(image, (ENLARGED, ENLARGED), interpolation=cv2.INTER_CUBIC)
        framed = cv2.copyMakeBorder(large, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_REPLICATE)
        _, found = detector.detect(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR))
        if found is None:
            continue
        best = found[np.argmax(found[:, 2] * found[:, 3] * found[:, 14])]
        points[row] = (best[4:14].reshape(5, 2) - BORDER) / ENLARGED
        boxes[row, :2] = (best[:2] - BORDER) / ENLARGED
        boxes[row, 2:] = best[2:4] / ENLARGED
        scores[row] = best[14]
    return Landmarks(points, boxes, scores)
