"""From chunks of any format to one continuous stream of conditioned 16 kHz mono in the buffer."""

from __future__ import annotations

import numpy as np

from mer_ros.audio import mp3
from mer_ros.audio.chunk import AudioChunk, AudioError, Samples
from mer_ros.audio.conditioning import HighPass
from mer_ros.audio.repeats import Repeats
from mer_ros.audio.resampling import Resampler
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.timeline import NS, Continuity, Placement, Timeline
from mer_ros.audio.windows import SAMPLE_NS, WindowBuffer

_RATIO_NS = 1_000_000
"""Times of a resampler whose ratio is not exact are corrected when they are off by this."""


class Intake:
    """Places each chunk on the time line and feeds its sound to a buffer.

    A gap or a jump ends the resampler's and the filter's past as well, so that nothing from
    before it is smeared into the sound after it. A stamped chunk that comes again is left out.

    Args:
        buffer: where the sound goes.
        settings: channel, high-pass, tolerance of stamps.
    """

    def __init__(self, buffer: WindowBuffer, settings: AudioSettings) -> None:
        self._buffer = buffer
        self._settings = settings
        self._timeline = Timeline()
        self._repeats = Repeats()
        self._like_mp3 = 0
        self._high_pass = HighPass(settings.high_pass_hz, settings.remove_dc)
        self._resampler: Resampler | None = None
        self._origin_ns = 0
        self._received = 0

    def reset(self) -> None:
        """Forget the stream; the next chunk starts one."""
        self._timeline.reset()
        self._repeats.reset()
        self._like_mp3 = 0
        self._high_pass.reset()
        self._resampler = None

    def push(self, chunk: AudioChunk) -> Placement:
        """Take a chunk and return where it lies.

        Raises:
            AudioError: it lacks the channel that is set, or is one of several MP3 frames.
        """
        self._refuse_mp3(chunk)
        mono = self._mono(chunk)
        if chunk.stamped and self._repeats.has(chunk.stamp_ns, mono, chunk.sample_rate):
            return Placement(chunk.stamp_ns, Continuity.REPEATED)
        settings = self._settings
        tolerance = settings.reanchor_s if chunk.stamped else settings.reanchor_unstamped_s
        placement = self._timeline.place(
            chunk.stamp_ns, mono.size, chunk.sample_rate, round(tolerance * NS)
        )
        kind = placement.continuity
        if kind in (Continuity.CONTINUES, Continuity.DRIFT) and self._resampler is not None:
            resampler = self._resampler
        else:
            self._finish(lost=kind is Continuity.BACKWARD)
            resampler = self._resampler = Resampler(chunk.sample_rate)
            self._received = 0
        elapsed_ns = resampler.duration_ns(self._received)
        off_ns = placement.stamp_ns - self._origin_ns - elapsed_ns
        if kind is Continuity.CONTINUES and abs(off_ns) > _RATIO_NS:
            kind = Continuity.DRIFT
        if kind is not Continuity.CONTINUES:
            self._origin_ns = placement.stamp_ns - elapsed_ns
        self._received += mono.size
        stamp_ns = self._origin_ns + resampler.emitted * SAMPLE_NS
        # In a mean one channel at full scale spoils the sample; one that is not heard does not.
        heard = chunk.samples if settings.channel < 0 else mono[:, None]
        clipping = float(np.mean(np.abs(heard).max(axis=1) >= chunk.full_scale))
        self._feed(resampler.push(mono), stamp_ns, kind, clipping)
        return placement

    def _finish(self, lost: bool) -> None:
        """End the segment: what the resampler still holds belongs to it."""
        if self._resampler is not None and not lost:
            stamp_ns = self._origin_ns + self._resampler.emitted * SAMPLE_NS
            self._feed(self._resampler.flush(), stamp_ns, Continuity.CONTINUES, 0.0)
        self._high_pass.reset()

    def _feed(
        self, samples: Samples, stamp_ns: int, continuity: Continuity, clipping: float
    ) -> None:
        self._buffer.push(self._high_pass.push(samples), stamp_ns, continuity, clipping)

    def _refuse_mp3(self, chunk: AudioChunk) -> None:
        self._like_mp3 = self._like_mp3 + 1 if chunk.like_mp3 else 0
        if self._like_mp3 >= mp3.CHUNKS:
            raise AudioError(mp3.IS_MP3)

    def _mono(self, chunk: AudioChunk) -> Samples:
        channels = chunk.samples.shape[1]
        if self._settings.channel >= channels:
            raise AudioError(
                f'channel {self._settings.channel} is set and the sound has {channels}; set '
                f'channel to -1 (mean of all) or 0..{channels - 1}'
            )
        if channels == 1:
            return np.ascontiguousarray(chunk.samples[:, 0])
        if self._settings.channel >= 0:
            return np.ascontiguousarray(chunk.samples[:, self._settings.channel])
        return np.asarray(chunk.samples.mean(axis=1), np.float32)
