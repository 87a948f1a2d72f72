"""The data that passes between the floors: what one modality, or both, say at one time.

These mirror ``msg/Emotion.msg``, ``msg/Evidence.msg`` and ``msg/EmotionArray.msg`` field by
field, so that the core runs without ROS and a node only converts. Stamps are integer
nanoseconds on the clock of the source (the header stamp), never the wall clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT, UNKNOWN

Vector = NDArray[np.float32]


class Modality(IntFlag):
    """Bits of ``Evidence.modality`` and ``EmotionArray.modalities``."""

    NONE = 0
    FACE = 1
    AUDIO = 2


def uniform() -> Vector:
    """Return the (7,) float32 uniform distribution."""
    return np.full(COUNT, 1.0 / COUNT, np.float32)


def are_distributions(table: NDArray[np.floating], count: int) -> bool:
    """Return whether a table is (count, 7), finite and not negative, its rows summing to 1."""
    return bool(
        table.shape == (count, COUNT)
        and np.isfinite(table).all()
        and (table >= 0.0).all()
        and (np.abs(table.sum(axis=1, dtype=np.float64) - 1.0) <= 1e-3).all()
    )


def no_points() -> Vector:
    """Return the (0, 2) float32 array that stands for "no landmarks"."""
    return np.zeros((0, 2), np.float32)


@dataclass(frozen=True)
class Evidence:
    """What one modality contributed to a fused estimate.

    Attributes:
        modality: FACE or AUDIO.
        stamp_ns: stamp of the face or audio array it came from.
        probabilities: (7,) float32, calibrated, sums to 1.
        reliability: 0..1, after staleness; a voice's also after what its agreement with the face
            leaves of it, a face's after the discount of a mouth that talks.
        weight: share in the decision, 0..1; the weights of one estimate sum to 1 (or are all 0).
    """

    modality: Modality
    stamp_ns: int
    probabilities: Vector
    reliability: float
    weight: float


@dataclass(frozen=True)
class Estimate:
    """Displayed emotion of one subject; see Emotion.msg.

    Attributes:
        subject_id: ``face_12``; ``audio`` for speech bound to no face.
        label: index of :class:`~mer_ros.emotions.Emotion`, or UNKNOWN.
        probabilities: (7,) float32, order of ``emotions.Emotion``, sums to 1.
        confidence: calibrated P(label is right), 0..1; 0 for UNKNOWN.
        reliability: quality of the evidence, 0..1.
        valence: -1..1.
        arousal: -1..1.
        label_since_ns: stamp at which this label was decided.
        speaking: P(this subject is the one heard), 0..1; in a face array, from vision alone.
        roi: (x, y, width, height) in pixels of the source image, inside it; zeros for audio.
        landmarks: (K, 2) float32 pixels, K = 5 (subject's right eye, left eye, nose tip, right
            and left mouth corner) or 68 (iBUG), or 0.
        evidence: fused arrays only.
    """

    subject_id: str
    label: int = UNKNOWN
    probabilities: Vector = field(default_factory=uniform)
    confidence: float = 0.0
    reliability: float = 0.0
    valence: float = 0.0
    arousal: float = 0.0
    label_since_ns: int = 0
    speaking: float = 0.0
    roi: tuple[int, int, int, int] = (0, 0, 0, 0)
    landmarks: Vector = field(default_factory=no_points)
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class EstimateArray:
    """Everything one node says about one time; see EmotionArray.msg.

    Attributes:
        stamp_ns: the image's stamp (face), the last sample's time (audio), the newer of the two
            that were used (fused).
        frame_id: the image's frame (face and fused), the chunk's (audio).
        modalities: bits of the evidence in this array.
        models: for example ``('face:haar+lite@1.0',)``.
        window_ns: audio evidence covers [stamp - window, stamp], in a fused array of its own stamp;
            0 for face.
        image_width: pixels of the source image; 0 for audio.
        image_height: pixels of the source image; 0 for audio.
        estimates: one for each subject.
        speech_probability: 0..1 (audio and fused).
        latency: seconds from stamp to publishing; filled in by the node.
    """

    stamp_ns: int
    frame_id: str = ''
    modalities: Modality = Modality.NONE
    models: tuple[str, ...] = ()
    window_ns: int = 0
    image_width: int = 0
    image_height: int = 0
    estimates: tuple[Estimate, ...] = ()
    speech_probability: float = 0.0
    latency: float = 0.0
