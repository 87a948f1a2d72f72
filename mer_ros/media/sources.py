"""What a source of pictures and sound is, and what it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CAMERAS, MICROPHONES = ('webcam', 'camera'), ('microphone', 'mic')
"""Words, before a colon, that name a device and not a file or folder."""


class MediaError(Exception):
    """A file or device cannot be used; the message says what to do."""


@dataclass(frozen=True)
class VideoFrame:
    """One picture.

    Attributes:
        stamp_s: seconds: from the start of a file, or on the clock that was given to a device.
        image_bgr: (height, width, 3) uint8.
    """

    stamp_s: float
    image_bgr: NDArray[np.uint8]


@dataclass(frozen=True)
class AudioBlock:
    """Some milliseconds of sound.

    Attributes:
        stamp_s: seconds, of the first sample, on the same time line as the pictures.
        samples: (n, channels) int16.
        rate: Hz.
    """

    stamp_s: float
    samples: NDArray[np.int16]
    rate: int


@dataclass(frozen=True)
class AudioFormat:
    """Format of all blocks of a source: Hz and channels."""

    rate: int
    channels: int


class Source(Protocol):
    """Gives pictures and sound in the order of their stamps; once, or for ever.

    A file gives them as fast as they are asked for: keeping time is the caller's. A device gives
    them as they come, and keeps trying when it is lost.

    Attributes:
        name: for messages.
        live: True for a device.
    """

    name: str
    live: bool

    @property
    def frame_rate(self) -> float:
        """Nominal pictures a second; 0 without pictures."""

    @property
    def audio_format(self) -> AudioFormat | None:
        """Format of the sound; None without."""

    @property
    def problem(self) -> str:
        """What is wrong at the moment, one line; empty when nothing is."""

    @property
    def lost(self) -> int:
        """Pictures, packets or blocks that could not be read or came too fast."""

    def __iter__(self) -> Iterator[VideoFrame | AudioBlock]:
        """Give the items; raises MediaError when the source cannot go on."""

    def close(self) -> None:
        """Stop; may be called from another thread, and ends the iteration."""


def is_device(spec: str) -> bool:
    """Return whether a word names a device: ``webcam:0``, ``mic``, not ``camera_film.mp4``."""
    return spec.partition(':')[0] in (*CAMERAS, *MICROPHONES)
