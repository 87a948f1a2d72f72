"""Scores of a classifier: accuracy, UAR, macro F1, expected calibration error, confusion.

UAR is the unweighted average recall over the classes present in the truth (Schuller et al.,
2009). ECE follows Guo et al. (2017) with 15 equal bins of the top probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer_ros.emotions import COUNT

ECE_BINS = 15


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Return (7, 7) int64 counts; rows are the truth."""
    matrix = np.zeros((COUNT, COUNT), np.int64)
    np.add.at(matrix, (np.asarray(truth, np.int64), np.asarray(predicted, np.int64)), 1)
    return matrix


def uar(confusion: NDArray[np.int64]) -> float:
    """Return the mean recall over the classes with at least one true item; nan if none."""
    totals = confusion.sum(axis=1)
    present = totals > 0
    if not present.any():
        return float('nan')
    return float(np.mean(np.diag(confusion)[present] / totals[present]))


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Return the mean F1 over the classes with at least one true item; nan if none."""
    hits = np.diag(confusion).astype(np.float64)
    support = confusion.sum(axis=1)
    present = support > 0
    if not present.any():
        return float('nan')
    scores = 2 * hits / np.maximum(support + confusion.sum(axis=0), 1)
    return float(np.mean(scores[present]))


def expected_calibration_error(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the ECE in [0, 1] of (N, 7) probabilities against (N,) true labels; nan if N = 0."""
    table = np.asarray(probabilities, np.float64)
    if table.shape[0] == 0:
        return float('nan')
    top = table.max(axis=1)
    right = table.argmax(axis=1) == np.asarray(truth)
    bins = np.minimum((top * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    count = np.bincount(bins, minlength=ECE_BINS)
    gap = np.abs(
        np.bincount(bins, right, minlength=ECE_BINS) - np.bincount(bins, top, minlength=ECE_BINS)
    )
    return float(gap.sum() / count.sum())


def calibration_check(truth: ArrayLike, probabilities: ArrayLike, rounds: int) -> dict[str, Any]:
    """Return what an ECE is to be compared with; binned, it is above 0 for the best forecaster.

    Args:
        truth: (N,) labels in 0..6, N >= 1.
        probabilities: (N, 7), rows sum to 1.
        rounds: resamplings, seeded; at least 1.

    Returns:
        ``ece_95``, the percentile bootstrap interval, which lies too high, since resampling adds
        to the scatter in the bins; ``ece_debiased`` and ``ece_basic_95``, estimate and interval
        with the bootstrap's own estimate of that bias taken off (Davison & Hinkley 1997, 5.2),
        not below 0; and ``ece_if_calibrated`` and ``ece_if_calibrated_95``, mean and interval of
        what a perfectly calibrated classifier of these probabilities would be given for as many
        items (consistency resampling, Broecker & Smith 2007).
    """
    labels, table = np.asarray(truth, np.int64), np.asarray(probabilities, np.float64)
    rng = np.random.default_rng(0)
    count = labels.size
    edges = table.cumsum(axis=1)
    drawn, ideal = np.empty(rounds), np.empty(rounds)
    for index in range(rounds):
        rows = rng.integers(0, count, count)
        drawn[index] = expected_calibration_error(labels[rows], table[rows])
        said = (rng.random((count, 1)) * edges[:, -1:] > edges).sum(axis=1)
        ideal[index] = expected_calibration_error(said, table)
    measured = expected_calibration_error(labels, table)
    low, high = np.percentile(drawn, [2.5, 97.5])
    basic = np.maximum(2.0 * measured - np.array([high, low]), 0.0)
    return {
        'ece': measured,
        'ece_95': [float(low), float(high)],
        'ece_debiased': max(2.0 * measured - float(drawn.mean()), 0.0),
        'ece_basic_95': basic.tolist(),
        'ece_if_calibrated': float(ideal.mean()),
        'ece_if_calibrated_95': np.percentile(ideal, [2.5, 97.5]).tolist(),
    }


def score(truth: ArrayLike, probabilities: ArrayLike) -> dict[str, Any]:
    """Return the fixed fields of ``mer evaluate``.

    Args:
        truth: (N,) labels in 0..6.
        probabilities: (N, 7), rows sum to 1.

    Returns:
        ``n, accuracy, uar, macro_f1, ece, confusion`` (confusion as nested lists).

    Raises:
        ValueError: the shapes do not fit.
    """
    labels = np.asarray(truth, np.int64)
    table = np.asarray(probabilities, np.float64)
    if table.ndim != 2 or table.shape != (labels.size, COUNT):
        raise ValueError(f'probabilities are {table.shape}, not ({labels.size}, {COUNT})')
    predicted = table.argmax(axis=1)
    matrix = confusion_matrix(labels, predicted)
    return {
        'n': int(labels.size),
        'accuracy': float(np.mean(predicted == labels)) if labels.size else float('nan'),
        'uar': uar(matrix),
        'macro_f1': macro_f1(matrix),
        'ece': expected_calibration_error(labels, table),
        'confusion': matrix.tolist(),
    }
