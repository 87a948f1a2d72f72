"""Messages for tests."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from sensor_msgs.msg import Image

from mer_ros.estimates import Estimate, EstimateArray, Evidence, Modality
from mer_ros.ros.conversions import to_time

NS = 1_000_000_000


def image(stamp_ns: int, width: int = 64, height: int = 48, encoding: str = 'bgr8') -> Image:
    """Return a grey image."""
    message = Image(height=height, width=width, encoding=encoding, step=3 * width)
    message.header.stamp = to_time(stamp_ns)
    message.header.frame_id = 'camera'
    message.data = array.array('B', bytes([90]) * (3 * width * height))
    return message


def sound(seconds: float, rate: int = 16000, channels: int = 1, amplitude: float = 0.1) -> Any:
    """Return (n, channels) int16: a tone, the same in every channel."""
    time_s = np.arange(round(seconds * rate)) / rate
    tone = amplitude * 32767 * np.sin(2 * np.pi * 220 * time_s)
    return np.repeat(tone.astype('<i2')[:, None], channels, axis=1)


def stamped(samples: Any, stamp_ns: int) -> AudioDataStamped:
    """Return samples as AudioDataStamped."""
    message = AudioDataStamped(audio=unstamped(samples))
    message.header.stamp = to_time(stamp_ns)
    message.header.frame_id = 'microphone'
    return message


def unstamped(samples: Any) -> AudioData:
    """Return samples, or bytes, as AudioData."""
    octets = samples if isinstance(samples, bytes) else np.asarray(samples).tobytes()
    return AudioData(data=array.array('B', octets))


def info(rate: int = 16000, channels: int = 1, coding: str = 'wave') -> AudioInfo:
    """Return an AudioInfo."""
    return AudioInfo(
        sample_rate=rate, channels=channels, coding_format=coding, sample_format='S16LE'
    )


def face_array(stamp_ns: int, label: int = 3, faces: int = 1) -> EstimateArray:
    """Return what face_emotion might say."""
    return _array(stamp_ns, Modality.FACE, label, [f'face_{i + 1}' for i in range(faces)])


def audio_array(stamp_ns: int, label: int = 3, speech: float = 0.9) -> EstimateArray:
    """Return what audio_emotion might say."""
    return _array(stamp_ns, Modality.AUDIO, label, ['audio'], speech)


def _array(
    stamp_ns: int, modality: Modality, label: int, names: list[str], speech: float = 0.0
) -> EstimateArray:
    probabilities = np.full(7, 0.05, np.float32)
    probabilities[label] = 0.7
    face = modality is Modality.FACE
    return EstimateArray(
        stamp_ns=stamp_ns,
        frame_id='camera' if face else 'microphone',
        modalities=modality,
        models=('face:haar+lite@1.0',) if face else ('audio:silero+lite@1.0',),
        window_ns=0 if face else NS,
        image_width=640 if face else 0,
        image_height=480 if face else 0,
        speech_probability=speech,
        estimates=tuple(
            Estimate(
                name,
                label=label,
                probabilities=probabilities,
                confidence=0.7,
                reliability=0.9,
                label_since_ns=stamp_ns,
                speaking=speech,
                roi=(10 + 100 * i, 20, 90, 90) if face else (0, 0, 0, 0),
            )
            for i, name in enumerate(names)
        ),
    )


def flat(value: object) -> object:
    """Return nested tuples that compare by content."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, tuple):
        return tuple(flat(item) for item in value)
    if isinstance(value, (Estimate, Evidence, EstimateArray)):
        return tuple(flat(item) for item in vars(value).values())
    return value
