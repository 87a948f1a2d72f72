"""``retinaface``: RetinaFace (Deng et al., 2020) of the retina-face package, by ONNX Runtime."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mer_ros.face import deepface_home
from mer_ros.face.detection import Detection, Image, checked
from mer_ros.face.errors import FaceError
from mer_ros.models.errors import ModelError

# The package says "right" for the mouth corner on the image's left only in newer releases; by
# place it is sure.
_EYES, _MOUTH = ('right_eye', 'left_eye'), ('mouth_right', 'mouth_left')


class RetinaFaceDetector:
    """Finds faces with five landmarks: the most accurate detector here and the slowest by far.

    Args:
        long_side: pixels the image's longer side is shrunk to (never enlarged): the cost grows
            with its square; 0 takes the image as it is.
        threshold: least score of a face, 0..1.
    """

    name = 'retinaface'

    def __init__(self, long_side: int = 320, threshold: float = 0.9) -> None:
        if (long_side and long_side < 64) or not 0 < threshold < 1:
            raise FaceError(
                f'retinaface: long_side {long_side} must be 0 or ≥ 64, threshold {threshold} '
                'within 0..1'
            )
        self.version = ''
        self._long_side = long_side
        self._threshold = threshold
        self._package: Any = None
        self._model: Any = None

    def load(self) -> None:
        """Build the network.

        Raises:
            ModelError: retina-face is not installed, or its weights are missing or damaged.
        """
        weights = deepface_home.provide('retinaface')
        try:
            from retinaface import RetinaFace, __version__
        except (ImportError, ValueError) as error:  # ValueError: its engine is not installed
            raise ModelError(
                f'the retinaface backend needs the retina-face package ({error}); '
                "pip install 'mer_ros[deepface]'"
            ) from error
        try:
            self._model = RetinaFace.build_model()
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            raise ModelError(f'retina-face cannot load {weights}: {error}') from error
        self._package = RetinaFace
        self.version = str(__version__)

    def detect(self, image_bgr: Image) -> list[Detection]:
        """Find the faces of a (H, W, 3) uint8 BGR image.

        Raises:
            ModelError: it is not loaded.
            FaceError: the image is not of that shape and type.
        """
        if self._model is None:
            raise ModelError('the retinaface detector is not loaded: call load() first')
        image = checked(image_bgr)
        height, width = image.shape[:2]
        scale = min(1.0, self._long_side / max(height, width)) if self._long_side else 1.0
        if scale < 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        found = self._package.detect_faces(
            image, threshold=self._threshold, model=self._model, allow_upscaling=False
        )
        # An older release answers "nothing found" with a tuple.
        faces = found.values() if isinstance(found, dict) else ()
        return [_detection(face, width / image.shape[1], height / image.shape[0]) for face in faces]


def _detection(face: dict[str, Any], across: float, down: float) -> Detection:
    left, top, right, bottom = (float(value) for value in face['facial_area'])
    points = face['landmarks']
    ordered = [
        *sorted((points[name] for name in _EYES), key=lambda point: float(point[0])),
        points['nose'],
        *sorted((points[name] for name in _MOUTH), key=lambda point: float(point[0])),
    ]
    scale = np.array([across, down], np.float32)
    box = np.array([left * across, top * down, (right - left) * across, (bottom - top) * down])
    return Detection(
        box.astype(np.float32), float(face['score']), np.asarray(ordered, np.float32) * scale
    )
