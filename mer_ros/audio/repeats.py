"""Sound that is told twice: by two relays, or from a bag that holds its messages double."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mer_ros.audio.chunk import Samples
from mer_ros.audio.timeline import NS

MEMORY_NS = NS // 2
"""Sound in which a chunk is known again: one relay may be behind the other. A looped bag, which
tells everything again, is longer."""

MOST = 3
"""Times that a chunk may come again. More is a clock that stands still, and sound that does not
change, for example silence: that is heard."""


@dataclass
class _Heard:
    """A chunk, how long it lasts, whether it is as the one before, how often it has come again."""

    samples: Samples
    rate: int
    length_ns: int
    alike: bool
    again: int = 0


class Repeats:
    """Knows chunks again that came in the last half second of sound, by stamp and content.

    Where sound does not change (silence, a test tone), content tells nothing, and a clock with
    long ticks, as simulated time has, gives the same stamp to several chunks. What tells them
    from one that came twice is that the stamps go on by the chunks that were left out as well.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._heard: dict[int, _Heard] = {}
        self._total_ns = 0
        self._start_anew(ticks=False)

    def _start_anew(self, ticks: bool) -> None:
        """Take it that the clock has long ticks, or not, until there is more to go by."""
        self._ticks = ticks
        self._left_out_ns = self._ahead_ns = 0

    def has(self, stamp_ns: int, samples: Samples, rate: int) -> bool:
        """Say whether a chunk has come already; one that has not is remembered.

        Args:
            stamp_ns: of its first sample, given by whoever took the sound.
            samples: (n,) float32; kept, and not to be changed later.
            rate: Hz.
        """
        known = self._heard.get(stamp_ns)
        if known is not None and known.again < MOST and self._is(known, stamp_ns, samples, rate):
            known.again += 1
            return True
        length_ns = samples.size * NS // rate
        newest = next(reversed(self._heard), None)
        before = self._heard[newest].samples if newest is not None else samples[:1]
        alike = _constant(samples) or np.array_equal(before, samples)
        if known is None and newest is not None:
            self._look_at_step(stamp_ns - newest, self._heard[newest].length_ns)
        self._remember(stamp_ns, _Heard(samples, rate, length_ns, alike))
        if known is not None:  # this stamp does not tell one chunk from another
            self._heard[stamp_ns].again = MOST
            self._start_anew(ticks=True)
        return False

    def _is(self, known: _Heard, stamp_ns: int, samples: Samples, rate: int) -> bool:
        if rate != known.rate or not np.array_equal(known.samples, samples):
            return False
        if not known.alike:
            self._start_anew(ticks=False)
            return True
        if stamp_ns == next(reversed(self._heard)):
            self._left_out_ns += 0 if self._ticks else known.length_ns
            return not self._ticks
        # That of a late stamp is not that of the chunk which is due then.
        return stamp_ns < max(self._heard)

    def _look_at_step(self, step_ns: int, length_ns: int) -> None:
        """See whether stamps go on by more than the sound that was heard."""
        if step_ns <= 0 or self._left_out_ns > MEMORY_NS:
            self._left_out_ns = self._ahead_ns = 0
        if not self._left_out_ns:
            return
        self._ahead_ns += step_ns - length_ns
        if self._left_out_ns > length_ns and 2 * self._ahead_ns > self._left_out_ns:
            self._start_anew(ticks=True)

    def _remember(self, stamp_ns: int, chunk: _Heard) -> None:
        before = self._heard.pop(stamp_ns, None)
        self._total_ns -= before.length_ns if before is not None else 0
        self._heard[stamp_ns] = chunk
        self._total_ns += chunk.length_ns
        while True:
            oldest = next(iter(self._heard))
            rest_ns = self._total_ns - self._heard[oldest].length_ns
            if rest_ns < MEMORY_NS:
                return
            del self._heard[oldest]
            self._total_ns = rest_ns


def _constant(samples: Samples) -> bool:
    return bool(samples.min() == samples.max())
