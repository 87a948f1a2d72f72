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
    """A chunk, how long it lasts, and how often it has come again."""

    samples: Samples
    rate: int
    length_ns: int
    again: int = 0


class Repeats:
    """Knows chunks again that came in the last half second of sound, by stamp and content."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._heard: dict[int, _Heard] = {}
        self._total_ns = 0

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
        self._remember(stamp_ns, _Heard(samples, rate, samples.size * NS // rate))
        if known is not None:  # this stamp does not tell one chunk from another
            self._heard[stamp_ns].again = MOST
        return False

    def _is(self, known: _Heard, stamp_ns: int, samples: Samples, rate: int) -> bool:
        if rate != known.rate or not np.array_equal(known.samples, samples):
            return False
        # Silence is all alike: that of a late stamp is not that of the chunk which is due then.
        silent = samples.min() == samples.max()
        last = next(reversed(self._heard))
        return not silent or stamp_ns == last or stamp_ns < max(self._heard)

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
