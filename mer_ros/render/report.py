"""Pictures of an evaluation: the confusion matrix and the reliability diagram."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer_ros.emotions import COUNT, LABELS
from mer_ros.metrics import ECE_BINS, expected_calibration_error, uar
from mer_ros.render.palette import GRID, INK, PAPER, Colour
from mer_ros.render.text import Image, put, width

_CELL, _SIDE = 64, 480
_LEFT, _TOP, _EDGE = 110, 64, 24
_BLUE: Colour = (180, 110, 40)
_RED: Colour = (80, 80, 220)


def confusion(matrix: ArrayLike, title: str) -> Image:
    """Draw a (7, 7) matrix of counts, rows the truth: each cell its count and share of the row.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    counts = np.asarray(matrix, np.int64)
    totals = counts.sum(axis=1)
    image = _sheet(COUNT * _CELL, COUNT * _CELL)
    put(image, title, 10, 20, 11, INK, bold=True)
    caption = f'{totals.sum()} items, UAR {uar(counts):.3f}; rows: truth, columns: answer'
    put(image, caption, 10, 38, 9, INK)
    for row in range(COUNT):
        y = _TOP + row * _CELL
        put(image, LABELS[row], 8, y + 30, 10, INK)
        put(image, f'n = {totals[row]}', 8, y + 46, 8, INK)
        for column in range(COUNT):
            x = _LEFT + column * _CELL
            share = counts[row, column] / totals[row] if totals[row] else 0.0
            _fill(image, x, y, _CELL - 1, _CELL - 1, _shade(share))
            ink = PAPER if share > 0.55 else INK
            _centred(image, f'{100 * share:.0f}%', x + _CELL // 2, y + 31, 11, ink)
            _centred(image, str(counts[row, column]), x + _CELL // 2, y + 48, 8, ink)
    for column in range(COUNT):
        _centred(image, LABELS[column], _LEFT + column * _CELL + _CELL // 2, _TOP - 6, 8, INK)
    return image


def reliability(truth: ArrayLike, probabilities: ArrayLike, title: str) -> Image:
    """Draw how often the answer is right against how sure it is, in the ECE's bins.

    Args:
        truth: (N,) labels.
        probabilities: (N, 7), rows sum to 1.
        title: for the head.

    Returns:
        (H, W, 3) uint8 BGR: a bar a bin (blue: share right; red edge: mean confidence), below
        it the share of the items in the bin.
    """
    table = np.asarray(probabilities, np.float64)
    top = table.max(axis=1)
    right = table.argmax(axis=1) == np.asarray(truth)
    bins = np.minimum((top * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    count = np.bincount(bins, minlength=ECE_BINS)
    hits = np.bincount(bins, right, minlength=ECE_BINS) / np.maximum(count, 1)
    sure = np.bincount(bins, top, minlength=ECE_BINS) / np.maximum(count, 1)

    image = _sheet(_SIDE + 110, _SIDE)
    put(image, title, 10, 20, 11, INK, bold=True)
    ece = expected_calibration_error(truth, table)
    put(image, f'{len(top)} items, accuracy {right.mean():.3f}, ECE {ece:.3f}', 10, 38, 9, INK)
    for step in range(11):
        level = _TOP + _SIDE - _SIDE * step // 10
        _fill(image, _LEFT, level, _SIDE, 1, GRID)
        put(image, f'{step / 10:.1f}', _LEFT - 34, level + 4, 9, INK)
    put(image, 'share right', 8, _TOP - 8, 9, INK)
    for index in range(ECE_BINS):
        if not count[index]:
            continue
        x = _LEFT + _SIDE * index // ECE_BINS
        wide = _SIDE // ECE_BINS - 2
        high = round(_SIDE * hits[index])
        _fill(image, x + 1, _TOP + _SIDE - high, wide, high, _BLUE)
        _fill(image, x + 1, _TOP + _SIDE - round(_SIDE * sure[index]) - 1, wide, 3, _RED)
        part = round(80 * count[index] / count.max())
        _fill(image, x + 1, _TOP + _SIDE + 22, wide, max(part, 1), (170, 164, 158))
    ends = ((_LEFT, _TOP + _SIDE), (_LEFT + _SIDE, _TOP))
    cv2.line(image, *ends, INK, 1, cv2.LINE_AA)
    for step in range(0, 11, 2):
        _centred(image, f'{step / 10:.1f}', _LEFT + _SIDE * step // 10, _TOP + _SIDE + 16, 9, INK)
    put(image, 'items a bin', 8, _TOP + _SIDE + 40, 9, INK)
    put(image, 'confidence', 8, _TOP + _SIDE + 16, 9, INK)
    return image


def _sheet(high: int, wide: int) -> Image:
    return np.full((_TOP + high + _EDGE, _LEFT + wide + _EDGE, 3), PAPER, np.uint8)


def _fill(image: Image, x: int, y: int, wide: int, high: int, colour: Colour) -> None:
    image[y : y + high, x : x + wide] = colour


def _centred(image: Image, text: str, x: int, baseline: int, cap: int, colour: Colour) -> None:
    put(image, text, x - width(text, cap) // 2, baseline, cap, colour)


def _shade(share: float) -> Colour:
    mixed: NDArray[np.float64] = np.array(PAPER) + share * (np.array(_BLUE) - np.array(PAPER))
    blue, green, red = (int(value) for value in np.round(mixed))
    return blue, green, red
