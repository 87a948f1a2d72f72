"""``deepface``: the 7-class emotion network of the deepface package, called directly, batched."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT, DEEPFACE_ORDER, fold
from mer_ros.estimates import uniform
from mer_ros.face import deepface_home
from mer_ros.face.classification import FaceScores
from mer_ros.models.calibration import calibrate
from mer_ros.models.card import ModelCard
from mer_ros.models.errors import ModelError

_FLOOR = 1e-7


class DeepFaceClassifier:
    """The prototype's face classifier.

    ``DeepFace.analyze`` detects, letterboxes to 224 x 224 in black and classifies one face at a
    time; here the crops of our own alignment go to the network in one batch, without padding.

    Args:
        temperature: divides the log-probabilities; 0 takes the value of a card beside the
            weights (``facial_expression_model_weights.json``), else 1: the published network
            comes without one.
    """

    name = 'deepface'

    def __init__(self, temperature: float = 0.0) -> None:
        if not 0.0 <= temperature < 100.0:
            raise ModelError(f'temperature is {temperature}; set it to 0 (from the card) or above')
        self.version = ''
        self.crop_size = 48
        self.prior = uniform()
        self._temperature = temperature
        self._client: Any = None

    def load(self) -> None:
        """Build the network.

        Raises:
            ModelError: deepface is not installed, or its weights are missing or damaged.
        """
        weights = deepface_home.provide('deepface')
        try:
            from deepface import __version__
            from deepface.modules import modeling
        except (ImportError, ValueError) as error:  # ValueError: its engine is not installed
            raise ModelError(
                f'the deepface backend needs the deepface package ({error}); '
                "pip install 'mer_ros[deepface]'"
            ) from error
        try:
            # Not DeepFace.build_model: it keeps every model for good, a changed file unseen.
            client = modeling.get_model_class('facial_attribute', 'Emotion')()
        except Exception as error:  # deepface wraps every fault in a class of its own choice
            raise ModelError(f'deepface cannot load {weights}: {error}') from error
        card = ModelCard.path_of(weights.resolve())
        if card.is_file():
            read = ModelCard.read(card)
            self.prior = read.prior
            self._temperature = self._temperature or read.temperature
        self._temperature = self._temperature or 1.0
        self.version = str(__version__)
        self._client = client

    def classify(self, crops: NDArray[np.uint8]) -> FaceScores:
        """Classify (N, 48, 48) uint8 grey crops, N ≥ 0; the face score is nan (it has none).

        Raises:
            ModelError: it is not loaded, or the crops have the wrong shape.
        """
        if self._client is None:
            raise ModelError('the deepface classifier is not loaded: call load() first')
        count = len(crops)
        nothing = np.full(count, np.nan, np.float32)
        if not count:
            return FaceScores(np.zeros((0, COUNT), np.float32), nothing)
        if crops.shape[1:] != (self.crop_size, self.crop_size):
            raise ModelError(f'crops of {crops.shape[1:]}, not ({self.crop_size},) * 2')
        # It takes BGR in 0..1 and turns it grey again: three equal channels stay what they are.
        images = np.repeat(crops[..., None].astype(np.float32) / 255.0, 3, axis=3)
        rows = np.asarray(self._client.predict(images), np.float32).reshape(count, COUNT)
        ours = fold(rows, DEEPFACE_ORDER)
        return FaceScores(calibrate(np.log(np.maximum(ours, _FLOOR)), self._temperature), nothing)
