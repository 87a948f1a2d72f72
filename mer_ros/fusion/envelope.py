"""Does this mouth talk while the sound is loud? P(talking) of a face against the sound's envelope.

The log odds of talking and the log of the sound's level go up and down together for the face that
is heard (as mouth opening and envelope do: Chandrasekaran et al., 2009), and apart for any other.
Fisher's z of their correlation over the last seconds is about normal, with mean ``EXPECTED_Z`` for
the one and 0 for the other and a variance that falls with the time compared; the log of the ratio
of the two densities is the evidence.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mer_ros.fusion.decision import NANOSECONDS
from mer_ros.fusion.errors import FusionError

if TYPE_CHECKING:
    from mer_ros.audio.feature_record import AudioFeatures

SMOOTH_S = 0.6
"""As face/motion.py smooths."""

SHARP_S = 0.1
"""Both courses are smoothed so much before they are compared."""

SPAN_S = 6.0
"""How far back they are compared."""

SHORTEST_S = 1.4
"""Less of both tells nothing."""

STEP_S = 0.04
"""From one compared moment to the next."""

LEAD_S = 0.05
"""A mouth moves so long before it is heard (what the flow's own delay leaves of it)."""

INDEPENDENT_S = 0.5
"""Time between moments that count as independent: z has a variance of this over the span."""

EXPECTED_Z = 0.6

LIMIT = 2.5
"""Log odds are cut off here: no single cue is believed further."""

FLOOR = 0.02
"""Sound below this share of the loudest moment is silence."""

FLAT = 0.2
"""Sound whose log level varies by less (standard deviation) tells nothing."""

GAP_S = 0.25
"""Of a mouth that was not seen for longer nothing is known in between."""

Line = NDArray[np.float64]
Stamps = NDArray[np.int64]


def check_envelope(features: AudioFeatures) -> None:
    """Look the envelope of a window over.

    Raises:
        FusionError: it is not a row of finite levels at a rate above 0.
    """
    rate, levels = features.envelope_rate, features.envelope
    if not (math.isfinite(rate) and rate > 0.0):
        raise FusionError(f'audio features have envelope_rate {rate}: publish one above 0 Hz')
    if levels.ndim != 1 or not np.isfinite(levels).all() or (levels < 0.0).any():
        raise FusionError('audio features have an envelope with values that are no amplitudes')


class SoundTrack:
    """The smoothed level of the last seconds of sound.

    Attributes:
        end_ns: stamp of the newest sound; None before any.
    """

    def __init__(self) -> None:
        """Start with no sound."""
        self.end_ns: int | None = None
        self._level = 0.0
        self._moments: deque[tuple[int, float]] = deque()

    def add(self, features: AudioFeatures) -> None:
        """Append what of a window's envelope is new; after a gap or a jump back, start anew."""
        rows = features.envelope.tolist()
        row_ns = round(NANOSECONDS / features.envelope_rate)
        first_ns = features.stamp_ns - len(rows) * row_ns
        known = self.end_ns is not None and first_ns <= self.end_ns <= features.stamp_ns
        if not known:
            self._moments.clear()
            self._level = rows[0] if rows else 0.0
        begin = max(0, round((self.end_ns - first_ns) / row_ns)) if known and self.end_ns else 0
        gain = 1.0 - math.exp(-row_ns / NANOSECONDS / SHARP_S)
        for row in range(begin, len(rows)):
            self._level += gain * (rows[row] - self._level)
            stamp_ns = first_ns + (row + 1) * row_ns
            if (
                not self._moments
                or stamp_ns - self._moments[-1][0] >= STEP_S * NANOSECONDS - row_ns // 2
            ):
                self._moments.append((stamp_ns, self._level))
        self.end_ns = features.stamp_ns
        while self._moments and self._moments[0][0] < self.end_ns - SPAN_S * NANOSECONDS:
            self._moments.popleft()

    def course(self) -> tuple[Stamps, Line]:
        """Return stamps in nanoseconds and log levels, oldest first."""
        stamps = np.array([moment[0] for moment in self._moments], np.int64)
        levels = np.array([moment[1] for moment in self._moments], np.float64)
        floor = max(FLOOR * float(levels.max(initial=0.0)), 1e-9)
        return stamps, np.log(levels + floor)


class MouthTrace:
    """The log odds of talking of one face over the last seconds, sharpened.

    P(talking) comes smoothed over ``SMOOTH_S``, which hides the pauses between words:
    that is undone first.
    """

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._seen: deque[tuple[int, float]] = deque()
        self._smooth = 0.0

    def add(self, stamp_ns: int, log_odds: float) -> None:
        """Append what was seen at a stamp, later than the last."""
        before_ns, value = self._seen[-1] if self._seen else (0, 0.0)
        elapsed_s = (stamp_ns - before_ns) / NANOSECONDS
        if not self._seen or elapsed_s > GAP_S:
            value = log_odds
        else:
            change = (log_odds - self._smooth) / (1.0 - math.exp(-elapsed_s / SMOOTH_S))
            gain = 1.0 - math.exp(-elapsed_s / SHARP_S)
            value += gain * (self._smooth + change - value)
        self._smooth = log_odds
        self._seen.append((stamp_ns, value))
        while self._seen[0][0] < stamp_ns - 2 * SPAN_S * NANOSECONDS:
            self._seen.popleft()

    def at(self, stamps: Stamps) -> tuple[Line, NDArray[np.bool_]]:
        """Return the log odds at some stamps, and where they are known."""
        if len(self._seen) < 2 or not stamps.size:
            return np.zeros(stamps.shape), np.zeros(stamps.shape, np.bool_)
        # Relative to the first, since a double cannot hold nanoseconds since 1970.
        origin = self._seen[0][0]
        times = np.array([item[0] - origin for item in self._seen], np.float64)
        values = np.array([item[1] for item in self._seen], np.float64)
        wanted = (stamps - origin).astype(np.float64)
        after = np.clip(np.searchsorted(times, wanted), 1, times.size - 1)
        near = times[after] - times[after - 1] <= GAP_S * NANOSECONDS
        known = near & (wanted >= times[0]) & (wanted <= times[-1])
        return np.interp(wanted, times, values), known


def belongs(mouth: MouthTrace, sound: SoundTrack) -> float:
    """Return the log odds, within ``LIMIT``, that the sound is this mouth's by their course alone.

    0 where too little of both is known, or where the sound has no course.
    """
    stamps, levels = sound.course()
    talking, known = mouth.at(stamps - round(LEAD_S * NANOSECONDS))
    span_s = STEP_S * int(known.sum())
    if span_s < SHORTEST_S or float(levels[known].std()) < FLAT:
        return 0.0
    return evidence(_correlation(talking[known], levels[known]), span_s)


def _correlation(one: Line, other: Line) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / scale if scale > 1e-12 else 0.0


def evidence(correlation: float, span_s: float) -> float:
    """Return the log odds that a correlation over a time gives, within ``LIMIT``."""
    z = math.atanh(min(max(correlation, -0.99), 0.99))
    odds = EXPECTED_Z * (z - EXPECTED_Z / 2.0) * span_s / INDEPENDENT_S
    return min(max(odds, -LIMIT), LIMIT)
