"""Colours of the emotions and of the panels, blue-green-red as OpenCV has it."""

from __future__ import annotations

from mer_ros.emotions import UNKNOWN, Emotion

Colour = tuple[int, int, int]

EMOTION_COLOURS: dict[int, Colour] = {
    Emotion.ANGER: (74, 74, 235),
    Emotion.DISGUST: (86, 168, 96),
    Emotion.FEAR: (214, 102, 158),
    Emotion.HAPPINESS: (56, 205, 250),
    Emotion.SADNESS: (232, 150, 72),
    Emotion.SURPRISE: (60, 148, 255),
    Emotion.NEUTRAL: (196, 190, 184),
    UNKNOWN: (128, 124, 120),
}
"""One a label; light enough for dark text on it and for bars on a dark panel."""

TEXT: Colour = (240, 238, 236)
FAINT: Colour = (170, 164, 158)
INK: Colour = (28, 24, 22)
PANEL: Colour = (36, 30, 26)
TRACK: Colour = (78, 70, 64)
SPEAKING: Colour = (140, 230, 120)
PAPER: Colour = (252, 251, 250)
GRID: Colour = (226, 222, 218)
