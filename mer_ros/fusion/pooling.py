"""The weighted log-linear pool of DESIGN section 5, as pure functions.

    log p  =  log pi + sum_m  w_m r_m (log p_m - log pi_m)  + const

This is the logarithmic opinion pool (Genest & Zidek 1986, "Combining probability distributions",
Statistical Science 1, 114-148) with each expert's own prior taken out first, as in the product
rule for experts that are independent given the class (Bailey & Gruner's "conditionally
independent" case), tempered by a learned weight ``w`` and by the reliability ``r`` of now.

All arithmetic is float64; the engine rounds to float32 once, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer_ros.emotions import COUNT
from mer_ros.fusion.errors import FusionError

FLOOR = 1e-6
"""Probabilities are raised to this before the logarithm, so that no expert has a veto."""

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Opinion:
    """What one modality says.

    Attributes:
        probabilities: (7,) calibrated, sums to 1.
        reliability: r, 0..1.
        weight: w in the company of a fully reliable other modality; >= 0.
        prior: (7,) the class prior that the model was trained under.
    """

    probabilities: NDArray[np.floating]
    reliability: float
    weight: float
    prior: NDArray[np.floating]


def log_floored(probabilities: ArrayLike) -> Table:
    """Return the log of (..., 7) probabilities, each raised to :data:`FLOOR` first."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), FLOOR))


def softmax(logits: ArrayLike) -> Table:
    """Return (..., 7) float64 probabilities of (..., 7) logits."""
    table = np.asarray(logits, np.float64)
    exponents = np.exp(table - table.max(axis=-1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=-1, keepdims=True), np.float64)


def temper(probabilities: ArrayLike, temperature: float) -> Table:
    """Return ``p ** (1 / temperature)``, normalised: temperature scaling (Guo et al. 2017)."""
    if temperature == 1.0:
        return np.asarray(probabilities, np.float64)
    return softmax(log_floored(probabilities) / temperature)


def weights(opinions: Sequence[Opinion]) -> list[float]:
    """Return the exponent ``w_m r_m`` of each opinion.

    A weight fitted for a pair holds in company only: it goes linearly from 1, when the others'
    reliability is 0, to its fitted value, when the most reliable of them has 1.
    """
    exponents = []
    for index, opinion in enumerate(opinions):
        others = [other.reliability for place, other in enumerate(opinions) if place != index]
        company = max(others, default=0.0)
        exponents.append((1.0 + (opinion.weight - 1.0) * company) * opinion.reliability)
    return exponents


def shares(opinions: Sequence[Opinion]) -> list[float]:
    """Return each opinion's share of the exponents; they sum to 1, or are all 0."""
    exponents = weights(opinions)
    total = sum(sorted(exponents))
    return [exponent / total if total > 0.0 else 0.0 for exponent in exponents]


def evidence(opinions: Sequence[Opinion]) -> Table:
    """Return (7,) the sum of ``w_m r_m (log p_m - log pi_m)``: log evidence without the prior.

    The terms are added in an order that does not depend on the order of the opinions, so that
    permuting the modalities changes no bit of the result.

    Raises:
        FusionError: probabilities are not 7 finite numbers, or a reliability is outside [0, 1].
    """
    terms = []
    for opinion, exponent in zip(opinions, weights(opinions), strict=True):
        if not 0.0 <= opinion.reliability <= 1.0:
            raise FusionError(
                f'reliability {opinion.reliability} is outside 0..1: mend the node that sent it'
            )
        if np.shape(opinion.probabilities) != (COUNT,):
            raise FusionError(
                f'probabilities have shape {np.shape(opinion.probabilities)}, not ({COUNT},)'
            )
        if not np.all(np.isfinite(opinion.probabilities)):
            raise FusionError('probabilities are not finite: mend the classifier that sent them')
        terms.append(exponent * (log_floored(opinion.probabilities) - log_floored(opinion.prior)))
    total = np.zeros(COUNT, np.float64)
    for term in sorted(terms, key=lambda row: tuple(row.tolist())):
        total = total + term
    return total


def posterior(log_evidence: Table, prior: ArrayLike) -> Table:
    """Return (7,) float64 probabilities: the prior times the evidence, normalised."""
    return softmax(log_floored(prior) + log_evidence)


def pool(opinions: Sequence[Opinion], prior: ArrayLike) -> Table:
    """Return the (7,) float64 pooled probabilities; the prior when there is no evidence."""
    return posterior(evidence(opinions), prior)
