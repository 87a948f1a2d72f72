"""Media files made on the spot: a film whose pictures and sound tell their own time."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest


def write_film(
    path: Path,
    *,
    seconds: float = 2.0,
    frame_rate: int = 25,
    rate: int = 44_100,
    channels: int = 2,
    click_s: float = 1.0,
    video: bool = True,
    audio: bool = True,
    times: list[float] | None = None,
) -> Path:
    """Write a film: picture k is a grey of 37 k (modulo 256), the sound is silent but for a click.

    Args:
        path: the suffix chooses the format.
        seconds: length.
        frame_rate: pictures a second, unless ``times`` gives each picture's own.
        rate: Hz of the sound.
        channels: 1 or 2.
        click_s: when the click is.
        video: write pictures.
        audio: write sound.
        times: presentation times.
    """
    with av.open(str(path), 'w') as container:
        pictures: Any = container.add_stream('mpeg4', rate=frame_rate) if video else None
        codec = 'pcm_s16le' if path.suffix == '.wav' else 'aac'
        sound: Any = container.add_stream(codec, rate=rate) if audio else None
        if sound:
            sound.layout = 'stereo' if channels == 2 else 'mono'
        if pictures:
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, 'yuv420p'
            pictures.bit_rate = 4_000_000
            pictures.codec_context.time_base = Fraction(1, 1000)
            stamps = times or [k / frame_rate for k in range(round(seconds * frame_rate))]
            for index, stamp in enumerate(stamps):
                image = np.full((48, 64, 3), 37 * index % 256, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format='bgr24')
                frame.pts, frame.time_base = round(stamp * 1000), Fraction(1, 1000)
                container.mux(pictures.encode(frame))
            container.mux(pictures.encode())
        if sound:
            samples = np.zeros((round(seconds * rate), channels), np.int16)
            samples[round(click_s * rate)] = 30_000
            for first in range(0, len(samples), 1024):
                part = samples[first : first + 1024]
                frame_ = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(part.reshape(1, -1)), format='s16', layout=sound.layout
                )
                frame_.sample_rate, frame_.pts = rate, first
                frame_.time_base = Fraction(1, rate)
                container.mux(sound.encode(frame_))
            container.mux(sound.encode())
    return path


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Return what writes a film of a name into a fresh folder; see :func:`write_film`."""

    def write(name: str = 'film.mp4', **options: Any) -> Path:
        return write_film(tmp_path / name, **options)

    return write
