"""``deepface``: the 7-class emotion network of the deepface package, called directly, batched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT, DEEPFACE_ORDER, fold
from mer_ros.estimates import uniform
from mer_ros.face.classification import FaceScores
from mer_ros.models import store
from mer_ros.models.calibration import calibrate
from mer_ros.models.card import ModelCard
from mer_ros.models.errors import ModelError
from mer_ros.models.session import THREADS, OnnxModel

_FLOOR = 1e-7


class DeepFaceClassifier:
    """The prototype's face classifier.

    ``DeepFace.analyze`` detects, letterboxes to 224 x 224 in black and classifies one face at a
    time, in a session that takes every core; here the crops of our own alignment go to the same
    file in one batch, without padding, on a bounded number of threads. What comes out is what the
    package's ``EmotionClient.predict`` gives for the same pixels. The package need not be there.

    Args:
        temperature: divides the log-probabilities; 0 takes the value of a card beside the
            weights (``facial_expression_model_weights.json``), else 1: the published network
            comes without one.
        threads: of ONNX Runtime.
    """

    name = 'deepface'

    def __init__(self, temperature: float = 0.0, threads: int = THREADS) -> None:
        if not 0.0 <= temperature < 100.0:
            raise ModelError(f'temperature is {temperature}; set it to 0 (from the card) or above')
        self.version = ''
        self.crop_size = 48
        self.prior = uniform()
        self._temperature = temperature
        self._threads = threads
        self._net: OnnxModel | None = None
        self._input = ''

    def load(self) -> None:
        """Read the weights, and the card if they have one.

        Raises:
            ModelError: the weights are missing, damaged or another model's.
        """
        weights = store.find('deepface')
        net = OnnxModel(weights, self._threads)
        takes = [shape for shape in net.inputs.values() if shape[1:] == (48, 48, 1)]
        if len(takes) != 1 or len(net.outputs) != 1:
            raise ModelError(
                f'{weights} takes {net.inputs}, not (N, 48, 48, 1): it is not the emotion network '
                'of deepface; delete that file and run `mer models pull deepface`'
            )
        name = next(iter(net.inputs))
        net.check({name: np.zeros((2, 48, 48, 1), np.float32)}, net.outputs[0], COUNT)
        card = ModelCard.path_of(weights)
        if not card.is_file():  # beside what a link points to
            card = ModelCard.path_of(weights.resolve())
        version, temperature = '1.0', 1.0  # of the release that the file is published in
        if card.is_file():
            read = ModelCard.read(card)
            self.prior = read.prior
            version, temperature = read.version, read.temperature
        self._temperature = self._temperature or temperature
        self.version = version
        self._input = name
        self._net = net

    def classify(self, crops: NDArray[np.uint8]) -> FaceScores:
        """Classify (N, 48, 48) uint8 grey crops, N ≥ 0; the face score is nan (it has none).

        Raises:
            ModelError: it is not loaded, or the crops have the wrong shape.
        """
        if self._net is None:
            raise ModelError('the deepface classifier is not loaded: call load() first')
        count = len(crops)
        nothing = np.full(count, np.nan, np.float32)
        if not count:
            return FaceScores(np.zeros((0, COUNT), np.float32), nothing)
        if crops.shape[1:] != (self.crop_size, self.crop_size):
            raise ModelError(f'crops of {crops.shape[1:]}, not ({self.crop_size},) * 2')
        images = crops[..., None].astype(np.float32) / np.float32(255.0)
        rows = self._net.run({self._input: images})[self._net.outputs[0]].reshape(count, COUNT)
        ours = fold(rows, DEEPFACE_ORDER)
        return FaceScores(calibrate(np.log(np.maximum(ours, _FLOOR)), self._temperature), nothing)
