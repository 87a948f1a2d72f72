"""MP3 that comes where raw samples are expected, told from loud sound that looks like it.

A frame header is also a plausible pair of samples: one chunk of 10 ms of loud sound at 48 kHz in
a million or so begins like a frame of exactly its length. Two headers in one chunk that agree, or
as many chunks in succession as :data:`CHUNKS` that are a frame each, do not come about by chance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IS_MP3 = 'audio is MP3, the default of audio_capture; start it with `format:=wave`'

SURE = 2
"""Frames in one chunk from which it is MP3."""

CHUNKS = 3
"""Chunks of one frame each, in succession, from which the stream is MP3."""

_BITRATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_TAG_VERSIONS = (2, 3, 4)


def frames(octets: NDArray[np.uint8]) -> int:
    """Return how many MPEG layer III frames of one kind fill the bytes; 0: they are none.

    The last may be cut off, the first not. An ID3 tag at the start counts as :data:`SURE`.

    Args:
        octets: (n,) uint8.
    """
    if _has_tag(octets):
        return SURE
    kind, place, found = None, 0, 0
    while place < octets.size:
        own, length = _frame(octets[place : place + 4].tobytes())
        if not length or kind not in (None, own):
            # What is left may be less than a header.
            return found if found and octets.size - place < 4 else 0
        kind, place, found = own, place + length, found + 1
    return found if found > 1 or place == octets.size else 0


def _has_tag(octets: NDArray[np.uint8]) -> bool:
    """Say whether an ID3v2 tag starts here: its version, and a length of 7 bits a byte."""
    if octets.size < 10 or octets[:3].tobytes() != b'ID3':
        return False
    version, _, flags, *length = octets[3:10].tolist()
    return version in _TAG_VERSIONS and not flags & 0x0F and max(length) < 0x80


def _frame(header: bytes) -> tuple[tuple[int, int], int]:
    """Return (version and rate, length in bytes) of the frame of a header; length 0: it is none."""
    none = ((0, 0), 0)
    if len(header) < 4:
        return none
    first, second, third = header[:3]
    version, layer = (second >> 3) & 3, (second >> 1) & 3
    bitrate, rate = third >> 4, (third >> 2) & 3
    if first != 0xFF or second >> 5 != 7 or layer != 1 or version == 1:
        return none
    if bitrate in (0, 15) or rate == 3:
        return none
    kbps = _BITRATES[3 if version == 3 else 2][bitrate]
    blocks = 144_000 if version == 3 else 72_000
    length = blocks * kbps // _RATES[version][rate] + ((third >> 1) & 1)
    return (version, rate), length
