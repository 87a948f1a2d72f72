"""Sound of a device in the format that was promised, whatever the device itself can give."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from mer_ros.media.sources import AudioBlock, AudioFormat


class BlockConverter:
    """Converts blocks to one rate and number of channels; each keeps its own time.

    Times are not counted on from the first block, as those of a file are: a device's clock and
    the computer's drift apart.

    Args:
        audio: what blocks are converted to; with more than one channel, those that a device
            lacks repeat its first.
    """

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._layout = {1: 'mono', 2: 'stereo'}.get(audio.channels, f'{audio.channels}c')
        self._rate = 0
        self._resampler: av.AudioResampler | None = None
        self._held_s = Fraction(0)

    def convert(self, block: AudioBlock) -> AudioBlock:
        """Return the sound of a block; where the rate differs, its last millisecond comes later.

        Args:
            block: of any format, which may change from block to block.
        """
        samples = _mixed(block.samples, self._audio.channels)
        if block.rate == self._audio.rate:
            self._rate = 0
            return AudioBlock(block.stamp_s, samples, block.rate)
        if block.rate != self._rate or self._resampler is None:
            self._resampler = av.AudioResampler('s16', self._layout, self._audio.rate)
            self._rate, self._held_s = block.rate, Fraction(0)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1), format='s16', layout=self._layout
        )
        frame.sample_rate = block.rate
        # What the filter holds back from earlier blocks comes out in front of this one's sound.
        stamp_s = block.stamp_s - float(self._held_s)
        parts = [
            np.asarray(each.to_ndarray(), np.int16).reshape(-1, self._audio.channels)
            for each in self._resampler.resample(frame)
        ]
        converted = np.concatenate([np.zeros((0, self._audio.channels), np.int16), *parts])
        self._held_s += Fraction(len(samples), block.rate)
        self._held_s -= Fraction(len(converted), self._audio.rate)
        return AudioBlock(stamp_s, converted, self._audio.rate)


def _mixed(samples: NDArray[np.int16], channels: int) -> NDArray[np.int16]:
    """Return (n, channels) of (n, any).

    Two channels become one by their mean. Of more, the first are taken: arrays of microphones give
    their best one there, and others may not be sound of the room at all.
    """
    own = samples.shape[1]
    if own == channels:
        return samples
    if (own, channels) == (2, 1):
        return np.asarray(samples.sum(axis=1, keepdims=True, dtype=np.int32) // 2, np.int16)
    return np.ascontiguousarray(samples[:, [k if k < own else 0 for k in range(channels)]])
