"""One subject at one time: a face's and a voice's estimate become log evidence and its record."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT, UNKNOWN
from mer_ros.estimates import Estimate, Evidence, Modality
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import Opinion, evidence, shares, temper
from mer_ros.fusion.reliability import belongs, gated, log_agreement

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Statement:
    """What one modality says of a subject, with its reliability of now.

    Attributes:
        stamp_ns: stamp of the array it came from.
        probabilities: (7,) float64, calibrated, sums to 1.
        reliability: 0..1, after staleness and attribution.
    """

    stamp_ns: int
    probabilities: Table
    reliability: float


@dataclass(frozen=True)
class Combination:
    """Both modalities' say on one subject.

    Attributes:
        log_evidence: (7,) float64, zeros when neither says anything.
        reliability: 0..1; P(at least one is good).
        record: what each modality contributed, face first.
    """

    log_evidence: Table
    reliability: float
    record: tuple[Evidence, ...]


def state(estimate: Estimate, stamp_ns: int, factor: float) -> Statement | None:
    """Return what an estimate says, its reliability times ``factor``; None when that is nothing.

    Raises:
        FusionError: its probabilities or its reliability are not what the message promises.
    """
    reliability = float(estimate.reliability)
    if not 0.0 <= reliability <= 1.0:
        raise FusionError(
            f'{estimate.subject_id}: reliability {reliability} is outside 0..1: '
            'mend the node that sent it'
        )
    table = np.asarray(estimate.probabilities, np.float64)
    if table.shape != (COUNT,) or not np.all(np.isfinite(table)) or table.min() < 0.0:
        raise FusionError(
            f'{estimate.subject_id}: probabilities are not {COUNT} finite numbers from 0 to 1: '
            'mend the classifier that sent them'
        )
    total = float(table.sum())
    if abs(total - 1.0) > 1e-3:
        raise FusionError(
            f'{estimate.subject_id}: probabilities sum to {total:g}, not 1: '
            'mend the classifier that sent them'
        )
    if estimate.label == UNKNOWN or reliability * factor <= 0.0:
        return None
    return Statement(stamp_ns, table, reliability * factor)


def combine(
    face: Statement | None,
    audio: Statement | None,
    parameters: FusionParameters,
    agreement_gating: bool,
) -> Combination:
    """Pool what there is, each weighed by its reliability and, with both, by their agreement."""
    face = _tempered(face, parameters.face_temperature)
    audio = _tempered(audio, parameters.audio_temperature)
    if face is not None and audio is not None and agreement_gating:
        face, audio = _gate(face, audio, parameters)
    said = []
    if face is not None:
        prior = np.asarray(parameters.face_prior, np.float64)
        said.append((Modality.FACE, face, parameters.face_weight, prior))
    if audio is not None:
        prior = np.asarray(parameters.audio_prior, np.float64)
        said.append((Modality.AUDIO, audio, parameters.audio_weight, prior))
    opinions = [
        Opinion(statement.probabilities, statement.reliability, weight, prior)
        for _, statement, weight, prior in said
    ]
    record = tuple(
        Evidence(
            modality,
            statement.stamp_ns,
            statement.probabilities.astype(np.float32),
            float(np.float32(statement.reliability)),
            float(np.float32(share)),
        )
        for (modality, statement, _, _), share in zip(said, shares(opinions), strict=True)
    )
    missing = 1.0
    for opinion in opinions:
        missing *= 1.0 - opinion.reliability
    single = opinions[0].reliability if len(opinions) == 1 else 1.0 - missing
    return Combination(evidence(opinions), single if opinions else 0.0, record)


def _tempered(statement: Statement | None, temperature: float) -> Statement | None:
    if statement is None:
        return None
    return replace(statement, probabilities=temper(statement.probabilities, temperature))


def _gate(
    face: Statement, audio: Statement, parameters: FusionParameters
) -> tuple[Statement, Statement]:
    pair = face.probabilities, audio.probabilities
    agreement = log_agreement(*pair, parameters.prior_array(), parameters.kernel_width)
    voice = float(belongs(parameters.audio_gate, agreement, *pair))
    sight = float(belongs(parameters.face_gate, agreement, *pair))
    return (
        replace(face, reliability=gated(face.reliability, audio.reliability, sight)),
        replace(audio, reliability=gated(audio.reliability, face.reliability, voice)),
    )
