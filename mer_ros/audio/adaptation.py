"""What a voice usually sounds like to a classifier, and answers that allow for it.

Some voices sound angry, sad or flat to a classifier whatever they show. The mean of its logarithms
over what a voice has said, beside that mean over voices it was tried on, says by how much; a part
of the difference is taken off each answer. It is seven numbers of whoever spoke, and as many for
each window that still waits to count, too few to tell people apart.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.chunk import AudioError, Samples
from mer_ros.emotions import COUNT
from mer_ros.models.calibration import softmax
from mer_ros.models.card import Voice

Logs = NDArray[np.float64]
_FLOOR = 1e-6
HOP_S = 0.5
"""Windows are counted as if they came so far apart; what is usual was fitted to such."""
LAG_S = 20.0
"""Seconds that a window waits before it counts as usual in a stream: what somebody shows now is no
habit. A choice: outbursts are shorter, and acquaintance is longer."""
_BACK_NS = 1_000_000_000
"""A stamp that is earlier than the last by more is of another recording, or of its start."""


class Adaptation:
    """The fading mean of a voice, and what follows for the next answer.

    Args:
        voice: of the classifier's card.
        memory_s: seconds after which a window counts 1/e; infinite: it never fades.
        lag_s: seconds that a window waits before it counts.

    Attributes:
        memory_s: may be changed.
        heard: windows that the mean is of, half a second apart, faded ones counting less.
    """

    def __init__(self, voice: Voice, memory_s: float = math.inf, lag_s: float = 0.0) -> None:
        self._voice = voice
        self.memory_s = memory_s
        self._lag_ns = round(lag_s * 1e9)
        self.reset()

    def reset(self) -> None:
        """Forget the voice."""
        self.heard = 0.0
        self._mean = np.zeros(COUNT)
        self._stamp_ns: int | None = None
        self._waiting: deque[tuple[int, Logs, float]] = deque()

    def fade(self, stamp_ns: int) -> None:
        """Let what was heard fade up to a time, and what has waited count.

        A recording that begins anew is a new voice.
        """
        before, self._stamp_ns = self._stamp_ns, stamp_ns
        if before is None:
            return
        if stamp_ns < before - _BACK_NS:
            self.reset()
            self._stamp_ns = stamp_ns
        elif stamp_ns > before:
            self.heard *= math.exp(-(stamp_ns - before) * 1e-9 / self.memory_s)
        while self._waiting and self._waiting[0][0] <= stamp_ns - self._lag_ns:
            waited, logs, weight = self._waiting.popleft()
            age_s = (stamp_ns - waited) * 1e-9
            self._count(logs, weight * math.exp(-age_s / self.memory_s))

    def add(self, probabilities: Samples, stamp_ns: int, weight: float = 1.0) -> None:
        """Hear windows.

        Args:
            probabilities: (N, 7), the classifier's own, not adapted.
            stamp_ns: of the last of them.
            weight: what each counts; where they come closer together than :data:`HOP_S`, less.

        Raises:
            AudioError: they have another shape, or are no probabilities.
        """
        logs = centred(probabilities)
        self.fade(stamp_ns)
        if not len(logs):
            return
        if self._lag_ns:
            self._waiting.append((stamp_ns, logs, weight))
        else:
            self._count(logs, weight)

    def _count(self, logs: Logs, weight: float) -> None:
        """Take windows into the mean, each with a weight."""
        count = weight * len(logs)
        self.heard += count
        if self.heard:
            self._mean += (logs.mean(axis=0) - self._mean) * (count / self.heard)

    def adapt(self, probabilities: Samples) -> Samples:
        """Return (N, 7) float32: the answers less a part of how the voice differs from others.

        Raises:
            AudioError: as :meth:`add`.
        """
        voice = self._voice
        if not self.heard:
            return np.asarray(probabilities, np.float32)
        share = voice.strength * self.heard / (self.heard + voice.half)
        return softmax(centred(probabilities) - share * (self._mean - voice.usual))


def centred(probabilities: Samples) -> Logs:
    """Return (N, 7) logarithms, floored at 1e-6, less their mean in each row.

    Raises:
        AudioError: they have another shape, or are no probabilities.
    """
    table = np.asarray(probabilities, np.float64)
    if table.ndim != 2 or table.shape[1] != COUNT or not (table >= 0.0).all():
        raise AudioError(f'(N, {COUNT}) probabilities are needed, not {table.shape}')
    logs = np.log(np.maximum(table, _FLOOR))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
