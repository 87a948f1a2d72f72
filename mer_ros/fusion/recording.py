"""Fuses a table of clips, one pair of distributions each, with the engine's arithmetic.

In a recording the context of :mod:`~mer_ros.fusion.context` (trust in the voice, baselines of the
faces) is estimated from all of it at once, without labels, instead of running along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT
from mer_ros.fusion.context import CURVATURE, bounded
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import log_floored, softmax, temper
from mer_ros.fusion.reliability import belonging, doubted, log_agreement

Table = NDArray[np.float64]

ROUNDS = 60
"""Rounds of the alternation between trust and baselines; both have settled by then."""

DAMPING = 0.5


@dataclass(frozen=True)
class RecordingContext:
    """What was learned of a recording.

    Attributes:
        trust: P(a clip's voice belongs to its face).
        baselines: (N, 7) float64, added to the log probabilities of each clip's face.
    """

    trust: float
    baselines: Table


def no_context(clips: int, parameters: FusionParameters) -> RecordingContext:
    """Return the context of clips that nothing is known about but themselves."""
    return RecordingContext(bounded(parameters.trust), np.zeros((clips, COUNT), np.float64))


def learn_context(
    face: Table, audio: Table, subjects: NDArray[np.int64], parameters: FusionParameters
) -> RecordingContext:
    """Estimate trust and baselines from unlabelled clips.

    Args:
        face: (N, 7) as its backend gives it.
        audio: (N, 7) as its backend gives it.
        subjects: (N,) who is seen in each clip.
        parameters: of this pair of backends.
    """
    log_face = log_floored(temper(face, parameters.face_temperature))
    voice = temper(audio, parameters.audio_temperature)
    members = [subjects == subject for subject in np.unique(subjects)]
    baselines = np.zeros_like(log_face)
    seen = softmax(log_face)
    trust = parameters.trust
    for _ in range(ROUNDS):
        agreement = log_agreement(seen, voice, parameters.prior_array(), parameters.kernel_width)
        belongs = belonging(bounded(trust), agreement, parameters.agreement_slope)
        prior = parameters.trust_utterances
        trust = float((prior * parameters.trust + belongs.sum()) / (prior + belongs.size))
        if parameters.baseline_utterances > 0.0:
            for rows in members:
                bias = baselines[rows][0]
                gap = (voice[rows] - seen[rows]).sum(axis=0)
                scale = parameters.baseline_utterances + CURVATURE * rows.sum()
                pull = gap - parameters.baseline_utterances * bias
                baselines[rows] = bias + DAMPING * pull / scale
            seen = softmax(log_face + baselines)
    return RecordingContext(bounded(trust), baselines)


def fuse_recording(
    face: Table, audio: Table, parameters: FusionParameters, context: RecordingContext
) -> Table:
    """Return (N, 7) float64 fused probabilities, both modalities fully reliable.

    Args:
        face: (N, 7) as its backend gives it.
        audio: (N, 7) as its backend gives it.
        parameters: of this pair of backends.
        context: of these clips.
    """
    seen = softmax(log_floored(temper(face, parameters.face_temperature)) + context.baselines)
    voice = doubted(
        temper(audio, parameters.audio_temperature),
        parameters.audio_prior,
        np.full(len(audio), 1.0 - context.trust),
    )
    said = parameters.face_weight * (log_floored(seen) - log_floored(parameters.face_prior))
    said += parameters.audio_weight * (log_floored(voice) - log_floored(parameters.audio_prior))
    return softmax(log_floored(parameters.prior_array()) + said)
