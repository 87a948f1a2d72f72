"""Face and audio arrays as the two other nodes make them, with stamps in seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import UNKNOWN
from mer_ros.estimates import Estimate, EstimateArray, Modality
from mer_ros.fusion.engine import FusionEngine

SECOND = 1_000_000_000

MakeEngine = Callable[..., FusionEngine]


def sharp(index: int, top: float = 0.7) -> NDArray[np.float32]:
    """Return a (7,) distribution with one peak."""
    table = np.full(7, (1.0 - top) / 6, np.float32)
    table[index] = top
    return table


def person(
    name: str,
    probabilities: NDArray[np.float32],
    reliability: float = 0.9,
    speaking: float = 0.0,
    left: int = 10,
) -> Estimate:
    """Return one face of a face array."""
    return Estimate(
        name,
        int(probabilities.argmax()),
        probabilities,
        float(probabilities.max()),
        reliability,
        speaking=speaking,
        roi=(left, 20, 100, 100),
    )


def faces(seconds: float, *estimates: Estimate) -> EstimateArray:
    """Return a face array."""
    return EstimateArray(
        round(seconds * SECOND),
        'camera',
        Modality.FACE if estimates else Modality.NONE,
        ('face:haar+lite@1.0',),
        0,
        640,
        480,
        tuple(estimates),
    )


def voice(
    seconds: float,
    probabilities: NDArray[np.float32],
    reliability: float = 0.8,
    speech: float = 0.9,
) -> EstimateArray:
    """Return an audio array with speech."""
    estimate = Estimate(
        'audio', int(probabilities.argmax()), probabilities, float(probabilities.max()), reliability
    )
    return _audio(seconds, estimate, speech)


def silence(seconds: float) -> EstimateArray:
    """Return an audio array without speech."""
    return _audio(seconds, Estimate('audio', UNKNOWN), 0.02)


def _audio(seconds: float, estimate: Estimate, speech: float) -> EstimateArray:
    return EstimateArray(
        round(seconds * SECOND),
        'microphone',
        Modality.AUDIO,
        ('audio:silero+lite@1.0',),
        SECOND,
        estimates=(estimate,),
        speech_probability=speech,
    )


def payload(array: EstimateArray) -> tuple[object, ...]:
    """Return everything that a message would carry, as something that can be compared."""
    return (
        array.stamp_ns,
        array.frame_id,
        int(array.modalities),
        array.models,
        array.window_ns,
        array.image_width,
        array.image_height,
        array.speech_probability,
        tuple(
            (
                item.subject_id,
                item.label,
                item.probabilities.tobytes(),
                item.confidence,
                item.reliability,
                item.valence,
                item.arousal,
                item.label_since_ns,
                item.speaking,
                item.roi,
                tuple(
                    (
                        int(part.modality),
                        part.stamp_ns,
                        part.probabilities.tobytes(),
                        part.reliability,
                        part.weight,
                    )
                    for part in item.evidence
                ),
            )
            for item in array.estimates
        ),
    )


def payloads(arrays: Sequence[EstimateArray]) -> list[tuple[object, ...]]:
    """Return :func:`payload` of each."""
    return [payload(array) for array in arrays]
