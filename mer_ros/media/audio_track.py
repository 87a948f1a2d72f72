"""The sound of a media file: decoded, resampled, in blocks with exact stamps."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray

from mer_ros.media.sources import AudioBlock, AudioFormat, MediaError

_JUMP_S = 0.04
"""Time stamps of packets are rounded by the container; a larger difference is a real hole."""

_TREND_S = 4.0
"""Sound over which the median of the stamps is taken."""

_OFF_S = 0.02
"""How far that may be off: roundings of stamps do not move it further."""

_BELIEVED_S = 0.1
"""A stamp that is further behind is damage, and says nothing of clocks."""


class BlockCutter:
    """Turns decoded frames into blocks of equal length.

    The stamp of a block is counted in samples from the first frame's time; where a frame's own
    time is more than 40 ms ahead of that (sound is missing in the file), counting starts anew. A
    time that is behind is the file's mistake and not followed: stamps never go back.

    Where the sound runs faster or slower than its stamps, as in recordings that a clock other than
    the sound card's has stamped, the median of some seconds moves away. Counted times are kept
    within 20 ms of that, in small steps, as the pictures go by the stamps.

    Args:
        audio: rate and channels of the blocks.
        block_s: their length.
    """

    def __init__(self, audio: AudioFormat, block_s: float) -> None:
        self._audio = audio
        self._block = max(1, round(block_s * audio.rate))
        self._resampler: av.AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None
        self._pending = self._nothing()
        self._off_s: list[float] = []
        self._trend_s = 0.0
        self._restart(0.0)

    @property
    def end_s(self) -> float:
        """Time after the last sample that was given out."""
        return self._start_s + self._emitted / self._audio.rate

    @property
    def next_s(self) -> float:
        """Time of the next frame if no sound is missing before it."""
        return self._input_s

    def push(self, frame: av.AudioFrame, stamp_s: float | None) -> Iterator[AudioBlock]:
        """Give the blocks that a frame completes.

        Args:
            frame: of any format; a format that changes in the middle is followed.
            stamp_s: its time; None continues.

        Raises:
            MediaError: FFmpeg cannot mix its channels.
        """
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if stamp_s is not None and (self._form is None or stamp_s - self._input_s > _JUMP_S):
            yield from self.flush()
            self._restart(stamp_s)
        if form != self._form:
            yield from self._take(self._drain())
            self._form = form
        if stamp_s is not None:
            self._follow(stamp_s - self._input_s, frame.samples / frame.sample_rate)
        frame.pts = None  # counted here: the resampler would invent samples to fill holes
        self._input_s += frame.samples / frame.sample_rate
        if self._resampler is None:
            self._resampler = av.AudioResampler('s16', self._layout(), self._audio.rate)
        try:
            resampled = self._resampler.resample(frame)
        except (av.error.FFmpegError, ValueError) as error:
            reason = getattr(error, 'strerror', None) or error
            raise MediaError(
                f'sound of {frame.layout.nb_channels} channels ({frame.layout.name}) cannot be '
                f'mixed to {self._audio.channels}: {reason}; keep its first with `ffmpeg -i FILE '
                "-af 'pan=mono|c0=c0' mono.wav`"
            ) from error
        for part in resampled:
            yield from self._take(self._interleaved(part))

    def flush(self) -> Iterator[AudioBlock]:
        """Give what is left, the last block as short as it is."""
        yield from self._take(self._drain())
        if len(self._pending):
            yield self._block_of(self._pending)
            self._pending = self._nothing()

    def _follow(self, off_s: float, length_s: float) -> None:
        """Take note of how far a frame's time is ahead of what was counted; move that if need be.

        A step of half a block, once in four seconds, is more than clocks are apart, and leaves
        blocks in order.
        """
        if abs(off_s) > _BELIEVED_S:
            return
        self._off_s.append(off_s)
        self._trend_s += length_s
        if self._trend_s < _TREND_S:
            return
        off_s = float(np.median(self._off_s))
        most_s = self._block / self._audio.rate / 2.0
        step_s = min(max(off_s - min(max(off_s, -_OFF_S), _OFF_S), -most_s), most_s)
        self._start_s += step_s
        self._input_s += step_s
        self._off_s.clear()
        self._trend_s = 0.0

    def _restart(self, stamp_s: float) -> None:
        self._start_s = self._input_s = stamp_s
        self._off_s.clear()
        self._trend_s = 0.0
        self._emitted = 0
        self._pending = self._nothing()
        self._resampler = None
        self._form = None

    def _drain(self) -> NDArray[np.int16]:
        """Return what the resampler still holds, and end it."""
        if self._resampler is None:
            return self._nothing()
        rest = [self._interleaved(frame) for frame in self._resampler.resample(None)]
        self._resampler = None
        return np.concatenate([self._nothing(), *rest])

    def _take(self, samples: NDArray[np.int16]) -> Iterator[AudioBlock]:
        self._pending = np.concatenate((self._pending, samples))
        while len(self._pending) >= self._block:
            yield self._block_of(self._pending[: self._block])
            self._pending = self._pending[self._block :]

    def _block_of(self, samples: NDArray[np.int16]) -> AudioBlock:
        block = AudioBlock(self.end_s, samples, self._audio.rate)
        self._emitted += len(samples)
        return block

    def _interleaved(self, frame: av.AudioFrame) -> NDArray[np.int16]:
        return np.asarray(frame.to_ndarray(), np.int16).reshape(-1, self._audio.channels)

    def _nothing(self) -> NDArray[np.int16]:
        return np.zeros((0, self._audio.channels), np.int16)

    def _layout(self) -> str:
        named = {1: 'mono', 2: 'stereo'}
        return named.get(self._audio.channels, f'{self._audio.channels}c')
