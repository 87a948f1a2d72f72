"""A picture of fused results over time: probabilities, decision, valence and arousal, speech."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import (
    COUNT,
    LABELS,
    UNKNOWN,
    valence_arousal,
    valence_arousal_deviation,
)
from mer_ros.estimates import Estimate, EstimateArray
from mer_ros.render import image_file
from mer_ros.render.errors import RenderError
from mer_ros.render.layout import Box
from mer_ros.render.palette import EMOTION_COLOURS, GRID, INK, PAPER, SPEAKING, Colour
from mer_ros.render.text import Image, put, width

WIDTH = 1200
MOST_SUBJECTS = 4
GAP_S = 0.7
"""A subject not seen for longer than this leaves a hole in its row."""

_LEFT, _RIGHT, _TOP, _FOOT = 96, 24, 58, 34
_ROW, _STRIP, _AFFECT, _SPEECH, _SPACE = 150, 18, 74, 60, 22
_GREY: Colour = (110, 104, 98)
_AFFECT_COLOURS: tuple[Colour, Colour] = ((170, 96, 32), (48, 92, 200))
"""Of valence and of arousal."""


@dataclass(frozen=True)
class _Track:
    """One subject over time: ``seconds`` (n,), ``estimates`` n."""

    subject_id: str
    seconds: NDArray[np.float64]
    estimates: tuple[Estimate, ...]


def plot(fused: Sequence[EstimateArray], path: Path) -> None:
    """Write the timeline of fused results as a picture.

    A row for each of the (at most four) subjects that were seen most: the seven probabilities
    stacked up to 1, above them the decided label, below them the expected valence and arousal
    with a band of one standard deviation; at the foot the probability of speech.

    Args:
        fused: fused arrays; sorted by stamp here.
        path: where the picture goes; the ending chooses the format (.png).

    Raises:
        RenderError: there is nothing to plot, or the file can't be written.
    """
    arrays = sorted(fused, key=lambda array: array.stamp_ns)
    if not arrays:
        raise RenderError('no fused results to plot; does emotion/fused publish?')
    image_file.write(draw_timeline(arrays), path)


def draw_timeline(arrays: Sequence[EstimateArray]) -> Image:
    """Return the picture of :func:`plot`, (H, 1200, 3) uint8, of at least one array in order."""
    start = arrays[0].stamp_ns
    seconds = np.array([(array.stamp_ns - start) * 1e-9 for array in arrays])
    tracks = _tracks(arrays, seconds)
    height = _TOP + len(tracks) * (_STRIP + _ROW + _AFFECT + _SPACE) + _SPEECH + _FOOT
    image: Image = np.full((height, WIDTH, 3), PAPER, np.uint8)
    span = max(float(seconds[-1]), 1e-3)
    _draw_legend(image)
    y = _TOP
    for track in tracks:
        plot_box = Box(_LEFT, y + _STRIP, WIDTH - _LEFT - _RIGHT, _ROW)
        put(image, track.subject_id, 10, y + _STRIP + 14, 10, INK, bold=True)
        put(image, f'{len(track.estimates)} results', 10, y + _STRIP + 34, 8, _GREY)
        _draw_scale(image, plot_box)
        _draw_track(image, track, plot_box, span)
        _draw_affect(image, track, Box(_LEFT, plot_box.bottom + 8, plot_box.width, _AFFECT), span)
        y += _STRIP + _ROW + _AFFECT + _SPACE
    speech_box = Box(_LEFT, y, WIDTH - _LEFT - _RIGHT, _SPEECH)
    put(image, 'speech', 10, y + 14, 10, INK, bold=True)
    _draw_speech(image, arrays, seconds, speech_box, span)
    _draw_seconds(image, speech_box, span)
    return image


def _tracks(arrays: Sequence[EstimateArray], seconds: NDArray[np.float64]) -> list[_Track]:
    found: dict[str, list[tuple[float, Estimate]]] = {}
    for array, second in zip(arrays, seconds, strict=True):
        for estimate in array.estimates:
            found.setdefault(estimate.subject_id, []).append((float(second), estimate))
    most = Counter({name: len(pairs) for name, pairs in found.items()}).most_common(MOST_SUBJECTS)
    return [
        _Track(
            name,
            np.array([second for second, _ in found[name]]),
            tuple(estimate for _, estimate in found[name]),
        )
        for name, _ in most
    ]


def _draw_legend(image: Image) -> None:
    x = _LEFT
    put(image, 'displayed emotion, face and voice fused', x, 20, 11, INK, bold=True)
    for index in (*range(COUNT), UNKNOWN):
        name = 'unknown' if index == UNKNOWN else LABELS[index]
        cv2.rectangle(image, (x, 32), (x + 11, 43), EMOTION_COLOURS[index], -1)
        x += 17 + put(image, name, x + 17, 42, 9, INK) + 18


def _draw_scale(image: Image, box: Box) -> None:
    for value in (0.0, 0.5, 1.0):
        y = box.bottom - 1 - round(value * (box.height - 1))
        cv2.line(image, (box.x, y), (box.right, y), GRID, 1)
        text = f'{value:.1f}'
        put(image, text, box.x - 6 - width(text, 8), y + 4, 8, _GREY)


def _newest(seconds: NDArray[np.float64], box: Box, span: float) -> Iterator[tuple[int, int]]:
    """Yield (column, index) of the newest moment that is not older than GAP_S in each column."""
    moments = (np.arange(box.width) + 0.5) / box.width * span
    newest = np.searchsorted(seconds, moments + 0.5 * span / box.width, side='right') - 1
    for column, index in enumerate(newest.tolist()):
        if index >= 0 and moments[column] - seconds[index] <= GAP_S:
            yield column, index


def _draw_track(image: Image, track: _Track, box: Box, span: float) -> None:
    """Fill column by column."""
    for column, index in _newest(track.seconds, box, span):
        estimate = track.estimates[index]
        x = box.x + column
        image[box.y - _STRIP : box.y - 4, x] = EMOTION_COLOURS[estimate.label]
        edges = np.concatenate(([0.0], np.cumsum(estimate.probabilities)))
        rows = box.bottom - np.round(np.clip(edges, 0, 1) * box.height).astype(int)
        for emotion in range(COUNT):
            image[rows[emotion + 1] : rows[emotion], x] = EMOTION_COLOURS[emotion]


def _draw_affect(image: Image, track: _Track, box: Box, span: float) -> None:
    """Draw the expected valence and arousal, -1..1, and one standard deviation on either side."""
    shares = np.array([estimate.probabilities for estimate in track.estimates])
    middle, spread = valence_arousal(shares), valence_arousal_deviation(shares)
    bounds = np.clip(np.stack([middle - spread, middle + spread, middle]), -1.0, 1.0)
    rows = box.bottom - 1 - np.round((bounds + 1.0) / 2.0 * (box.height - 1)).astype(int)
    cv2.line(image, (box.x, box.y + box.height // 2), (box.right, box.y + box.height // 2), GRID, 1)
    for column, index in _newest(track.seconds, box, span):
        x = box.x + column
        for which, colour in enumerate(_AFFECT_COLOURS):
            low, high, _ = rows[:, index, which]
            band = image[high : low + 1, x]
            band[:] = (0.75 * band + 0.25 * np.array(colour)).astype(np.uint8)
        for which, colour in enumerate(_AFFECT_COLOURS):
            image[rows[2, index, which] - 1 : rows[2, index, which] + 1, x] = colour
    for which, name in enumerate(('valence', 'arousal')):
        put(image, name, 10, box.y + 14 + 16 * which, 9, _AFFECT_COLOURS[which])
    for value in (-1, 1):
        text = f'{value:+d}'
        row = box.bottom if value < 0 else box.y + 8
        put(image, text, box.x - 6 - width(text, 8), row, 8, _GREY)


def _draw_speech(
    image: Image,
    arrays: Sequence[EstimateArray],
    seconds: NDArray[np.float64],
    box: Box,
    span: float,
) -> None:
    _draw_scale(image, box)
    for column, index in _newest(seconds, box, span):
        tall = round(min(max(arrays[index].speech_probability, 0.0), 1.0) * (box.height - 1))
        image[box.bottom - 1 - tall : box.bottom, box.x + column] = SPEAKING


def _draw_seconds(image: Image, box: Box, span: float) -> None:
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
    step = next((size for size in steps if span / size <= 15), span)
    for tick in np.arange(0.0, span + 1e-9, step):
        x = box.x + round(tick / span * (box.width - 1))
        cv2.line(image, (x, box.bottom), (x, box.bottom + 4), _GREY, 1)
        text = f'{tick:g} s'
        put(image, text, x - width(text, 8) // 2, box.bottom + 18, 8, _GREY)
