"""The embedded audio classifier: a small network on log-mel, trained here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mer_ros.audio.chunk import AudioError, Samples
from mer_ros.audio.log_mel import log_mel
from mer_ros.emotions import COUNT
from mer_ros.estimates import uniform
from mer_ros.models import store
from mer_ros.models.calibration import calibrate
from mer_ros.models.card import ModelCard, Voice
from mer_ros.models.session import OnnxModel

WINDOW = 16_000
"""Samples of the usual second."""


class LiteAudioClassifier:
    """``audio_lite.onnx`` with the temperatures and prior of its card.

    Args:
        path: another file of the same interface, with its card beside it; the embedded one
            where not given.
        threads: of the network.

    Attributes:
        version, prior: of the card, once loaded.
        clip_temperature: of the card, for answers pooled over a clip (mer_ros.audio.pooling);
            `classify` answers for single windows and takes the other.
        voice: of the card, for answers beside what was heard (mer_ros.audio.adaptation); `classify`
            answers for each window alone.
    """

    name = 'lite'

    def __init__(self, path: Path | str | None = None, threads: int = 1) -> None:
        self._path = Path(path) if path else None
        self._threads = threads
        self._model: OnnxModel | None = None
        self._temperature = 1.0
        self.clip_temperature = 1.0
        self.voice: Voice | None = None
        self.version = ''
        self.prior = uniform()

    def load(self) -> None:
        """Load network and card.

        Raises:
            ModelError: one is missing, damaged or not of this interface.
        """
        path = self._path or store.find('audio_lite')
        model = OnnxModel(path, self._threads)  # first: a file that is not there has no card
        card = ModelCard.read(path)
        silence = log_mel(np.zeros(WINDOW, np.float32))
        model.check({'logmel': np.stack([silence] * 2)}, 'logits', COUNT)
        self._temperature, self.version, self.prior = card.temperature, card.version, card.prior
        self.clip_temperature, self.voice = card.clip_temperature, card.voice
        self._model = model

    def classify(self, windows: Samples) -> Samples:
        """Return (N, 7) float32 calibrated probabilities of (N, n) float32 windows.

        Raises:
            AudioError: not loaded, or windows of another shape.
            ModelError: the network failed.
            ValueError: windows of less than 400 samples.
        """
        if self._model is None:
            raise AudioError('the audio classifier is not loaded; call load() first')
        if windows.ndim != 2:
            raise AudioError(f'classify takes (N, n) windows, not {windows.shape}')
        if not len(windows):
            return np.zeros((0, len(self.prior)), np.float32)
        spectra = np.stack([log_mel(window) for window in windows])
        return calibrate(self._model.run({'logmel': spectra})['logits'], self._temperature)
