"""What is learned of a running stream: whether the voice belongs, and how a face is biased.

Two things that no single window shows, but a minute of them does:

* **Trust.** P(the voice belongs to the face it is bound to): the mean of the posterior of the
  share of own voices, given the agreement of each utterance (:mod:`~mer_ros.fusion.trust`).
  The share may change at any time, which is how it is forgotten.
* **Baseline.** Some resting faces look sad, some smile. Where parameters were fitted for it, the
  bias of a face's log probabilities is learned so that over many utterances the face says each
  emotion as often as its voice does: an online step on the cross-entropy between both. One part
  of it is learned for all faces together (camera, light), one for each face, which is quicker,
  since nobody else's utterances teach it. Compare
  the subject-wise normalisation of Busso et al. (2013), "Iterative feature normalization scheme
  for automatic emotion detection from speech", IEEE Trans. Affective Computing 4, 386-397.

Evidence is counted in utterances of :data:`UTTERANCE_S`, since overlapping windows say little new.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.reliability import log_agreement
from mer_ros.fusion.trust import SHARES, aged, expected_share, log_likelihood, log_prior

Table = NDArray[np.float64]

UTTERANCE_S = 3.0
"""So much speech counts as one independent observation; a clip of RAVDESS lasts about that."""

BASELINE_MEMORY_S = 1800.0
"""Time constant of forgetting how much a baseline has learned, so that it never stands still."""

OWN_SHARE = 0.5
"""A face's own bias has so much of the inertia of the common one (``baseline_utterances``). It and
the memory were chosen by ``benchmarks/fusion.py --memory``."""

CURVATURE = 0.12
"""p (1 - p) at p = 1/7: how fast a mean probability follows a bias, for the step's size."""

EVERYBODY = ''
"""Key of the baseline that all faces share; no subject has an empty id."""


class Context:
    """Running trust in the voice and baselines of the faces, forgotten slowly."""

    def __init__(self) -> None:
        """Start with nothing heard."""
        self._heard: Table = np.zeros(SHARES.size, np.float64)
        self._biases: dict[str, Table] = {}
        self._learned: dict[str, float] = {}
        self._stamp_ns: int | None = None

    def trust(self, parameters: FusionParameters) -> float:
        """Return P(a bound voice belongs to its face)."""
        return expected_share(log_prior(parameters.in_order) + self._heard)

    def baseline(self, subject: str) -> Table:
        """Return (7,) float64, what is added to the log probabilities of a face."""
        nothing = np.zeros(COUNT, np.float64)
        return self._biases.get(EVERYBODY, nothing) + self._biases.get(subject, nothing)

    def observe(
        self,
        subject: str,
        face: Table,
        audio: Table,
        amount: float,
        stamp_ns: int,
        parameters: FusionParameters,
    ) -> None:
        """Learn from a face and the voice bound to it.

        Args:
            subject: whose face it is.
            face: (7,) calibrated, with its baseline.
            audio: (7,) calibrated.
            amount: utterances that this counts for, times both reliabilities.
            stamp_ns: of the audio; each audio array counts once.
            parameters: of this pair of backends.
        """
        agreement = log_agreement(face, audio, parameters.prior_array(), parameters.kernel_width)
        elapsed_s = 0.0
        if self._stamp_ns is not None:
            elapsed_s = max(stamp_ns - self._stamp_ns, 0) / 1e9
        self._stamp_ns = stamp_ns
        said = log_likelihood(parameters.log_bayes_factor(agreement))
        self._heard = aged(self._heard, parameters.in_order, elapsed_s) + amount * said
        if parameters.baseline_utterances > 0.0:
            kept = math.exp(-elapsed_s / BASELINE_MEMORY_S)
            for name, share in ((EVERYBODY, 1.0), (subject, OWN_SHARE)):
                learned = kept * self._learned.get(name, 0.0) + amount
                worth = share * parameters.baseline_utterances
                step = amount / (worth + CURVATURE * learned)
                bias = self._biases.get(name, np.zeros(COUNT, np.float64)) + step * (audio - face)
                self._biases[name] = bias - bias.mean()
                self._learned[name] = learned

    def forget(self, known: set[str]) -> None:
        """Drop the baselines of all faces but these."""
        kept = known | {EVERYBODY}
        self._biases = {name: self._biases[name] for name in self._biases if name in kept}
        self._learned = {name: self._learned[name] for name in self._learned if name in kept}
