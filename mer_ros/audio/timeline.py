"""What the stamps of chunks say: time counted in samples, and how fast the samples come."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

import numpy as np

NS = 1_000_000_000
TOLERANCE_NS = 50_000_000

SMALL_NS = 250_000_000
"""Longest step of the stamps that windows go on over."""

BACK_NS = 200_000_000
"""How far behind, beyond the tolerance, a stamp may be that only shows the anchor to be late."""

LATE_NS = 1_250_000_000
"""Longest lateness that is made allowance for: bursts of a good second."""

MEMORY_NS = 5 * NS
"""Sound over which it is remembered how late stamps came."""


class Continuity(Enum):
    """How a chunk follows the one before."""

    CONTINUES = 'continues'
    """Counted time and stamp agree; the count goes on."""
    START = 'start'
    """The first chunk."""
    DRIFT = 'drift'
    """They came apart little by little (two clocks) or by a small step: re-anchored."""
    GAP = 'gap'
    """The stamp is suddenly far ahead: sound is missing."""
    BACKWARD = 'backward'
    """The stamp is far behind: time jumped, for example a bag that loops."""
    RATE = 'rate'
    """The sample rate changed."""
    REPEATED = 'repeated'
    """It had come already, and was left out."""


@dataclass(frozen=True)
class Placement:
    """Where a chunk lies.

    Attributes:
        stamp_ns: time of its first sample: counted, anew from the stamps where re-anchored.
        continuity: how it follows.
        difference_ns: stamp less counted time; 0 at the start and when the rate changed.
    """

    stamp_ns: int
    continuity: Continuity
    difference_ns: int = 0

    def describe(self) -> str:
        """Return one line for the log."""
        apart = f'{abs(self.difference_ns) / 1e6:.0f} ms'
        late = self.difference_ns < 0
        side = 'behind' if late else 'ahead of'
        cause = (
            'after a late stamp, or another clock' if late else 'lost chunk, late stamp or clock'
        )
        return {
            Continuity.CONTINUES: 'audio continues',
            Continuity.START: 'audio starts',
            Continuity.DRIFT: f'audio stamps are {apart} {side} the sound ({cause}): re-anchored; '
            f'{_ALLOW}',
            Continuity.GAP: f'{apart} of audio are missing, or stamps are that late: windows start '
            f'anew; find what loses audio, or {_ALLOW}',
            Continuity.BACKWARD: f'audio stamps jumped back by {apart}: audio starts anew; where '
            'no bag was looped, see that one clock stamps the audio',
            Continuity.RATE: 'audio sample rate changed: windows start anew; keep to one rate, and '
            'to one publisher of the audio',
            Continuity.REPEATED: 'audio comes twice, with the same stamps: heard once; find what '
            'publishes it again, a second relay or a bag that holds it double',
        }[self.continuity]


_ALLOW = 'where sound comes in bursts set reanchor_s (unstamped: reanchor_unstamped_s) above that'


@dataclass(frozen=True)
class _Lead:
    """Stamps that are ahead: their least and greatest origin, and the sound before the first."""

    least_ns: int
    most_ns: int
    since_ns: int


class Timeline:
    """Counts time in samples with integers, hence exactly, for as long as it runs.

    Counted time is an anchor plus samples over rate. A stamp that differs by more than the
    tolerance moves the anchor:

    - Ahead by a step of up to :data:`SMALL_NS` is a stamp that is late, a chunk that was lost or
      two clocks that drift apart, and windows go on over it: were they begun anew, a chunk lost
      every second would leave none whole. A longer step is a gap.
    - Behind shows that the anchor was late, since what is stamped on arrival is late and never
      early: the anchor moves back. Beyond :data:`BACK_NS` more than the tolerance, or the length
      of the chunk before if that is longer, time has jumped.

    Sound that comes in bursts stamped on arrival does both with each burst. So how late stamps
    were of late is remembered for :data:`MEMORY_NS` of sound, and a stamp that is ahead by about
    that is one more of them: time is counted on. Only when no stamp comes back for longer than
    a burst is the lead of the earliest one believed: sound was lost, and windows start anew or
    go on as above. Sound lost across two bursts shows in two steps, one a burst, and sound lost
    within :data:`MEMORY_NS` of a stall looks like one more: a window may then span up to a second
    that is missing.
    """

    def __init__(self) -> None:
        self._led: _Lead | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next chunk is a start."""
        self._rate = 0
        self._start(0, 0)

    def place(
        self, stamp_ns: int, count: int, rate: int, tolerance_ns: int = TOLERANCE_NS
    ) -> Placement:
        """Return where a chunk of ``count`` samples lies, and count it.

        Args:
            stamp_ns: of its first sample.
            count: samples of each channel.
            rate: Hz.
            tolerance_ns: by how much stamps and counted time may differ.
        """
        if rate != self._rate:
            kind = Continuity.RATE if self._rate else Continuity.START
            self._rate = rate
            self._start(stamp_ns, count)
            return Placement(stamp_ns, kind)
        sound_ns = self._counted * NS // rate
        origin_ns = stamp_ns - sound_ns
        difference = origin_ns - self._origin_ns
        kind, shift = self._judge(origin_ns, difference, sound_ns, tolerance_ns)
        if kind is Continuity.BACKWARD:
            self._start(stamp_ns, count)
            return Placement(stamp_ns, kind, difference)
        self._origin_ns += shift
        self._difference_ns = difference - shift
        self._counted += count
        self._length_ns = count * NS // rate
        told = difference if kind is Continuity.CONTINUES else shift
        return Placement(self._origin_ns + sound_ns, kind, told)

    def _judge(
        self, origin_ns: int, difference: int, sound_ns: int, tolerance_ns: int
    ) -> tuple[Continuity, int]:
        """Return how a chunk follows, and by how much the anchor moves."""
        small = max(SMALL_NS, tolerance_ns)
        if difference <= tolerance_ns:
            if self._led is not None:  # what was ahead was late: a stamp has come back
                self._remember(self._led.most_ns, sound_ns)
            self._led = None
            if difference < -max(SMALL_NS, tolerance_ns + max(BACK_NS, self._length_ns)):
                return Continuity.BACKWARD, difference
            self._remember(origin_ns, sound_ns)
            if difference < -tolerance_ns:
                return Continuity.DRIFT, difference
            return Continuity.CONTINUES, 0
        late = self._late_ns(sound_ns)
        led = self._led or _Lead(origin_ns, origin_ns, sound_ns)
        led = _Lead(min(led.least_ns, origin_ns), max(led.most_ns, origin_ns), led.since_ns)
        if not late:
            shift = difference
            sudden = difference - self._difference_ns > small
        elif difference - late > MEMORY_NS:  # a clock that was set: it was not late before
            self._origins.clear()
            shift, sudden = difference, True
        elif difference - late > small:
            shift, sudden = difference - late, True
        elif sound_ns - led.since_ns >= late + SMALL_NS:
            shift = led.least_ns - self._origin_ns
            sudden = shift > small
        else:
            self._led = led
            return Continuity.CONTINUES, 0
        self._led = None
        self._remember(led.most_ns, sound_ns)
        return (Continuity.GAP if sudden else Continuity.DRIFT), shift

    def _start(self, stamp_ns: int, count: int) -> None:
        """Count from a chunk."""
        self._origin_ns, self._counted = stamp_ns, count
        self._difference_ns = 0
        self._length_ns = count * NS // self._rate if self._rate else 0
        self._led = None
        # Origins that stamps spoke for, falling, with the sound before them: a sliding maximum.
        self._origins: deque[tuple[int, int]] = deque()
        self._remember(stamp_ns, 0)

    def _remember(self, origin_ns: int, sound_ns: int) -> None:
        self._forget(sound_ns)
        while self._origins and self._origins[-1][1] <= origin_ns:
            self._origins.pop()
        self._origins.append((sound_ns, origin_ns))

    def _forget(self, sound_ns: int) -> None:
        while self._origins and self._origins[0][0] < sound_ns - MEMORY_NS:
            self._origins.popleft()

    def _late_ns(self, sound_ns: int) -> int:
        """Return by how much stamps were late of late; 0 where that is next to nothing."""
        self._forget(sound_ns)
        late = self._origins[0][1] - self._origin_ns if self._origins else 0
        return min(late, LATE_NS) if late > TOLERANCE_NS else 0


