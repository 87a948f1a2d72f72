"""Any sample rate to 16 kHz, chunk by chunk, as if the whole stream were converted at once.

The filter is a Kaiser-windowed sinc run by SciPy's polyphase ``upfirdn`` (BSD). The delay of
the filter is compensated: output sample n is the sound at exactly n / 16000 s after the first
input sample, so stamps need no correction; an output merely appears 2 ms later (32 samples of
the slower rate), when the input it needs is there.

A rate in no simple ratio to 16 kHz (47,999 Hz: 16,000 to 47,999) would need a filter of millions
of taps. It is taken as the nearest of the simple ones (1 to 3, 21 ppm off; at most 250), and
whoever keeps the time allows for that by :meth:`Resampler.duration_ns`.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np
from scipy import signal

from mer_ros.audio.chunk import TARGET_RATE, Samples, check_format
from mer_ros.audio.timeline import NS

_ZEROS = 32
"""Zero crossings of the sinc on either side, at the slower of the two rates."""
_BETA = 7.0
"""Kaiser: 70 dB of stop band, reached 1.09 kHz above the end of the pass band at 16 kHz."""
_CUTOFF = 0.9375
"""Of the slower rate's Nyquist frequency: passes up to 6.96 kHz, stops from 8.04 kHz."""

_SIMPLE = 2_000
"""Largest term of a ratio: 128,000 taps are made in 10 ms and run in 1 ms a push."""


@functools.lru_cache(maxsize=8)
def _taps(up: int, down: int) -> tuple[Samples, int]:
    """Return the filter at ``up`` times the input rate, and its delay there."""
    slower = max(up, down)
    # A delay that is a multiple of ``down`` falls on an output sample.
    delay = -(-_ZEROS * slower // down) * down
    taps = signal.firwin(2 * delay + 1, _CUTOFF / slower, window=('kaiser', _BETA)) * up
    return np.asarray(taps, np.float32), delay


class Resampler:
    """Mono sound of one rate to 16 kHz, in chunks of any size.

    Args:
        rate: of the input, Hz, 4000..192000.

    Raises:
        AudioError: the rate is out of range.
    """

    def __init__(self, rate: int) -> None:
        check_format(1, rate)
        ratio = Fraction(rate, TARGET_RATE)
        if max(ratio.numerator, ratio.denominator) > _SIMPLE:
            ratio = ratio.limit_denominator(int(_SIMPLE / max(Fraction(1), ratio)))
        self.rate = rate
        self._up, self._down = ratio.denominator, ratio.numerator
        self.reset()

    def duration_ns(self, count: int) -> int:
        """Return how long ``count`` input samples last in the output, in ns."""
        return count * self._up * NS // (self._down * TARGET_RATE)

    def reset(self) -> None:
        """Forget the past: the next sample is the first."""
        self._kept: Samples = np.zeros(0, np.float32)
        self._first = 0
        self._received = 0
        self.emitted = 0

    def push(self, samples: Samples) -> Samples:
        """Return the output samples that became known: (m,) float32 at 16 kHz.

        Args:
            samples: (n,) float32 at the input rate, n >= 0.
        """
        self._received += samples.size
        if self._up == self._down:
            self.emitted += samples.size
            return samples
        self._kept = np.concatenate((self._kept, samples)) if self._kept.size else samples
        _, delay = _taps(self._up, self._down)
        reach = (self._received - 1) * self._up - delay
        return self._emit(reach // self._down + 1)

    def flush(self) -> Samples:
        """Return the outputs up to the end of the input, silence assumed after it, and reset."""
        tail: Samples = np.zeros(0, np.float32)
        if self._up != self._down and self._received:
            end = -(-self._received * self._up // self._down)
            _, delay = _taps(self._up, self._down)
            self._kept = np.pad(self._kept, (0, -(-delay // self._up) + 1))
            tail = self._emit(end)
        self.reset()
        return tail

    def _emit(self, end: int) -> Samples:
        start = self.emitted
        if end <= start:
            return np.zeros(0, np.float32)
        taps, delay = _taps(self._up, self._down)
        # The kept input starts at a multiple of ``down``, so its outputs lie on the grid.
        offset = delay // self._down - self._first // self._down * self._up
        output = signal.upfirdn(taps, self._kept, self._up, self._down)
        output = output[start + offset : end + offset]
        self.emitted = end
        needed = max(0, -((delay - end * self._down) // self._up))
        keep = max(self._first, needed // self._down * self._down)
        self._kept = self._kept[keep - self._first :]
        self._first = keep
        return np.asarray(output, np.float32)
