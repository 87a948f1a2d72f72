"""The audio buffer: windows of equal length, hop by hop, counted in samples.

The buffer holds sound in segments. Inside a segment sample follows sample; between segments
sound is missing, so no window spans two. All positions are integers, so that after any number
of hours a window starts where the one before plus the hop says, and its stamp is exact.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from mer_ros.audio.chunk import TARGET_RATE, AudioError, Samples
from mer_ros.audio.timeline import NS, Continuity

SAMPLE_NS = NS // TARGET_RATE
"""62,500: at 16 kHz a sample lasts a whole number of nanoseconds."""


def _nothing() -> Samples:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class Window:
    """One window of sound.

    Attributes:
        stamp_ns: time of the last sample; later than that of the window before in its segment.
        samples: (n,) float32 in [-1, 1], 16 kHz mono.
        clipping: share of the source's samples that were at full scale, 0..1.
        segment: number of the uninterrupted piece of sound it was cut from.
        end: position in that segment, in samples, of the end of the window.
        fresh: (m,) float32, the samples up to ``end`` that no earlier window handed out; what
            runs on the stream (speech activity) takes these, so that it sees each sample once.
        speech: (k,) float32, P(speech) of each 32 ms frame inside, oldest first.
        noise_dbfs: level of the background as known at that time; nan where not known.
        speech_dbfs: mean level of the speech frames inside; nan without speech.
        noise_spectrum: (257,) float32 mean power spectrum of the background, or (0,).
        frame_id: of the last chunk.
    """

    stamp_ns: int
    samples: Samples
    clipping: float = 0.0
    segment: int = 0
    end: int = 0
    fresh: Samples = field(default_factory=_nothing)
    speech: Samples = field(default_factory=_nothing)
    noise_dbfs: float = float('nan')
    speech_dbfs: float = float('nan')
    noise_spectrum: Samples = field(default_factory=_nothing)
    frame_id: str = ''


class _Segment:
    """Samples without interruption; positions count from its first sample ever."""

    def __init__(self, number: int, stamp_ns: int, window: int) -> None:
        self.number = number
        self.first = 0
        self.end = 0
        self.handed_out = 0
        self.next_end = window
        self.last_stamp_ns: int | None = None
        self._pieces: list[Samples] = []
        self._anchors: deque[tuple[int, int]] = deque([(0, stamp_ns)])
        self._clipping: deque[tuple[int, float]] = deque()

    def anchor(self, stamp_ns: int) -> None:
        self._anchors.append((self.end, stamp_ns))

    def append(self, samples: Samples, clipping: float) -> None:
        if samples.size:
            self._pieces.append(samples)
            self.end += samples.size
            self._clipping.append((self.end, clipping))

    def cut(self, start: int, end: int) -> Samples:
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        whole = self._pieces[0] if self._pieces else _nothing()
        return np.array(whole[start - self.first : end - self.first])

    def clipping(self, start: int, end: int) -> float:
        total, before = 0.0, self.first
        for until, share in self._clipping:
            total += share * max(0, min(until, end) - max(before, start))
            before = until
        return total / max(1, end - start)

    def stamp_ns(self, position: int) -> int:
        """Return the time of the sample at a position."""
        index, stamp = next(a for a in reversed(self._anchors) if a[0] <= position)
        return stamp + (position - index) * SAMPLE_NS

    def trim(self, first: int) -> int:
        """Drop what lies before a position and return how many samples that was."""
        count = min(first, self.end) - self.first
        if count <= 0:
            return 0
        self._pieces = [self.cut(self.first + count, self.end)]
        self.first += count
        while len(self._anchors) > 1 and self._anchors[1][0] <= self.first:
            self._anchors.popleft()
        while self._clipping and self._clipping[0][0] <= self.first:
            self._clipping.popleft()
        return count


class WindowBuffer:
    """Cuts a stream into overlapping windows; keeps every sample that a later window needs.

    Args:
        window_s: length of a window.
        hop_s: from one window to the next.
        capacity_s: most that is kept when nothing is popped; the oldest goes first.

    Raises:
        AudioError: lengths that make no windows.

    Attributes:
        dropped: samples lost because the buffer was full before a window took them.
        skipped: windows that were complete and passed over for a later one.
    """

    def __init__(self, window_s: float = 1.0, hop_s: float = 0.5, capacity_s: float = 30.0) -> None:
        self.window = round(window_s * TARGET_RATE)
        self.hop = round(hop_s * TARGET_RATE)
        self.capacity = round(capacity_s * TARGET_RATE)
        if self.window < 1 or self.hop < 1:
            raise AudioError(f'window {window_s} s and hop {hop_s} s must be positive')
        if self.capacity < self.window + self.hop:
            raise AudioError(
                f'buffer of {capacity_s} s is shorter than window plus hop '
                f'({window_s} s + {hop_s} s); make it longer'
            )
        self._segments: deque[_Segment] = deque()
        self._number = 0
        self.dropped = 0
        self.skipped = 0

    @property
    def buffered(self) -> int:
        """Samples held."""
        return sum(segment.end - segment.first for segment in self._segments)

    @property
    def ready(self) -> int:
        """Complete windows that wait."""
        return sum(self._waiting(segment) for segment in self._segments)

    def reset(self) -> None:
        """Forget the sound; counters stay."""
        self._segments.clear()

    def push(
        self,
        samples: Samples,
        stamp_ns: int,
        continuity: Continuity = Continuity.CONTINUES,
        clipping: float = 0.0,
    ) -> None:
        """Append 16 kHz samples.

        Args:
            samples: (n,) float32, n >= 0.
            stamp_ns: time of the first; counts only where ``continuity`` starts or re-anchors.
            continuity: how they follow. A gap opens a new segment, a jump back also drops what
                waits: its stamps belong to a time that is no more.
            clipping: share of clipped samples in the source.
        """
        if continuity is Continuity.BACKWARD:
            self.dropped += sum(segment.end - segment.handed_out for segment in self._segments)
            self._segments.clear()
        if continuity is Continuity.DRIFT and self._segments:
            self._segments[-1].anchor(stamp_ns)
        elif continuity is not Continuity.CONTINUES or not self._segments:
            self._number += 1
            self._segments.append(_Segment(self._number, stamp_ns, self.window))
        self._segments[-1].append(samples, clipping)
        self._limit()

    def pop(self, latest: bool = False, waiting: int = 1) -> Window | None:
        """Return the oldest complete window that was not popped yet, or None.

        Args:
            latest: pass over those before the newest ``waiting``, which count as skipped. Their
                samples still come, as ``fresh``.
            waiting: complete windows, this one included, that may be there with ``latest``;
                1 is the newest alone.
        """
        complete = [segment for segment in self._segments if self._waiting(segment)]
        if not complete:
            self._drop_until(self._segments[-1] if self._segments else None)
            return None
        segment = complete[0]
        excess = sum(map(self._waiting, complete)) - max(1, waiting) if latest else 0
        if excess > 0:
            self.skipped += excess
            while (passed := self._waiting(segment)) <= excess:
                excess -= passed
                complete.pop(0)
                segment = complete[0]
            segment.next_end += excess * self.hop
        self._drop_until(segment)
        return self._cut(segment)

    def _cut(self, segment: _Segment) -> Window:
        end = segment.next_end
        start = end - self.window
        fresh_from = max(segment.first, min(segment.handed_out, end))
        stamp_ns = segment.stamp_ns(end - 1)
        if segment.last_stamp_ns is not None:
            # An anchor that moves back, after late stamps, may move by more than a hop; to those
            # who take the windows a stamp that falls is a time that jumped.
            stamp_ns = max(stamp_ns, segment.last_stamp_ns + SAMPLE_NS)
        segment.last_stamp_ns = stamp_ns
        window = Window(
            stamp_ns=stamp_ns,
            samples=segment.cut(start, end),
            clipping=segment.clipping(start, end),
            segment=segment.number,
            end=end,
            fresh=segment.cut(fresh_from, end),
        )
        segment.handed_out = end
        segment.next_end = end + self.hop
        segment.trim(min(end, segment.next_end - self.window))
        return window

    def _waiting(self, segment: _Segment) -> int:
        return max(0, (segment.end - segment.next_end) // self.hop + 1)

    def _drop_until(self, keep: _Segment | None) -> None:
        while self._segments and self._segments[0] is not keep:
            self._segments.popleft()

    def _limit(self) -> None:
        excess = self.buffered - self.capacity
        while excess > 0:
            oldest = self._segments[0]
            unseen = max(oldest.first, oldest.handed_out)
            excess -= oldest.trim(oldest.first + excess)
            self.dropped += max(0, oldest.first - unseen)
            behind = oldest.first - (oldest.next_end - self.window)
            if behind > 0:
                hops = -(-behind // self.hop)
                self.skipped += min(hops, self._waiting(oldest))
                oldest.next_end += hops * self.hop
            if oldest.first == oldest.end and len(self._segments) > 1:
                self._segments.popleft()
