"""The embedded face classifier: a small CNN on 48x48 grey crops, run in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT
from mer_ros.estimates import uniform
from mer_ros.face.classification import FaceScores
from mer_ros.models import store
from mer_ros.models.calibration import calibrate
from mer_ros.models.card import ModelCard
from mer_ros.models.errors import ModelError
from mer_ros.models.session import THREADS, OnnxModel


class LiteFaceClassifier:
    """``lite``: ``face_lite.onnx`` and its card.

    Args:
        path: an ONNX file of the same interface (docs/architecture.md) with its card beside
            it, for a model of one's own; by default the embedded one.
        threads: of ONNX Runtime.
    """

    name = 'lite'

    def __init__(self, path: Path | str | None = None, threads: int = THREADS) -> None:
        self.version = ''
        self.crop_size = 48
        self.prior = uniform()
        self._path = Path(path).expanduser() if path else None
        self._threads = threads
        self._temperature = 1.0
        self._net: OnnxModel | None = None

    def load(self) -> None:
        """Read the weights and the card.

        Raises:
            ModelError: one of them is missing or damaged, or the model has another interface.
        """
        path = self._path or store.find('face_lite')
        net = OnnxModel(path, self._threads)
        card = ModelCard.read(path)
        shape = net.inputs.get('images', ())
        if len(shape) != 4 or not isinstance(shape[3], int) or 'logits' not in net.outputs:
            raise ModelError(
                f'{path} must take images (N, 1, S, S) and give logits (N, 7), but takes '
                f'{net.inputs} and gives {net.outputs}'
            )
        nothing = np.zeros((2, 1, shape[3], shape[3]), np.float32)
        net.check({'images': nothing}, 'logits', COUNT)
        face = net.run({'images': nothing}).get('face_logit')
        if face is not None and face.shape not in ((2,), (2, 1)):
            raise ModelError(
                f'{path} must give face_logit (2,) for 2 images, or none, but gives {face.shape}; '
                'it is not the model this backend was written for'
            )
        self.version = card.version
        self.prior = card.prior
        self.crop_size = shape[3]
        self._temperature = card.temperature
        self._net = net

    def logits(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the uncalibrated (N, 7) logits and the (N,) face score (nan without one).

        Raises:
            ModelError: it is not loaded, or the crops have the wrong shape.
        """
        if self._net is None:
            raise ModelError('the face classifier is not loaded: call load() first')
        count = len(crops)
        if not count:
            return np.zeros((0, COUNT), np.float32), np.zeros(0, np.float32)
        if crops.shape[1:] != (self.crop_size, self.crop_size):
            raise ModelError(f'crops of {crops.shape[1:]}, not ({self.crop_size},) * 2')
        outputs = self._net.run({'images': crops[:, None].astype(np.float32)})
        face = outputs.get('face_logit')
        score = (
            np.full(count, np.nan, np.float32)
            if face is None
            else np.asarray(1.0 / (1.0 + np.exp(-face.reshape(count))), np.float32)
        )
        return outputs['logits'].reshape(count, COUNT), score

    def classify(self, crops: NDArray[np.uint8]) -> FaceScores:
        """Classify (N, S, S) uint8 grey crops, N ≥ 0.

        Raises:
            ModelError: it is not loaded, or the crops have the wrong shape.
        """
        logits, score = self.logits(crops)
        return FaceScores(calibrate(logits, self._temperature), score)
