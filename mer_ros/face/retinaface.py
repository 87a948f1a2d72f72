"""``retinaface``: RetinaFace (Deng et al., 2020) of the retina-face package, by ONNX Runtime."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face import deepface_engine
from mer_ros.face.detection import Detection, Image, checked
from mer_ros.face.errors import FaceError
from mer_ros.models import store
from mer_ros.models.errors import ModelError
from mer_ros.models.session import THREADS, OnnxModel

# The package says "right" for the mouth corner on the image's left only in newer releases; by
# place it is sure.
_EYES, _MOUTH = ('right_eye', 'left_eye'), ('mouth_right', 'mouth_left')


class RetinaFaceDetector:
    """Finds faces with five landmarks: the most accurate detector here and the slowest by far.

    Args:
        long_side: pixels the image's longer side is shrunk to (never enlarged): the cost grows
            with its square; 0 takes the image as it is.
        threshold: least score of a face, 0..1.
        threads: of ONNX Runtime.
    """

    name = 'retinaface'

    def __init__(
        self, long_side: int = 320, threshold: float = 0.9, threads: int = THREADS
    ) -> None:
        if (long_side and long_side < 64) or not 0 < threshold < 1:
            raise FaceError(
                f'retinaface: long_side {long_side} must be 0 or ≥ 64, threshold {threshold} '
                'within 0..1'
            )
        self.version = ''
        self._long_side = long_side
        self._threshold = threshold
        self._threads = threads
        self._package: Any = None
        self._net: _Network | None = None

    def load(self) -> None:
        """Build the network.

        Raises:
            ModelError: retina-face is not installed, or its weights are missing or damaged.
        """
        deepface_engine.choose_onnx()
        weights = store.find('retinaface')
        try:
            from retinaface import RetinaFace, __version__
        except (ImportError, ValueError) as error:  # ValueError: its engine is not installed
            raise ModelError(
                f'the retinaface backend needs the retina-face package ({error}); '
                "pip install 'mer_ros[deepface]'"
            ) from error
        # Not RetinaFace.build_model: it keeps the network for good and takes every core.
        self._net = _Network(OnnxModel(weights, self._threads))
        self._package = RetinaFace
        self.version = str(__version__)

    def detect(self, image_bgr: Image) -> list[Detection]:
        """Find the faces of a (H, W, 3) uint8 BGR image.

        Raises:
            ModelError: it is not loaded.
            FaceError: the image is not of that shape and type.
        """
        if self._net is None:
            raise ModelError('the retinaface detector is not loaded: call load() first')
        image = checked(image_bgr)
        height, width = image.shape[:2]
        scale = min(1.0, self._long_side / max(height, width)) if self._long_side else 1.0
        if scale < 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        found = self._package.detect_faces(
            image, threshold=self._threshold, model=self._net, allow_upscaling=False
        )
        # An older release answers "nothing found" with a tuple.
        faces = found.values() if isinstance(found, dict) else ()
        return [_detection(face, width / image.shape[1], height / image.shape[0]) for face in faces]


class _Network:
    """What ``detect_faces`` calls with (1, H, W, 3) float32 and expects the raw maps of."""

    def __init__(self, net: OnnxModel) -> None:
        self._net = net
        self._input = next(iter(net.inputs))

    def __call__(self, images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        whole = np.ascontiguousarray(images, np.float32)
        return list(self._net.run({self._input: whole}).values())


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
