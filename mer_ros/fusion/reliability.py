"""How far each modality is to be believed now: staleness, and agreement with the other one.

The agreement of two distributions is the mean of a Gaussian kernel over the valence/arousal
plane, relative to what two independent draws from the prior would give:

    A = (p_f' K p_a) / (pi' K pi),     K_ij = exp(-|va_i - va_j|^2 / (2 s^2))

With s -> 0 this is ``sum_y p_f(y) p_a(y) / sum_y pi(y)^2``: the Bayes factor of "both show the
same" against "they have nothing to do with each other". The kernel lets anger and fear disagree
less than anger and happiness. Together with the prior trust A gives P(the voice belongs to the
face), which the reliability of the voice's evidence and the running trust follow. In the pool,
doubt acts by mixing the voice's probabilities with its prior: log(rho p_a + (1 - rho) pi) is what
Bayes' rule gives when the voice is this subject's with probability rho. The kernel never
touches the posterior itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer_ros.emotions import COUNT, VALENCE_AROUSAL

Table = NDArray[np.float64]


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


def log_agreement(face: ArrayLike, audio: ArrayLike, prior: ArrayLike, width: float) -> Table:
    """Return the log of the relative agreement of (..., 7) distributions, (...)."""
    similarity = kernel(width)
    chance = np.asarray(prior, np.float64) @ similarity @ np.asarray(prior, np.float64)
    both = (np.asarray(face, np.float64) @ similarity * np.asarray(audio, np.float64)).sum(axis=-1)
    return np.asarray(np.log(np.maximum(both, 1e-12) / chance), np.float64)


def belonging(trust: ArrayLike, log_bayes_factor: ArrayLike) -> Table:
    """Return P(the voice belongs to the face) after comparing what they say, (...).

    Args:
        trust: P(the voice belongs to the face) before.
        log_bayes_factor: of "own voice" against "foreign voice": the log agreement, scaled.
    """
    prior = np.clip(np.asarray(trust, np.float64), 1e-9, 1.0 - 1e-9)
    logit = np.log(prior / (1.0 - prior)) + np.asarray(log_bayes_factor, np.float64)
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0))), np.float64)


def doubted(probabilities: ArrayLike, prior: ArrayLike, doubt: ArrayLike) -> Table:
    """Return what (..., 7) probabilities say of a subject that they may not belong to.

    With probability ``doubt`` they are somebody else's and say nothing: a mixture with the prior.
    """
    share = np.asarray(doubt, np.float64)[..., None]
    mixed = (1.0 - share) * np.asarray(probabilities, np.float64) + share * np.asarray(prior)
    return np.asarray(mixed, np.float64)


def gated(reliability: float, other: float, belongs: float) -> float:
    """Return a reliability after the other modality had its say.

    The other's say counts as far as the other is reliable itself: beside one of reliability 0
    nothing changes at all.
    """
    return reliability * (1.0 - other * (1.0 - belongs))
