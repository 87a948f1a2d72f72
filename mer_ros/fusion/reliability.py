"""How far each modality is to be believed now: staleness, and agreement with the other one.

The agreement of two distributions is the mean of a Gaussian kernel over the valence/arousal
plane, relative to what two independent draws from the prior would give:

    A = (p_f' K p_a) / (pi' K pi),     K_ij = exp(-|va_i - va_j|^2 / (2 s^2))

With s -> 0 this is ``sum_y p_f(y) p_a(y) / sum_y pi(y)^2``: the Bayes factor of "both show the
same" against "they have nothing to do with each other". The kernel lets anger and fear disagree
less than anger and happiness. A is turned into P(this modality belongs to the subject) by a
logistic function fitted on clips with swapped sound (``training/fusion.py``), and that is
a factor of the modality's reliability; the posterior itself is never blurred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer_ros.emotions import COUNT, VALENCE_AROUSAL

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """logit P(belongs) = bias + agreement * log A + face * H(p_f) + audio * H(p_a).

    Attributes:
        bias: logit of the prior P(belongs).
        agreement: slope on the log of the relative agreement.
        face_entropy: slope on the face's entropy, 0..1 of its maximum.
        audio_entropy: slope on the audio's entropy, 0..1 of its maximum.
    """

    bias: float
    agreement: float = 0.0
    face_entropy: float = 0.0
    audio_entropy: float = 0.0


def decay(age_s: float, half_life_s: float) -> float:
    """Return the factor in (0, 1] that evidence keeps at an age; 1 for no age or a negative one."""
    return float(0.5 ** (max(age_s, 0.0) / half_life_s))


def kernel(width: float) -> Table:
    """Return the (7, 7) similarity of the emotions; the identity for a width of 0."""
    points = VALENCE_AROUSAL.astype(np.float64)
    if width <= 0.0:
        return np.eye(COUNT)
    squared = ((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=-1)
    return np.asarray(np.exp(-squared / (2.0 * width * width)), np.float64)


def entropy(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the entropy of (..., 7) probabilities as a share of its maximum, (...)."""
    table = np.maximum(np.asarray(probabilities, np.float64), 1e-12)
    return np.asarray(-(table * np.log(table)).sum(axis=-1) / math.log(COUNT), np.float64)


def log_agreement(face: ArrayLike, audio: ArrayLike, prior: ArrayLike, width: float) -> Table:
    """Return the log of the relative agreement of (..., 7) distributions, (...)."""
    similarity = kernel(width)
    chance = np.asarray(prior, np.float64) @ similarity @ np.asarray(prior, np.float64)
    both = (np.asarray(face, np.float64) @ similarity * np.asarray(audio, np.float64)).sum(axis=-1)
    return np.asarray(np.log(np.maximum(both, 1e-12) / chance), np.float64)


def belongs(gate: Gate, agreement: ArrayLike, face: ArrayLike, audio: ArrayLike) -> Table:
    """Return P(the gated modality belongs to the subject), (...)."""
    logit = (
        gate.bias
        + gate.agreement * np.asarray(agreement, np.float64)
        + gate.face_entropy * entropy(face)
        + gate.audio_entropy * entropy(audio)
    )
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0))), np.float64)


def gated(reliability: float, other: float, belonging: float) -> float:
    """Return a reliability after the other modality had its say.

    The other's say counts as far as the other is reliable itself: beside one of reliability 0
    nothing changes at all.
    """
    return reliability * (1.0 - other * (1.0 - belonging))
