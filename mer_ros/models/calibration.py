"""Turning logits into probabilities that mean what they say.

Temperature scaling follows Guo et al. (2017), "On calibration of modern neural networks".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

TEMPERATURE_RANGE = (0.05, 20.0)


def softmax(logits: ArrayLike) -> NDArray[np.float32]:
    """Return the softmax over the last axis: (..., K) float32, rows sum to 1."""
    values = np.asarray(logits, np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def calibrate(logits: ArrayLike, temperature: float) -> NDArray[np.float32]:
    """Return softmax(logits / temperature): (..., K) float32, rows sum to 1.

    Raises:
        ValueError: the temperature is not a positive number.
    """
    if not (np.isfinite(temperature) and temperature > 0.0):
        raise ValueError(f'temperature {temperature} is not a positive number')
    return softmax(np.asarray(logits, np.float64) / temperature)


def negative_log_likelihood(logits: ArrayLike, labels: ArrayLike, temperature: float) -> float:
    """Return the mean NLL in nats of (N, K) logits at a temperature against (N,) labels."""
    values = np.asarray(logits, np.float64) / temperature
    values = values - values.max(axis=1, keepdims=True)
    chosen = values[np.arange(len(values)), np.asarray(labels, np.int64)]
    return float(np.mean(np.log(np.exp(values).sum(axis=1)) - chosen))


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Return the temperature in :data:`TEMPERATURE_RANGE` that minimises the NLL.

    Args:
        logits: (N, K) with N ≥ 1, of data that the model was not trained on.
        labels: (N,) true classes.

    Raises:
        ValueError: there is nothing to fit on, or the shapes do not fit.
    """
    from scipy.optimize import minimize_scalar  # only fitting needs it, and it loads slowly

    values = np.asarray(logits, np.float64)
    truth = np.asarray(labels, np.int64)
    if values.ndim != 2 or truth.shape != values.shape[:1] or not truth.size:
        raise ValueError(f'cannot fit on logits {values.shape} and labels {truth.shape}')
    if not np.isfinite(values).all():
        raise ValueError('cannot fit on logits that are not finite')

    # NLL is convex in 1/T, hence unimodal in log T: a bounded search finds the one minimum.
    result = minimize_scalar(
        lambda log_t: negative_log_likelihood(values, truth, float(np.exp(log_t))),
        bounds=tuple(np.log(TEMPERATURE_RANGE)),
        method='bounded',
        options={'xatol': 1e-6},
    )
    return float(np.exp(result.x))
