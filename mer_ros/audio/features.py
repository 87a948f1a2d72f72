"""Descriptors of a window of sound: for the classifier, for plots and for lip-sync."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.fft import dct

from mer_ros.audio.background import level_dbfs
from mer_ros.audio.chunk import TARGET_RATE, AudioError, Samples
from mer_ros.audio.feature_record import ENVELOPE_RATE, AudioFeatures
from mer_ros.audio.log_mel import log_mel
from mer_ros.audio.pitch import PitchTrack, pitch

__all__ = [
    'PitchTrack', 'energy', 'envelope', 'extract', 'log_mel', 'mfcc', 'pitch', 'spectral_centroid',
    'zero_crossing_rate',
]  # fmt: skip

MFCC_COUNT = 13
_ENVELOPE_HOP = int(TARGET_RATE / ENVELOPE_RATE)
_SHORTEST = 400


def mfcc(samples: Samples, count: int = MFCC_COUNT) -> Samples:
    """Return mel-frequency cepstral coefficients (Davis & Mermelstein, 1980).

    Args:
        samples: (n,) float32, 16 kHz, n >= 400.
        count: coefficients, from the 0th.

    Returns:
        (count, n // 160) float32: orthonormal DCT-II of :func:`log_mel`.

    Raises:
        ValueError: less than 400 samples.
    """
    return np.asarray(dct(log_mel(samples), axis=0, norm='ortho')[:count], np.float32)


def energy(samples: Samples) -> float:
    """Return the RMS level in dBFS, at least -96."""
    return level_dbfs(float(np.mean(np.square(samples, dtype=np.float64))))


def zero_crossing_rate(samples: Samples) -> float:
    """Return the share of neighbouring samples of opposite sign, 0..1."""
    sign = samples >= 0.0
    return float(np.mean(sign[1:] != sign[:-1])) if samples.size > 1 else 0.0


def spectral_centroid(samples: Samples) -> float:
    """Return the mean frequency in Hz, weighted by power; 0 for silence."""
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
    total = float(power.sum())
    if total <= 1e-12:
        return 0.0
    frequencies = np.fft.rfftfreq(samples.size, 1.0 / TARGET_RATE)
    return float((power * frequencies).sum() / total)


def envelope(samples: Samples) -> Samples:
    """Return (n // 160,) float32: RMS amplitude of each 10 ms; the last one ends with the sound."""
    whole = samples[samples.size % _ENVELOPE_HOP :]
    blocks = np.square(whole, dtype=np.float64).reshape(-1, _ENVELOPE_HOP)
    return np.asarray(np.sqrt(blocks.mean(axis=1)), np.float32)


def extract(
    samples: Samples,
    *,
    stamp_ns: int = 0,
    frame_id: str = '',
    extra: Mapping[str, float] | None = None,
) -> AudioFeatures:
    """Return the descriptors of a window.

    ``rms_db``, ``peak``, ``zero_crossing_rate``, ``spectral_centroid_hz``, ``pitch_hz`` (median
    of the voiced frames, 0 without), ``pitch_range_semitones`` (10th to 90th percentile),
    ``voiced_share`` and ``mfcc_0`` .. ``mfcc_12`` (means over the window).

    Args:
        samples: (n,) float32, 16 kHz, n >= 400.
        stamp_ns: time of the last sample.
        frame_id: of the sound.
        extra: further values, appended; those that are not finite are left out.

    Raises:
        AudioError: fewer samples.
    """
    if samples.size < _SHORTEST:
        raise AudioError(f'features need {_SHORTEST} samples (25 ms), got {samples.size}')
    track = pitch(samples)
    voiced = track.voiced
    low, high = np.percentile(voiced, (10.0, 90.0)) if voiced.size else (1.0, 1.0)
    scalars: dict[str, float] = {
        'rms_db': energy(samples),
        'peak': float(np.abs(samples).max()),
        'zero_crossing_rate': zero_crossing_rate(samples),
        'spectral_centroid_hz': spectral_centroid(samples),
        'pitch_hz': float(np.median(voiced)) if voiced.size else 0.0,
        'pitch_range_semitones': 12.0 * float(np.log2(high / low)),
        'voiced_share': voiced.size / max(1, track.hertz.size),
    }
    for index, value in enumerate(mfcc(samples).mean(axis=1)):
        scalars[f'mfcc_{index}'] = float(value)
    scalars.update({k: v for k, v in (extra or {}).items() if np.isfinite(v)})
    return AudioFeatures(
        names=tuple(scalars),
        values=np.array(list(scalars.values()), np.float32),
        envelope=envelope(samples),
        stamp_ns=stamp_ns,
        window_ns=round(samples.size / TARGET_RATE * 1e9),
        frame_id=frame_id,
    )
