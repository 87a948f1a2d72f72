"""A piece of sound as it came from a source, and the error of the audio room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

TARGET_RATE = 16_000
"""Hz, of everything behind the resampling."""

MIN_RATE = 4_000
MAX_RATE = 192_000
MAX_CHANNELS = 64
FULL_SCALE = 0.9995
"""Amplitude from which a 16-bit sample counts as clipped: the top 16 of 32,768 steps."""

MAX_SECONDS = 60.0
"""A longer chunk is a publisher's mistake, and would need memory without bound."""


class AudioError(Exception):
    """Sound, or a setting of the audio room, is unusable; the message says what to do."""


@dataclass(frozen=True)
class AudioChunk:
    """Sound between two stamps.

    Attributes:
        stamp_ns: time of the first sample on the clock of the source.
        samples: (n, channels) float32 in [-1, 1], finite, n >= 1.
        sample_rate: Hz, 4000..192000.
        frame_id: of the header it came with.
        stamped: False where the stamp is the time of arrival, which jitters more.
        repaired: samples that were not finite and were replaced by zero.
        full_scale: amplitude from which a sample counts as clipped.
        like_mp3: whether the bytes it was made of are one MP3 frame, as those of loud sound once in
            a while are too.
    """

    stamp_ns: int
    samples: Samples
    sample_rate: int
    frame_id: str = ''
    stamped: bool = True
    repaired: int = 0
    full_scale: float = FULL_SCALE
    like_mp3: bool = False

    def __post_init__(self) -> None:
        """Refuse what no later step could use.

        Raises:
            AudioError: empty or too long, no channels, or a rate out of range.
        """
        check_format(self.samples.shape[1] if self.samples.ndim == 2 else 0, self.sample_rate)
        count = self.samples.shape[0]
        if count == 0:
            raise AudioError('audio chunk without samples; check that the source is running')
        if count > MAX_SECONDS * self.sample_rate:
            raise AudioError(
                f'audio chunk of {count / self.sample_rate:.0f} s; publish chunks of at most '
                f'{MAX_SECONDS:.0f} s, better 0.02 s to 0.1 s'
            )

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.sample_rate


def check_format(channels: int, sample_rate: int) -> None:
    """Refuse an impossible number of channels or sample rate.

    Raises:
        AudioError: with the value and the range.
    """
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(
            f'audio with {channels} channels; set the source to 1..{MAX_CHANNELS} channels'
        )
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise AudioError(
            f'audio at {sample_rate} Hz; set the source to {MIN_RATE}..{MAX_RATE} Hz, best 16000 Hz'
        )
