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
