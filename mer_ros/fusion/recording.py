"""Fuses a table of clips, one pair of distributions each, with the engine's arithmetic.

The context of :mod:`~mer_ros.fusion.context` (trust in the voice, baselines of the faces) is one of
three: **running**, what the engine would know from the clips before in a stream of them; the whole
**recording**, estimated from all clips at once, later ones included, without labels; or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT
from mer_ros.fusion.context import CURVATURE, UTTERANCE_S, Context
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import log_floored, softmax, temper
from mer_ros.fusion.reliability import doubted, log_agreement
from mer_ros.fusion.trust import expected_share, log_likelihood, log_prior

Table = NDArray[np.float64]

ROUNDS = 60
"""Rounds of the iterations for baselines; they have settled by then."""

DAMPING = 0.3


@dataclass(frozen=True)
class RecordingContext:
    """What is known of a recording beside the clips themselves.

    Attributes:
        trust: P(a clip's voice belongs to its face); one number, or (N,).
        baselines: (N, 7) float64, added to the log probabilities of each clip's face.
    """

    trust: float | Table
    baselines: Table


def no_context(clips: int, parameters: FusionParameters) -> RecordingContext:
    """Return the context of clips that nothing is known about but themselves."""
    return RecordingContext(Context().trust(parameters), np.zeros((clips, COUNT), np.float64))


def running_context(
    face: Table,
    audio: Table,
    subjects: NDArray[np.int64],
    parameters: Sequence[FusionParameters],
    order: NDArray[np.int64],
) -> RecordingContext:
    """Return what the engine's own context says before each clip of a stream.

    One context lives as long as the stream, as in the node: trust and the common baseline go on
    from person to person. Clips are :data:`UTTERANCE_S` apart, both modalities fully reliable.

    Args:
        face: (N, 7) as its backend gives it.
        audio: (N, 7) as its backend gives it.
        subjects: (N,) who is seen in each clip.
        parameters: (N) to fuse each clip with.
        order: (N,) the rows as they follow each other in the stream.
    """
    trust, baselines = np.empty(len(face), np.float64), np.empty(face.shape, np.float64)
    context = Context()
    for place, row in enumerate(order):
        fitted, name = parameters[row], str(subjects[row])
        context.forget({name})
        trust[row], baselines[row] = context.trust(fitted), context.baseline(name)
        log_face = log_floored(temper(face[row], fitted.face_temperature))
        context.observe(
            name,
            softmax(log_face + baselines[row]),
            temper(audio[row], fitted.audio_temperature),
            1.0,
            round(place * UTTERANCE_S * 1e9),
            fitted,
        )
    return RecordingContext(trust, baselines)


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
    baselines = learn_baselines(face, audio, subjects, parameters)
    agreement = agreement_of(face, audio, parameters, baselines)
    return RecordingContext(learn_trust([agreement], [parameters]), baselines)


def learn_baselines(
    face: Table, audio: Table, subjects: NDArray[np.int64], parameters: FusionParameters
) -> Table:
    """Return (N, 7): under it, faces say each emotion about as often as their voices.

    A baseline is the sum of one of the whole recording (camera, light, domain) and one of the
    subject, each with the same penalty.

    Args:
        face: (N, 7) as its backend gives it.
        audio: (N, 7) as its backend gives it.
        subjects: (N,) who is seen in each clip.
        parameters: of this pair of backends.
    """
    penalty = parameters.baseline_utterances
    log_face = log_floored(temper(face, parameters.face_temperature))
    voice = temper(audio, parameters.audio_temperature)
    baselines = np.zeros_like(log_face)
    if penalty <= 0.0:
        return baselines
    groups = [np.ones(len(face), np.bool_), *(subjects == name for name in np.unique(subjects))]
    biases = np.zeros((len(groups), COUNT), np.float64)
    for _ in range(ROUNDS):
        gap = voice - softmax(log_face + baselines)
        for index, rows in enumerate(groups):
            pull = gap[rows].sum(axis=0) - penalty * biases[index]
            step = DAMPING * pull / (penalty + CURVATURE * rows.sum())
            biases[index] += step
            baselines[rows] += step
    return baselines


def agreement_of(
    face: Table, audio: Table, parameters: FusionParameters, baselines: Table
) -> Table:
    """Return the (N,) log agreement of clips."""
    seen = softmax(log_floored(temper(face, parameters.face_temperature)) + baselines)
    voice = temper(audio, parameters.audio_temperature)
    return log_agreement(seen, voice, parameters.prior_array(), parameters.kernel_width)


def learn_trust(agreements: Sequence[Table], parameters: Sequence[FusionParameters]) -> float:
    """Return P(a clip's voice belongs to its face) over all parts of one recording.

    Args:
        agreements: (N,) of each part.
        parameters: of each part; what was to be expected is the first one's.
    """
    weights = log_prior(parameters[0].in_order)
    for part, fitted in zip(agreements, parameters, strict=True):
        weights = weights + log_likelihood(fitted.log_bayes_factor(part)).sum(axis=0)
    return expected_share(weights)


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
        np.broadcast_to(1.0 - np.asarray(context.trust, np.float64), (len(audio),)),
    )
    said = parameters.face_weight * (log_floored(seen) - log_floored(parameters.face_prior))
    said += parameters.audio_weight * (log_floored(voice) - log_floored(parameters.audio_prior))
    return softmax(log_floored(parameters.prior_array()) + said)
