"""From evidence at irregular times to a label that holds still: one state for each subject.

Log evidence is smoothed with a first-order filter whose gain follows the elapsed time,
``1 - exp(-dt / tau)``: n equal steps of dt/n give what one step of dt gives, so the frame rate
and the replay speed do not matter. The label then follows a Schmitt trigger (Schmitt 1938) on
the posterior: another label enters at ``enter``, the present one is given up below ``exit``, and
none is given up before ``dwell``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT, UNKNOWN, Emotion
from mer_ros.fusion.pooling import posterior
from mer_ros.fusion.settings import FusionSettings

Table = NDArray[np.float64]

NANOSECONDS = 1_000_000_000
CHANCE = 1.0 / COUNT


@dataclass(frozen=True)
class Decision:
    """What is said of a subject at one time.

    Attributes:
        label: index of an emotion, or UNKNOWN.
        probabilities: (7,) float64, the smoothed posterior; the prior for UNKNOWN.
        confidence: probabilities[label]; 0 for UNKNOWN.
        since_ns: stamp at which the label was decided.
    """

    label: int
    probabilities: Table
    confidence: float
    since_ns: int


def threshold(level: float, reliability: float, adaptation: float) -> float:
    """Return a threshold moved towards chance as the evidence gets less reliable.

    The pool itself draws the posterior towards the prior by the same factor; a fixed threshold
    would then be out of reach, and the label would stick.
    """
    scale = 1.0 - adaptation * (1.0 - reliability)
    return CHANCE + (level - CHANCE) * scale


class SubjectState:
    """Smoothed evidence and present label of one subject.

    Attributes:
        settings: may be replaced at any time.
        stamp_ns: of the newest evidence; None before the first.
    """

    def __init__(self, settings: FusionSettings) -> None:
        """Start knowing nothing."""
        self.settings = settings
        self._clear()

    def _clear(self) -> None:
        self._evidence: Table = np.zeros(COUNT, np.float64)
        self._reliability = 0.0
        self._label = UNKNOWN
        self._since_ns = 0
        self.stamp_ns: int | None = None

    def update(self, evidence: Table, reliability: float, stamp_ns: int, prior: Table) -> Decision:
        """Take in the evidence of one time.

        Args:
            evidence: (7,) float64 log evidence, zeros when there is none.
            reliability: 0..1, of all the evidence together.
            stamp_ns: one before the last, or further on than ``forget_s``, starts anew.
            prior: (7,) float64 deployed prior.
        """
        if self.stamp_ns is not None:
            passed_ns = stamp_ns - self.stamp_ns
            if not 0 <= passed_ns <= self.settings.forget_s * NANOSECONDS:
                self._clear()
        self._smooth(evidence, reliability, stamp_ns)
        logits = self._evidence.copy()
        logits[Emotion.NEUTRAL] += self.settings.neutral_bias
        probabilities = posterior(logits, prior)
        label = self._decide(probabilities, reliability, stamp_ns)
        if label != self._label:
            self._label, self._since_ns = label, stamp_ns
        if label == UNKNOWN:
            return Decision(UNKNOWN, prior, 0.0, self._since_ns)
        return Decision(label, probabilities, float(probabilities[label]), self._since_ns)

    def _smooth(self, evidence: Table, reliability: float, stamp_ns: int) -> None:
        tau = self.settings.smoothing_s
        gain = 1.0
        if self.stamp_ns is None:
            self._since_ns = stamp_ns
        elif tau > 0.0:
            gain = -math.expm1(-(stamp_ns - self.stamp_ns) / NANOSECONDS / tau)
        self._evidence = self._evidence + gain * (evidence - self._evidence)
        self._reliability += gain * (reliability - self._reliability)
        self.stamp_ns = stamp_ns

    def _decide(self, probabilities: Table, reliability: float, stamp_ns: int) -> int:
        settings = self.settings
        if reliability <= 0.0 or self._reliability < settings.unknown_below:
            return UNKNOWN
        best = int(probabilities.argmax())
        if self._label in (UNKNOWN, best):
            return best
        if (stamp_ns - self._since_ns) < settings.dwell_s * NANOSECONDS:
            return self._label
        enter = threshold(
            settings.enter_threshold, self._reliability, settings.threshold_adaptation
        )
        leave = threshold(settings.exit_threshold, self._reliability, settings.threshold_adaptation)
        if probabilities[best] >= enter or probabilities[self._label] < leave:
            return best
        return self._label
