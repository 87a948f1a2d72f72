"""What a face classifier is and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mer_ros.estimates import are_distributions
from mer_ros.models.errors import ModelError


@dataclass(frozen=True)
class FaceScores:
    """What a classifier says of N crops.

    Attributes:
        probabilities: (N, 7) float32, calibrated, order of ``emotions.Emotion``, rows sum to 1.
        face_score: (N,) float32: P(the crop shows a face); nan where the model has no such
            output.
    """

    probabilities: NDArray[np.float32]
    face_score: NDArray[np.float32]


def scores_of(classifier: FaceClassifier, crops: NDArray[np.uint8]) -> FaceScores:
    """Classify crops and look over what comes back, whoever wrote the classifier.

    Args:
        classifier: loaded.
        crops: (N, S, S) uint8 grey, N >= 0.

    Raises:
        ModelError: it is not loaded, failed, or its answers are no probabilities.
    """
    scores = classifier.classify(crops)
    table = scores.probabilities
    if not are_distributions(table, len(crops)):
        raise ModelError(
            f'face classifier {classifier.name!r} gave {table.shape} values that are no '
            'probabilities (7 that sum to 1); check its model (`mer models verify`) or mend the '
            'backend'
        )
    if np.shape(scores.face_score) != (len(crops),):
        raise ModelError(
            f'face classifier {classifier.name!r} gave {np.shape(scores.face_score)} face scores '
            f'for {len(crops)} faces; mend the backend: one each, nan where it has none'
        )
    return scores


class FaceClassifier(Protocol):
    """Names the displayed emotion of face crops.

    Attributes:
        name: for example ``lite``.
        version: known after :meth:`load`.
        crop_size: S, side of the crops it takes.
        prior: (7,) float32: class frequencies that it was trained with; known after
            :meth:`load`.
    """

    name: str
    version: str
    crop_size: int
    prior: NDArray[np.float32]

    def load(self) -> None:
        """Read the weights.

        Raises:
            ModelError: they are missing or damaged.
        """

    def classify(self, crops: NDArray[np.uint8]) -> FaceScores:
        """Classify (N, S, S) uint8 grey crops of :func:`mer_ros.face.alignment.crop`, N ≥ 0."""
