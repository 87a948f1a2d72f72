"""What an audio classifier is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from mer_ros.audio.chunk import Samples
from mer_ros.models.errors import ModelError


class AudioClassifier(Protocol):
    """Says which emotion a window of speech displays."""

    name: str
    version: str

    @property
    def prior(self) -> Samples:
        """(7,) float32: class frequencies of its training; sums to 1."""

    def load(self) -> None:
        """Make ready; raises ModelError when the model is missing or damaged."""

    def classify(self, windows: Samples) -> Samples:
        """Return calibrated probabilities.

        Args:
            windows: (N, n) float32 in [-1, 1], 16 kHz mono, n = 16000 for 1 s.

        Returns:
            (N, 7) float32, order of ``emotions.Emotion``, rows sum to 1.

        Raises:
            AudioError, ModelError: not loaded, or the model failed.
        """


@runtime_checkable
class EmbeddingClassifier(AudioClassifier, Protocol):
    """One that can give the vectors that it classifies by as well."""

    def classify_with_embeddings(self, windows: Samples) -> tuple[Samples, Samples]:
        """Return what ``classify`` returns, and the (N, E) float32 embeddings, in one go.

        Raises:
            AudioError, ModelError: as ``classify``.
        """


def with_embeddings(classifier: AudioClassifier) -> EmbeddingClassifier:
    """Return a classifier as one that gives embeddings.

    Raises:
        ModelError: it gives none.
    """
    if not isinstance(classifier, EmbeddingClassifier):
        raise ModelError(
            f'the audio classifier {classifier.name!r} has no embeddings; set classifier to '
            'wav2vec2, or embeddings to false'
        )
    return classifier
