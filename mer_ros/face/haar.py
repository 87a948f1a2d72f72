"""``haar``: OpenCV's frontal face cascade (Viola & Jones, 2001) with settings made to be fast."""

from __future__ import annotations

import cv2
import numpy as np

from mer_ros.face.detection import Detection, Image, checked
from mer_ros.face.errors import FaceError
from mer_ros.models import store
from mer_ros.models.errors import ModelError


class HaarDetector:
    """Finds upright frontal faces; gives no landmarks.

    The defaults find as many faces as scale_factor 1.2, neighbours 5, min_face 40 in two thirds
    of the time (`python -m benchmarks.haar_settings --data ../shared/data`).

    Args:
        long_side: pixels the image's longer side is shrunk to before the search (never
            enlarged); the cost grows with its square.
        scale_factor: step between the sizes searched, > 1.
        neighbours: overlapping hits that make a face; more means fewer false alarms.
        min_face: smallest face, in pixels of the shrunk image.
    """

    name = 'haar'
    version = '1.0'

    def __init__(
        self,
        long_side: int = 320,
        scale_factor: float = 1.35,
        neighbours: int = 2,
        min_face: int = 30,
    ) -> None:
        if long_side < 64 or scale_factor <= 1.0 or neighbours < 1 or min_face < 20:
            raise FaceError(
                f'haar: long_side {long_side} ≥ 64, scale_factor {scale_factor} > 1, neighbours '
                f'{neighbours} ≥ 1 and min_face {min_face} ≥ 20 are what it can work with'
            )
        self._long_side = long_side
        self._scale_factor = scale_factor
        self._neighbours = neighbours
        self._min_face = min_face
        self._cascade: cv2.CascadeClassifier | None = None

    def load(self) -> None:
        """Read the cascade.

        Raises:
            ModelError: this OpenCV has no cascade classifier, or the file is missing or broken.
        """
        if not hasattr(cv2, 'CascadeClassifier'):
            raise ModelError(
                f'OpenCV {cv2.__version__} has no CascadeClassifier: install '
                'opencv-contrib-python-headless<5, or choose the detector yunet'
            )
        path = store.find('haar')
        cascade = cv2.CascadeClassifier()
        try:
            read = cascade.load(str(path))
        except cv2.error:  # a file that is no XML at all; OpenCV has logged what it saw
            read = False
        if not read:
            raise ModelError(f'OpenCV cannot read {path}: install opencv again')
        self._cascade = cascade

    def detect(self, image_bgr: Image) -> list[Detection]:
        """Find the faces of a (H, W, 3) uint8 BGR image.

        Raises:
            FaceError: it is not such an image.
            ModelError: the detector is not loaded.
        """
        if self._cascade is None:
            raise ModelError('the detector haar is not loaded: call load() first')
        grey = cv2.cvtColor(checked(image_bgr), cv2.COLOR_BGR2GRAY)
        scale = max(1.0, max(grey.shape) / self._long_side)
        if scale > 1.0:
            size = (max(1, round(grey.shape[1] / scale)), max(1, round(grey.shape[0] / scale)))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        boxes, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=self._scale_factor,
            minNeighbors=self._neighbours,
            minSize=(self._min_face, self._min_face),
            outputRejectLevels=True,
        )
        return [
            Detection(np.asarray(box, np.float32) * np.float32(scale), score_of(float(weight)))
            for box, weight in zip(boxes, np.ravel(weights), strict=True)
        ]


def score_of(weight: float) -> float:
    """Return P(face) for the sum of the cascade's last stage: a logistic curve, monotone.

    On the shared clips and photos 99 % of the faces have a weight above 3.2 (median 8), false
    alarms lie between -0.5 and 3.3: with so few the curve's place is a choice, not a fit.
    """
    return float(1.0 / (1.0 + np.exp(-(weight - 2.0))))
