"""The debug image: what face, audio and both together say, drawn over the camera's image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mer_ros.emotions import UNKNOWN, label_name
from mer_ros.estimates import Estimate, EstimateArray, Modality, Vector
from mer_ros.render.errors import RenderError
from mer_ros.render.layout import Box, place
from mer_ros.render.palette import EMOTION_COLOURS
from mer_ros.render.panels import (
    Card,
    Metrics,
    Row,
    draw_card,
    draw_face,
    draw_status,
    draw_tag,
)
from mer_ros.render.text import Image

REFERENCE = (640, 480)
SMALLEST_SCALE = 0.8
"""Below it letters can't be read, so panels of small images stay at this size."""


@dataclass(frozen=True)
class Scene:
    """What is drawn over one image.

    Attributes:
        face: the newest face array, or None.
        audio: the newest audio array, or None.
        fused: the newest fused array, or None.
        rates: results a second by name, for example ``{'face': 29.9, 'audio': 2.0}``.
        latency: seconds from the image's stamp to the fused result; None when not known.
    """

    face: EstimateArray | None = None
    audio: EstimateArray | None = None
    fused: EstimateArray | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    latency: float | None = None


def draw(image_bgr: Image, scene: Scene) -> Image:
    """Draw a scene over an image.

    Faces get a frame and a card with a line each for face, audio and fused and the seven fused
    probabilities; a voice of its own gets a card at the foot. Panels never cover each other; a
    subject whose card finds no room has its label on its frame. Boxes are scaled when the image
    is not of the size that the estimates were made on.

    Args:
        image_bgr: (H, W, 3) uint8; not changed.
        scene: what is drawn.

    Returns:
        (H, W, 3) uint8, a copy.

    Raises:
        RenderError: the image is not (H, W, 3) uint8, or has no pixels.
    """
    pixels = np.asarray(image_bgr)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise RenderError(
            f'cannot draw on an image of shape {pixels.shape} and type {pixels.dtype}; '
            'give (height, width, 3) uint8'
        )
    canvas: Image = np.ascontiguousarray(pixels).copy()
    height, width = canvas.shape[:2]
    metrics = Metrics(max(min(width / REFERENCE[0], height / REFERENCE[1]), SMALLEST_SCALE))
    subjects = _subjects(scene)
    boxes = {
        subject.subject_id: _scaled(subject.roi, array, (width, height))
        for subject, array in subjects
    }
    faces = [box for box in boxes.values() if box is not None]
    for subject, array in subjects:
        box = boxes[subject.subject_id]
        if box is not None:
            placed = _with_scaled_landmarks(subject, array, (width, height))
            draw_face(canvas, placed, box, EMOTION_COLOURS[subject.label], metrics)
    foot = metrics.px(20)
    gap = metrics.px(6)
    area = Box(gap, gap, width - 2 * gap, height - foot - 2 * gap)
    taken: list[Box] = []
    for subject, _ in subjects:
        anchor = boxes[subject.subject_id]
        others = [box for box in faces if box is not anchor]
        for card in _cards(subject, scene):
            free = place(metrics.card_size(card), anchor, taken, others, area, gap)
            if free is not None:
                draw_card(canvas, card, free, metrics)
                taken.append(free)
                break
        else:
            if anchor is not None:
                text = f'{subject.subject_id} {label_name(subject.label)}'
                draw_tag(canvas, text, anchor, EMOTION_COLOURS[subject.label], metrics)
    status = Box(0, height - foot, width, foot)
    draw_status(canvas, status, _speech(scene), _words(scene), metrics)
    return canvas


