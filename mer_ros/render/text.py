"""Smooth small text with OpenCV alone.

``cv2.putText`` at 10 pixels is ragged. Here a string is drawn at four times its size and shrunk
to a coverage mask, which is blended onto the image. Masks are cached: most strings come again.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.render.palette import Colour

Image = NDArray[np.uint8]

OVERSAMPLING = 4
LONGEST = 200
"""Letters of a string that are looked at: names come from other nodes and may be anything."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_UNIT_CAP_HEIGHT = 21.0
"""Height in pixels of a capital letter of that font at scale 1."""


@lru_cache(maxsize=2048)
def _mask(text: str, cap: int, bold: bool) -> tuple[Image, int]:
    """Return the coverage (h, w) uint8 of a string and the row of its baseline."""
    scale = cap * OVERSAMPLING / _UNIT_CAP_HEIGHT
    stroke = max(1, round(cap * OVERSAMPLING * (0.18 if bold else 0.115)))
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, stroke)
    margin = stroke
    below = round(cap * OVERSAMPLING * 0.36) + margin
    above = round(cap * OVERSAMPLING * 1.15) + margin
    columns = -(-(width + 2 * margin) // OVERSAMPLING)
    rows_above, rows_below = -(-above // OVERSAMPLING), -(-below // OVERSAMPLING)
    canvas = np.zeros(((rows_above + rows_below) * OVERSAMPLING, columns * OVERSAMPLING), np.uint8)
    cv2.putText(
        canvas, text, (margin, rows_above * OVERSAMPLING), _FONT, scale, 255, stroke, cv2.LINE_AA
    )
    small = cv2.resize(canvas, (columns, rows_above + rows_below), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), rows_above


def width(text: str, cap: int, bold: bool = False) -> int:
    """Return the width in pixels that :func:`put` takes for a string."""
    return int(_mask(_drawable(text), cap, bold)[0].shape[1])


def put(
    image: Image, text: str, x: int, baseline: int, cap: int, colour: Colour, bold: bool = False
) -> int:
    """Blend a string onto an image, clipped at its edges.

    Args:
        image: (H, W, 3) uint8, changed in place.
        text: what the font lacks (anything but ASCII) becomes ``?``.
        x: left edge in pixels.
        baseline: row on which the letters stand.
        cap: height of a capital letter in pixels.
        colour: blue, green, red.
        bold: thicker strokes.

    Returns:
        The width in pixels.
    """
    mask, ascent = _mask(_drawable(text), cap, bold)
    blend(image, mask, x, baseline - ascent, colour)
    return int(mask.shape[1])


def fit(text: str, cap: int, room: int, bold: bool = False) -> str:
    """Return the string, shortened with two dots until it fits into ``room`` pixels."""
    if len(text) <= LONGEST and width(text, cap, bold) <= room:
        return text
    fits, too_long = 0, min(len(text), LONGEST)
    while too_long - fits > 1:
        length = (fits + too_long) // 2
        if width(text[:length] + '..', cap, bold) <= room:
            fits = length
        else:
            too_long = length
    return text[:fits] + '..' if fits else ''


def blend(image: Image, mask: Image, x: int, y: int, colour: Colour) -> None:
    """Blend one colour onto an image in place through a coverage mask (h, w) uint8 at (x, y)."""
    left, top = max(x, 0), max(y, 0)
    right = min(x + mask.shape[1], image.shape[1])
    bottom = min(y + mask.shape[0], image.shape[0])
    if left >= right or top >= bottom:
        return
    part = image[top:bottom, left:right]
    alpha = mask[top - y : bottom - y, left - x : right - x, None].astype(np.uint16)
    mixed = part * (255 - alpha) + np.array(colour, np.uint16) * alpha + 127
    part[:] = (mixed // 255).astype(np.uint8)


def _drawable(text: str) -> str:
    return text.encode('ascii', 'replace').decode('ascii')
