"""Asking a classifier: windows alone or beside what was heard of the voice, answers checked."""

from __future__ import annotations

import numpy as np

from mer_ros.audio.adaptation import HOP_S, LAG_S, Adaptation
from mer_ros.audio.chunk import AudioError, Samples
from mer_ros.audio.classification import AudioClassifier, with_embeddings
from mer_ros.estimates import are_distributions
from mer_ros.models.card import Voice


class Answering:
    """A classifier and the voice that it has heard.

    Args:
        classifier: loaded; one with an attribute ``voice`` adapts.
        embeddings: keep the embedding that each window was answered by.

    Attributes:
        embedding: (E,) float32 of the last window; None where none was asked for.

    Raises:
        ModelError: embeddings are asked for, and the classifier has none.
    """

    def __init__(self, classifier: AudioClassifier, embeddings: bool = False) -> None:
        self._classifier = classifier
        self._embedder = with_embeddings(classifier) if embeddings else None
        self.embedding: Samples | None = None
        self._voice = self.adaptation(LAG_S)

    @property
    def embedder(self) -> str:
        """What makes the embeddings, ``'wav2vec2@1.0'``; empty where none are asked for."""
        embedder = self._embedder
        return f'{embedder.name}@{embedder.version}' if embedder is not None else ''

    @property
    def heard_s(self) -> float | None:
        """Seconds of speech that the next answer is beside, faded ones less; None: it has none."""
        return HOP_S * self._voice.heard if self._voice is not None else None

    def adaptation(self, lag_s: float = 0.0) -> Adaptation | None:
        """Return what adapts this classifier's answers to a new voice; None: it has none."""
        voice: Voice | None = getattr(self._classifier, 'voice', None)
        return Adaptation(voice, lag_s=lag_s) if voice is not None else None

    def reset(self) -> None:
        """Forget the voice."""
        if self._voice is not None:
            self._voice.reset()

    def answer(
        self, samples: Samples, stamp_ns: int, memory_s: float, hop_s: float = HOP_S
    ) -> Samples:
        """Return (7,): the answer to a window beside those of some time before, and remember it.

        Args:
            samples: (n,) float32, conditioned.
            stamp_ns: of the window.
            memory_s: seconds after which a window counts 1/e; 0: each is answered alone.
            hop_s: seconds from one window to the next.

        Raises:
            ModelError, AudioError: the classifier failed.
        """
        batch = samples[None]
        if self._embedder is not None:
            found, embeddings = self._embedder.classify_with_embeddings(batch)
            answers = self._checked(found, 1)
            self.embedding = embeddings[0]
        else:
            answers = self.alone(batch)
        voice = self._voice
        if voice is None:
            return np.asarray(answers[0])
        if not memory_s:
            voice.reset()
            return np.asarray(answers[0])
        voice.memory_s = memory_s
        voice.fade(stamp_ns)
        adapted = voice.adapt(answers)
        voice.add(answers, stamp_ns, hop_s / HOP_S)
        return np.asarray(adapted[0])

    def alone(self, batch: Samples) -> Samples:
        """Return (N, 7): the answers to (N, n) windows, each by itself.

        Raises:
            ModelError, AudioError: the classifier failed.
        """
        return self._checked(self._classifier.classify(batch), len(batch))

    def _checked(self, answers: Samples, count: int) -> Samples:
        if not are_distributions(answers, count):
            raise AudioError(
                f'audio classifier {self._classifier.name!r} gave {answers.shape} values that '
                'are no probabilities (7 that sum to 1); check it with `mer models verify`'
            )
        return answers