def _subjects(scene: Scene) -> list[tuple[Estimate, EstimateArray]]:
    """Return every subject once, fused results first, then from the largest face down.

    The voice has no entry of its own where a face carries it, or when it is silent beside a face.
    """
    found: dict[str, tuple[Estimate, EstimateArray]] = {}
    for array in (scene.fused, scene.face):
        for estimate in () if array is None else array.estimates:
            if array is not None:
                found.setdefault(estimate.subject_id, (estimate, array))
    bound = any(_evidence(estimate, Modality.AUDIO) is not None for estimate, _ in found.values())
    if scene.audio is not None and not bound:
        for estimate in scene.audio.estimates:
            if estimate.label != UNKNOWN or not found:
                found.setdefault(estimate.subject_id, (estimate, scene.audio))
    return sorted(found.values(), key=lambda pair: -pair[0].roi[2] * pair[0].roi[3])


def _cards(subject: Estimate, scene: Scene) -> tuple[Card, ...]:
    """Return the subject's card, the full one first, then smaller ones for a full image."""
    rows = (
        _row('face', subject, scene.face, Modality.FACE),
        _row('audio', subject, scene.audio, Modality.AUDIO),
        _fused_row(subject, scene.fused),
    )
    fused = rows[2].label is not None
    head = (subject.subject_id, subject.label, subject.confidence, subject.speaking)
    return (
        Card(*head, rows, subject.probabilities if fused else None),
        Card(*head, rows, None),
        Card(*head, (), None),
    )


def _row(name: str, subject: Estimate, array: EstimateArray | None, modality: Modality) -> Row:
    """Return what a modality says of a subject: the evidence that was fused, else its own."""
    evidence = _evidence(subject, modality)
    if evidence is not None:
        label = int(np.argmax(evidence))
        return Row(name, label, float(evidence[label]))
    for estimate in () if array is None else array.estimates:
        if estimate.subject_id == subject.subject_id:
            return Row(name, estimate.label, estimate.confidence)
    return Row(name, None, 0.0)


def _fused_row(subject: Estimate, fused: EstimateArray | None) -> Row:
    if fused is not None and any(other is subject for other in fused.estimates):
        return Row('fused', subject.label, subject.confidence)
    return Row('fused', None, 0.0)


def _evidence(subject: Estimate, modality: Modality) -> Vector | None:
    for evidence in subject.evidence:
        if evidence.modality == modality:
            return evidence.probabilities
    return None


def _factors(array: EstimateArray, size: tuple[int, int]) -> tuple[float, float]:
    return (
        size[0] / array.image_width if array.image_width else 1.0,
        size[1] / array.image_height if array.image_height else 1.0,
    )


def _scaled(
    roi: tuple[int, int, int, int], array: EstimateArray, size: tuple[int, int]
) -> Box | None:
    """Return a region in pixels of the image that is drawn on; None where there is none."""
    across, down = _factors(array, size)
    left, top = round(roi[0] * across), round(roi[1] * down)
    right, bottom = round((roi[0] + roi[2]) * across), round((roi[1] + roi[3]) * down)
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, size[0]), min(bottom, size[1])
    if right - left < 2 or bottom - top < 2:
        return None
    return Box(left, top, right - left, bottom - top)


def _with_scaled_landmarks(
    subject: Estimate, array: EstimateArray, size: tuple[int, int]
) -> Estimate:
    points = np.asarray(subject.landmarks, np.float32).reshape(-1, 2)
    scaled = points * np.array(_factors(array, size), np.float32)
    return Estimate(subject.subject_id, subject.label, landmarks=scaled.astype(np.float32))


def _speech(scene: Scene) -> float | None:
    for array in (scene.audio, scene.fused):
        if array is not None and Modality.AUDIO & array.modalities:
            return array.speech_probability
    return None if scene.audio is None else scene.audio.speech_probability


def _words(scene: Scene) -> tuple[str, str]:
    rates = '  '.join(f'{name} {rate:.1f}' for name, rate in scene.rates.items())
    latency = '' if scene.latency is None else f'latency {scene.latency * 1000:.0f} ms'
    if scene.fused is None:
        latency = latency or 'no fused result yet'
    return (f'{rates} Hz' if rates else ''), latency
