"""Other ways to fuse two tables of distributions, to compare with.

See Kittler et al. (1998), "On combining classifiers", IEEE PAMI 20, 226-239, for mean, product
and maximum; Shafer (1976), "A mathematical theory of evidence", for the discounted combination.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT
from mer_ros.fusion.pooling import FLOOR

Table = NDArray[np.float64]


def mean(face: Table, audio: Table) -> Table:
    """Return the mean of (N, 7) probabilities."""
    return np.asarray(0.5 * (face + audio), np.float64)


def product(face: Table, audio: Table) -> Table:
    """Return the normalised product of (N, 7) probabilities."""
    return _normalised(np.maximum(face, FLOOR) * np.maximum(audio, FLOOR))


def maximum(face: Table, audio: Table) -> Table:
    """Return the normalised maximum of (N, 7) probabilities."""
    return _normalised(np.maximum(face, audio))


def dempster_shafer(face: Table, audio: Table, face_belief: float, audio_belief: float) -> Table:
    """Return the pignistic probabilities, (N, 7), of Dempster's combination.

    Args:
        face: (N, 7), discounted to ``face_belief``; the rest goes to "any of the seven".
        audio: (N, 7), discounted to ``audio_belief``.
        face_belief: 0..1, for example the accuracy on other data.
        audio_belief: 0..1.
    """
    both = face_belief * face * audio_belief * audio
    one = face_belief * face * (1.0 - audio_belief) + (1.0 - face_belief) * audio_belief * audio
    unknown = (1.0 - face_belief) * (1.0 - audio_belief)
    return _normalised(both + one + unknown / COUNT)


def _normalised(table: Table) -> Table:
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float64)
