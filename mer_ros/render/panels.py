"""The pieces of the overlay: a subject's card, the status line, the frame around a face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mer_ros.emotions import LABELS, label_name
from mer_ros.estimates import Estimate, Vector
from mer_ros.render.layout import Box
from mer_ros.render.palette import (
    EMOTION_COLOURS,
    FAINT,
    INK,
    PANEL,
    SPEAKING,
    TEXT,
    TRACK,
    Colour,
)
from mer_ros.render.text import Image, blend, fit, put, width

SPEAKING_THRESHOLD = 0.5
FARTHEST = 30_000.0
"""Pixels from the corner at which a point is still given to OpenCV."""


@dataclass(frozen=True)
class Row:
    """One line of a card: what a modality says of the subject.

    Attributes:
        name: ``face``, ``audio`` or ``fused``.
        label: index of an emotion, UNKNOWN, or None when the modality says nothing of it.
        confidence: 0..1, the length of the bar.
    """

    name: str
    label: int | None
    confidence: float


@dataclass(frozen=True)
class Card:
    """What is shown of one subject.

    Attributes:
        subject_id: its name, shown at the left of the head.
        label: the decided emotion, or UNKNOWN.
        confidence: 0..1.
        speaking: P(it is the one heard), 0..1.
        rows: a line for each modality.
        probabilities: (7,) float32 for the seven bars; None leaves them out.
    """

    subject_id: str
    label: int
    confidence: float
    speaking: float
    rows: tuple[Row, ...]
    probabilities: Vector | None


@dataclass(frozen=True)
class Metrics:
    """Sizes in pixels at one scale.

    Attributes:
        scale: 1.0 at 640x480.
    """

    scale: float

    def px(self, size: float) -> int:
        """Return a length given for 640x480, at least one pixel."""
        return max(1, round(size * self.scale))

    def card_size(self, card: Card) -> tuple[int, int]:
        """Return (width, height) of a card."""
        height = 22 + 15 * len(card.rows) + (5 if card.rows else 0)
        if card.probabilities is not None:
            height += 47
        return self.px(228), self.px(height)


def draw_card(image: Image, card: Card, box: Box, metrics: Metrics) -> None:
    """Draw a card into its place, which must have ``metrics.card_size(card)``."""
    px = metrics.px
    shade(image, box, PANEL, 0.80)
    _draw_head(image, card, Box(box.x, box.y, box.width, px(22)), metrics)
    y = box.y + px(22) + px(3)
    for row in card.rows:
        _draw_row(image, row, Box(box.x, y, box.width, px(15)), metrics)
        y += px(15)
    if card.probabilities is not None:
        _draw_bars(image, card, Box(box.x, y, box.width, box.bottom - y), metrics)


def draw_face(image: Image, subject: Estimate, box: Box, colour: Colour, metrics: Metrics) -> None:
    """Draw the frame around a face, with marked corners, and its landmarks."""
    thin, thick = metrics.px(1), metrics.px(3)
    first, last = (box.x, box.y), (box.right - 1, box.bottom - 1)
    cv2.rectangle(image, first, last, colour, thin, cv2.LINE_AA)
    length = max(4, min(box.width, box.height) // 6)
    for x, inward_x in ((first[0], 1), (last[0], -1)):
        for y, inward_y in ((first[1], 1), (last[1], -1)):
            cv2.line(image, (x, y), (x + inward_x * length, y), colour, thick, cv2.LINE_AA)
            cv2.line(image, (x, y), (x, y + inward_y * length), colour, thick, cv2.LINE_AA)
    radius = metrics.px(1.6)
    for x, y in np.asarray(subject.landmarks, np.float32):
        if abs(x) < FARTHEST and abs(y) < FARTHEST:  # nor nan, nor what OpenCV cannot hold
            cv2.circle(image, (round(float(x)), round(float(y))), radius, colour, -1, cv2.LINE_AA)


def draw_tag(image: Image, text: str, box: Box, colour: Colour, metrics: Metrics) -> None:
    """Draw a name on a face that has no room for a card."""
    tag = Box(box.x, max(box.y - metrics.px(15), 0), box.width, metrics.px(15))
    shade(image, tag, colour, 0.9)
    put(
        image,
        fit(text, metrics.px(8), tag.width - metrics.px(6)),
        tag.x + metrics.px(3),
        tag.y + metrics.px(11.5),
        metrics.px(8),
        INK,
    )


def draw_status(
    image: Image, box: Box, speech: float | None, words: tuple[str, str], metrics: Metrics
) -> None:
    """Draw the line at the foot: a speech meter, then the rates, at the right the latency.

    Args:
        image: (H, W, 3) uint8, changed in place.
        box: its place.
        speech: P(speech) in 0..1; None when nothing listens.
        words: (in the middle, at the right).
        metrics: sizes.
    """
    px = metrics.px
    shade(image, box, PANEL, 0.80)
    cap = px(8)
    baseline = box.y + (box.height + cap) // 2
    x = box.x + px(8)
    x += put(image, 'speech', x, baseline, cap, FAINT) + px(5)
    meter = Box(x, box.y + (box.height - px(8)) // 2, px(84), px(8))
    level = 0.0 if speech is None else speech
    _bar(image, meter, level, SPEAKING)
    x = meter.right + px(5)
    put(image, '-' if speech is None else f'{level:.2f}', x, baseline, cap, TEXT)
    middle, right = words
    edge = box.right - px(8) - width(right, cap)
    put(image, right, edge, baseline, cap, TEXT)
    start = x + width('0.00', cap) + px(12)
    room = edge - px(12) - start
    shown = fit(middle, cap, room)
    put(image, shown, start + max(room - width(shown, cap), 0) // 2, baseline, cap, TEXT)


def shade(image: Image, box: Box, colour: Colour, opacity: float) -> None:
    """Lay a translucent rectangle over the image."""
    mask = np.full((max(box.height, 0), max(box.width, 0)), round(255 * opacity), np.uint8)
    blend(image, mask, box.x, box.y, colour)


def _draw_head(image: Image, card: Card, box: Box, metrics: Metrics) -> None:
    px = metrics.px
    colour = EMOTION_COLOURS[card.label]
    shade(image, box, colour, 0.95)
    baseline = box.y + px(15.5)
    text = label_name(card.label).upper()
    if card.confidence > 0:
        text += f' {card.confidence:.0%}'
    x = box.x + px(6)
    x += put(image, text, x, baseline, px(9.5), INK, bold=True) + px(6)
    edge = box.right - px(6)
    if card.speaking >= SPEAKING_THRESHOLD:
        edge -= px(15)
        _draw_speaker(image, Box(edge, box.y, px(15), box.height), metrics)
        edge -= px(3)
    name = fit(card.subject_id, px(7.5), max(edge - x, 0))
    put(image, name, edge - width(name, px(7.5)), baseline, px(7.5), INK)


def _draw_speaker(image: Image, box: Box, metrics: Metrics) -> None:
    """Draw a loudspeaker with two waves: this one is heard."""
    px = metrics.px
    middle = box.y + box.height // 2
    horn = np.array(
        [
            (box.x, middle - px(2)),
            (box.x + px(3), middle - px(2)),
            (box.x + px(7), middle - px(5)),
            (box.x + px(7), middle + px(5)),
            (box.x + px(3), middle + px(2)),
            (box.x, middle + px(2)),
        ],
        np.int32,
    )
    cv2.fillPoly(image, [horn], INK, cv2.LINE_AA)
    for radius in (px(4), px(7)):
        cv2.ellipse(
            image, (box.x + px(7), middle), (radius, radius), 0, -45, 45, INK, px(1.4), cv2.LINE_AA
        )


def _draw_row(image: Image, row: Row, box: Box, metrics: Metrics) -> None:
    px = metrics.px
    cap = px(8)
    baseline = box.y + px(11.5)
    put(image, row.name, box.x + px(6), baseline, cap, FAINT)
    bar = Box(box.x + px(45), box.y + px(4), px(78), px(8))
    if row.label is None:
        _bar(image, bar, 0.0, TRACK)
        put(image, '-', bar.right + px(6), baseline, cap, FAINT)
        return
    _bar(image, bar, row.confidence, EMOTION_COLOURS[row.label])
    text = label_name(row.label)
    if row.confidence > 0:
        text += f' {row.confidence:.2f}'
    room = box.right - bar.right - px(8)
    put(image, fit(text, cap, room), bar.right + px(6), baseline, cap, TEXT)


def _draw_bars(image: Image, card: Card, box: Box, metrics: Metrics) -> None:
    """Draw the seven probabilities as columns with their first three letters."""
    px = metrics.px
    if card.probabilities is None:
        return
    left, step = box.x + px(6), (box.width - px(12)) / len(LABELS)
    base = box.bottom - px(14)
    height = base - box.y - px(3)
    for index, (name, value) in enumerate(zip(LABELS, card.probabilities, strict=True)):
        x = left + round(index * step)
        column = Box(x + px(3), base - height, max(round(step) - px(6), 1), height)
        shade(image, column, TRACK, 0.7)
        tall = round(height * min(max(float(value), 0.0), 1.0))
        shade(image, Box(column.x, base - tall, column.width, tall), EMOTION_COLOURS[index], 1.0)
        text = name[:3]
        decided = index == card.label
        start = x + (round(step) - width(text, px(7), decided)) // 2
        put(image, text, start, box.bottom - px(4), px(7), TEXT if decided else FAINT, decided)


def _bar(image: Image, box: Box, value: float, colour: Colour) -> None:
    shade(image, box, TRACK, 0.9)
    filled = round(box.width * min(max(value, 0.0), 1.0))
    shade(image, Box(box.x, box.y, filled, box.height), colour, 1.0)
