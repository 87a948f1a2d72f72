"""The sound of a looped film where its pictures are longer, or begin earlier: silence.

Without it the sound has a hole at the end of each lap. Listeners take it for lost sound: at once
where it is long, and every few minutes where it is some milliseconds, which add up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mer_ros.media.sources import AudioBlock, AudioFormat, VideoFrame


class Seam:
    """Fills what is missing between the sound of one lap and that of the next.

    Args:
        audio: format of the blocks.
        block_s: length of a block.
    """

    def __init__(self, audio: AudioFormat, block_s: float) -> None:
        self._audio = audio
        self._block = max(1, round(block_s * audio.rate))
        self._lead_s = 0.0
        self._end_s: float | None = None
        self._between = False

    def sound(self, blocks: Iterator[AudioBlock]) -> Iterator[AudioBlock]:
        """Give the blocks of a lap, and take note of their end."""
        yield from blocks
        self._between = True

    def before(self, item: VideoFrame | AudioBlock) -> Iterator[AudioBlock]:
        """Give the silence that comes before the next item of the film, and take the item in."""
        if self._end_s is not None and self._between:
            blocks, rest = divmod(self._samples(item.stamp_s - self._end_s), self._block)
            for _ in range(blocks):
                yield self._silence(self._end_s, self._block)
            if rest:
                yield self._silence(self._end_s, rest)
        if isinstance(item, AudioBlock):
            if self._end_s is None:
                self._lead_s = item.stamp_s
            self._between = False
            self._end_s = item.stamp_s + len(item.samples) / item.rate

    def lap_end_s(self, end_s: float) -> float:
        """Return when the next lap begins: a whole number of samples after this one's sound.

        Args:
            end_s: time after the last item of this lap.
        """
        if self._end_s is None:
            return end_s
        missing = self._samples(end_s + self._lead_s - self._end_s)
        return self._end_s - self._lead_s + missing / self._audio.rate

    def _samples(self, seconds: float) -> int:
        """Return how many samples last for that long at least, but for what floats are off by."""
        return max(0, math.ceil(seconds * self._audio.rate - 1e-3))

    def _silence(self, stamp_s: float, count: int) -> AudioBlock:
        self._end_s = stamp_s + count / self._audio.rate
        return AudioBlock(
            stamp_s, np.zeros((count, self._audio.channels), np.int16), self._audio.rate
        )
