"""Face and audio arrays as the two other nodes make them, with stamps in seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.feature_record import AudioFeatures
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


def loudness(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the level of somebody who talks: phrases and pauses that do not repeat."""
    return np.clip(np.sin(2.3 * time_s) + np.sin(5.1 * time_s + 1.0) + 0.4, 0.0, None) * 0.1


def envelope(seconds: float, window_s: float = 1.0, gain: float = 1.0) -> AudioFeatures:
    """Return the features of the window of sound that ends at a stamp; see :func:`loudness`."""
    rows = np.arange(round(window_s * 100))
    levels = gain * loudness(seconds - window_s + (rows + 1) / 100)
    return AudioFeatures(
        ('rms_db',),
        np.zeros(1, np.float32),
        levels.astype(np.float32),
        100.0,
        round(seconds * SECOND),
        round(window_s * SECOND),
        'microphone',
    )


def mouth(seconds: float, shift_s: float = 0.0, smooth_s: float = 0.6) -> float:
    """Return P(talking) of a mouth that moves as :func:`loudness` goes, ``shift_s`` earlier."""
    ages = np.arange(0.0, 4.0, 0.01)
    weights = np.exp(-ages / smooth_s)
    level = float(loudness(seconds + shift_s - ages) @ weights / weights.sum())
    return float(1.0 / (1.0 + (0.04 / (level + 0.005)) ** 2))


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
