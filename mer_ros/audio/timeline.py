"""Time counted in samples from the stamps of the chunks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

NS = 1_000_000_000
TOLERANCE_NS = 50_000_000
SMALL_NS = 250_000_000
"""Half the usual hop, so that the stamps of its windows never go back."""


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
    """The stamp is suddenly behind: time jumped, for example a bag that loops."""
    RATE = 'rate'
    """The sample rate changed."""


@dataclass(frozen=True)
class Placement:
    """Where a chunk lies.

    Attributes:
        stamp_ns: time of its first sample: counted, or the chunk's stamp where re-anchored.
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
            Continuity.DRIFT: f'audio stamps are {apart} {side} the sound ({cause}): re-anchored',
            Continuity.GAP: f'{apart} of audio are missing: windows start anew',
            Continuity.BACKWARD: f'audio stamps jumped back by {apart}: audio starts anew',
            Continuity.RATE: 'audio sample rate changed: windows start anew',
        }[self.continuity]


class Timeline:
    """Counts time in samples with integers, hence exactly, for as long as it runs.

    Counted time is the stamp of an anchor plus samples over rate. A stamp that differs by more
    than the tolerance becomes the new anchor. Whether the sound goes on is told by how suddenly
    the difference came: a step of up to :data:`SMALL_NS` from one chunk to the next is two clocks
    that drift apart, a stamp that was late, or a chunk that was lost, and windows go on over it:
    were they begun anew, a chunk lost every second would leave none whole. A longer step ahead is
    a gap, one back a jump.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next chunk is a start."""
        self._anchor_ns = 0
        self._counted = 0
        self._rate = 0
        self._difference_ns = 0

    def place(
        self, stamp_ns: int, count: int, rate: int, tolerance_ns: int = TOLERANCE_NS
    ) -> Placement:
        """Return where a chunk of ``count`` samples lies, and count it."""
        if rate != self._rate:
            kind = Continuity.RATE if self._rate else Continuity.START
            return self._anchor(stamp_ns, count, rate, Placement(stamp_ns, kind))
        counted_ns = self._anchor_ns + self._counted * NS // rate
        difference = stamp_ns - counted_ns
        step = difference - self._difference_ns
        if abs(difference) <= tolerance_ns:
            self._counted += count
            self._difference_ns = difference
            return Placement(counted_ns, Continuity.CONTINUES, difference)
        if abs(step) <= max(SMALL_NS, tolerance_ns):
            kind = Continuity.DRIFT
        else:
            kind = Continuity.GAP if step > 0 else Continuity.BACKWARD
        return self._anchor(stamp_ns, count, rate, Placement(stamp_ns, kind, difference))

    def _anchor(self, stamp_ns: int, count: int, rate: int, placement: Placement) -> Placement:
        self._anchor_ns, self._counted, self._rate = stamp_ns, count, rate
        self._difference_ns = 0
        return placement
