"""What is remembered of each subject, and what is decided from that: a face, or a voice alone."""

from __future__ import annotations

import numpy as np

from mer_ros.emotions import UNKNOWN, valence_arousal
from mer_ros.estimates import Estimate
from mer_ros.fusion.attribution import Attribution
from mer_ros.fusion.combination import (
    AUDIO_SUBJECT,
    Combination,
    Statement,
    calibrated,
    combine,
    state,
)
from mer_ros.fusion.context import UTTERANCE_S, Context
from mer_ros.fusion.decision import NANOSECONDS, SubjectState
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.settings import FusionSettings


class Subjects:
    """Subjects by name; those that were not seen or heard for a while are forgotten."""

    def __init__(self, settings: FusionSettings) -> None:
        """Start with nobody."""
        self._settings = settings
        self._states: dict[str, SubjectState] = {}
        self._context = Context()
        self._learned_ns: int | None = None

    @property
    def settings(self) -> FusionSettings:
        """What is set; a change holds from the next result on."""
        return self._settings

    @settings.setter
    def settings(self, settings: FusionSettings) -> None:
        self._settings = settings
        for subject in self._states.values():
            subject.settings = settings

    def face(
        self,
        estimate: Estimate,
        voice: Statement | None,
        attribution: Attribution,
        speech: float,
        stamp_ns: int,
        parameters: FusionParameters,
    ) -> Estimate:
        """Return a face with the voice that is bound to it, decided.

        Args:
            estimate: of the face alone.
            voice: what is heard, whoever it is of.
            attribution: who is heard.
            speech: P(somebody speaks).
            stamp_ns: of the image.
            parameters: of the pair of backends.
        """
        name = estimate.subject_id
        speaking = attribution.heard.get(name, 0.0) * speech
        own = voice if attribution.bound == name else None
        factor = 1.0 - self.settings.talking_discount * speaking
        said = state(estimate, stamp_ns, factor)
        face = calibrated(said, parameters.face_temperature, self._context.baseline(name))
        trust = 1.0
        if face is not None and own is not None and self.settings.agreement_gating:
            trust = self._context.trust(parameters) * attribution.heard[name]
            self._learn(name, face, own, parameters)
        combination = combine(face, own, parameters, trust)
        template = Estimate(name, speaking=speaking, roi=estimate.roi, landmarks=estimate.landmarks)
        return self._decide(template, combination, stamp_ns, parameters)

    def voice(
        self,
        name: str,
        voice: Statement,
        speech: float,
        stamp_ns: int,
        parameters: FusionParameters,
    ) -> Estimate:
        """Return a voice by itself, decided: of nobody in view, or of a face just out of view."""
        template = Estimate(name, speaking=speech)
        return self._decide(template, combine(None, voice, parameters), stamp_ns, parameters)

    def _learn(
        self, name: str, face: Statement, voice: Statement, parameters: FusionParameters
    ) -> None:
        """Let each audio array add to the context once."""
        before = self._learned_ns
        if before is not None and voice.stamp_ns <= before:
            return
        self._learned_ns = voice.stamp_ns
        passed = UTTERANCE_S if before is None else (voice.stamp_ns - before) / NANOSECONDS
        amount = min(passed / UTTERANCE_S, 1.0) * face.reliability * voice.reliability
        self._context.observe(
            name, face.probabilities, voice.probabilities, amount, voice.stamp_ns, parameters
        )

    def _decide(
        self,
        template: Estimate,
        combination: Combination,
        stamp_ns: int,
        parameters: FusionParameters,
    ) -> Estimate:
        name = template.subject_id
        subject = self._states.setdefault(name, SubjectState(self.settings))
        decision = subject.update(
            combination.log_evidence, combination.reliability, stamp_ns, parameters.prior_array()
        )
        probabilities = decision.probabilities.astype(np.float32)
        known = decision.label != UNKNOWN
        valence, arousal = valence_arousal(probabilities).tolist() if known else (0.0, 0.0)
        return Estimate(
            subject_id=name,
            label=decision.label,
            probabilities=probabilities,
            confidence=float(probabilities[decision.label]) if known else 0.0,
            reliability=float(np.float32(combination.reliability)),
            valence=valence,
            arousal=arousal,
            label_since_ns=decision.since_ns,
            speaking=float(np.float32(template.speaking)),
            roi=template.roi,
            landmarks=template.landmarks,
            evidence=combination.record,
        )

    def forget_old(self, stamp_ns: int) -> None:
        """Forget whom nothing was said of for ``forget_s``.

        Not a voice by itself: its stamps may be of another clock than the faces', and a state
        starts anew by its own stamps.
        """
        limit = stamp_ns - round(self.settings.forget_s * NANOSECONDS)
        self._states = {
            name: subject
            for name, subject in self._states.items()
            if name == AUDIO_SUBJECT or (subject.stamp_ns or 0) >= limit
        }
        self._context.forget(set(self._states))