PACE_NS = 5 * NS
"""Stamps over which the pace of sound is measured."""

_PACE_LEAST_NS = 2 * NS
_PACE_CHUNKS = 5
_PACE_MANY = 20
_PACE_AGREES = 0.1
_SLOW_AGREES = 0.3
_PACE_SAME = 0.05


class Pace:
    """Measures how fast stamped sound comes: 1 is as its sample rate says.

    The sum over some seconds and the typical chunk have to agree. Where chunks are lost, the sum
    is slow and a chunk between two that came is not; in bursts a chunk is fast and the sum is
    not: neither says anything of the sample rate.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._chunks: deque[tuple[int, int]] = deque()

    def add(self, stamp_ns: int, count: int, rate: int) -> None:
        """Take a chunk of ``count`` samples of each channel at ``rate`` Hz."""
        chunks = self._chunks
        if chunks and stamp_ns <= chunks[-1][0]:  # time jumped, or stands still
            chunks.clear()
        chunks.append((stamp_ns, count * NS // rate))
        while len(chunks) > _PACE_CHUNKS and stamp_ns - chunks[0][0] > PACE_NS:
            chunks.popleft()

    def ratio(self) -> float:
        """Return the seconds of sound, by its rate, per second of stamps; 1 when not known."""
        chunks = np.array(self._chunks, np.int64)
        if len(chunks) < _PACE_CHUNKS or chunks[-1, 0] - chunks[0, 0] < _PACE_LEAST_NS:
            return 1.0
        steps = np.diff(chunks[:, 0])
        # The last chunk lasts for a step as well; the longest, that a burst count only once.
        total = float(chunks[:, 1].sum() / (steps.sum() + steps.max()))
        paces = chunks[:-1, 1] / np.maximum(steps, 1)
        if total > 1.0:
            typical, agrees = float(np.median(paces)), _PACE_AGREES
        else:
            # Even of few chunks that are left some follow each other; stamps that jitter are
            # allowed for by what may be between the two.
            typical = float(np.quantile(paces, 0.9))
            agrees = _SLOW_AGREES
            if float(np.median(paces)) > 1.0 - _PACE_SAME:
                return 1.0  # most chunks follow the one before: some are lost
            lengths = chunks[:, 1] / chunks[:, 1].mean()
            if len(chunks) < _PACE_MANY and max(np.ptp(paces), np.ptp(lengths)) > _PACE_SAME:
                return 1.0  # long chunks with pauses between them, an utterance each
        known = abs(typical - 1.0) > _PACE_SAME and abs(typical / total - 1.0) <= agrees
        return total if known else 1.0
