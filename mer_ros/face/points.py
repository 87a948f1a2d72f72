"""Five landmarks for the boxes of detectors that give none, from a small network on the crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face.alignment import crop, to_crop
from mer_ros.face.detection import Detection
from mer_ros.models import store
from mer_ros.models.card import ModelCard
from mer_ros.models.errors import ModelError
from mer_ros.models.session import OnnxModel

MODEL = 'face_points'


class LandmarkNet:
    """``face_points.onnx`` and its card.

    The card's ``input`` may have ``margin``: how much more than the box the network wants to
    see, as a share of the box's side on each side.

    Args:
        threads: of ONNX Runtime.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._net: OnnxModel | None = None
        self._size = 48
        self._margin = 0.0

    @staticmethod
    def available() -> bool:
        """Return whether the model is there."""
        return store.locate(MODEL) is not None

    def load(self) -> None:
        """Read the weights and the card.

        Raises:
            ModelError: one of them is missing or damaged, or the model has another interface.
        """
        path = store.find(MODEL)
        net = OnnxModel(path, self._threads)
        shape = net.inputs.get('images', ())
        if len(shape) != 4 or not isinstance(shape[3], int) or 'points' not in net.outputs:
            raise ModelError(
                f'{path} must take images (N, 1, S, S) and give points (N, 5, 2), but takes '
                f'{net.inputs} and gives {net.outputs}'
            )
        found = net.run({'images': np.zeros((2, 1, shape[3], shape[3]), np.float32)})['points']
        if found.shape not in ((2, 5, 2), (2, 10)):
            raise ModelError(
                f'{path} must give points (2, 5, 2) for 2 images, but gives {found.shape}; it is '
                'not the model this backend was written for'
            )
        self._size = shape[3]
        self._margin = float(ModelCard.read(path).input.get('margin', 0.0))
        self._net = net

    def fill(self, gray: NDArray[np.uint8], detections: Sequence[Detection]) -> list[Detection]:
        """Return the detections, those without landmarks with the network's.

        Args:
            gray: (H, W) uint8, the image they were found in.
            detections: the faces.

        Raises:
            ModelError: it is not loaded.
        """
        if self._net is None:
            raise ModelError('the landmark network is not loaded: call load() first')
        filled = list(detections)
        bare = [i for i, detection in enumerate(filled) if detection.landmarks is None]
        if not bare:
            return filled
        crops = np.stack([crop(gray, filled[i], self._size, self._margin) for i in bare])
        points = self._net.run({'images': crops[:, None].astype(np.float32)})['points']
        for index, place in zip(bare, points.reshape(-1, 5, 2), strict=True):
            back = cv2.invertAffineTransform(to_crop(filled[index], self._size, self._margin))
            pixels = place * self._size @ back[:, :2].T + back[:, 2]
            filled[index] = replace(filled[index], landmarks=np.asarray(pixels, np.float32))
        return filled
