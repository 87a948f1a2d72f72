"""One subject at one time: a face's and a voice's estimate become log evidence and its record."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT, UNKNOWN
from mer_ros.estimates import Estimate, EstimateArray, Evidence, Modality
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import Opinion, evidence, log_floored, shares, softmax, temper
from mer_ros.fusion.reliability import belonging, doubted, gated, log_agreement

Table = NDArray[np.float64]


AUDIO_SUBJECT = 'audio'
"""Subject of a voice that is bound to no face."""


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


def check_array(array: EstimateArray) -> None:
    """Look an array over without taking it in.

    Raises:
        FusionError: something in it is not what the message promises.
    """
    for name, value in [
        ('speech_probability', array.speech_probability),
        *(('speaking', estimate.speaking) for estimate in array.estimates),
    ]:
        if not 0.0 <= value <= 1.0:
            raise FusionError(f'{name} {value} is outside 0..1: mend the node that sent it')
    names = {estimate.subject_id for estimate in array.estimates}
    if len(names) < len(array.estimates):
        raise FusionError(
            f'two of {len(array.estimates)} estimates are of one subject_id: '
            'mend the node that sent them'
        )
    for estimate in array.estimates:
        state(estimate, array.stamp_ns, 1.0)


def check_faces(array: EstimateArray) -> None:
    """Look a face array over: as :func:`check_array`, and that its faces have names of their own.

    Raises:
        FusionError: something in it is not what the message promises.
    """
    check_array(array)
    for estimate in array.estimates:
        if estimate.subject_id in ('', AUDIO_SUBJECT):
            raise FusionError(
                f'a face has the subject_id {estimate.subject_id!r}: let the node that sent it '
                'give each face a name, as face_1'
            )


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
    if estimate.label != UNKNOWN and not 0 <= estimate.label < COUNT:
        raise FusionError(
            f'{estimate.subject_id}: label {estimate.label} is none: mend the node that sent it'
        )
    if estimate.label == UNKNOWN or reliability * factor <= 0.0:
        return None
    return Statement(stamp_ns, table, reliability * factor)


def calibrated(statement: Statement | None, temperature: float, bias: Table) -> Statement | None:
    """Return a statement after temperature and the subject's own bias (both may be neutral)."""
    if statement is None:
        return None
    table = temper(statement.probabilities, temperature)
    if bias.any():
        table = softmax(log_floored(table) + bias)
    return replace(statement, probabilities=table)


def combine(
    face: Statement | None,
    audio: Statement | None,
    parameters: FusionParameters,
    trust: float = 1.0,
) -> Combination:
    """Pool what there is, each weighed by its reliability.

    Args:
        face: calibrated, or None.
        audio: calibrated, or None.
        parameters: of this pair of backends.
        trust: P(the voice belongs to the face); matters as far as the face is reliable.

    Beside a face, the voice's probabilities are mixed with its prior by the doubt, and the
    reliability on record is what the agreement of both leaves of it.
    """
    opinions, record = [], []
    if face is not None:
        prior = np.asarray(parameters.face_prior, np.float64)
        opinions.append(
            Opinion(face.probabilities, face.reliability, parameters.face_weight, prior)
        )
        record.append((Modality.FACE, face))
    if audio is not None:
        prior = np.asarray(parameters.audio_prior, np.float64)
        table = audio.probabilities
        if face is not None and trust < 1.0:
            table = doubted(table, prior, face.reliability * (1.0 - trust))
        opinions.append(Opinion(table, audio.reliability, parameters.audio_weight, prior))
        record.append((Modality.AUDIO, audio))
    said = evidence(opinions)
    if face is not None and audio is not None and trust < 1.0:
        left = _left_by_agreement(face, audio, parameters, trust)
        record[1] = (Modality.AUDIO, replace(audio, reliability=left))
        opinions[1] = replace(opinions[1], reliability=left)
    missing = 1.0
    for opinion in opinions:
        missing *= 1.0 - opinion.reliability
    together = 1.0 - missing if len(opinions) > 1 else sum(item.reliability for item in opinions)
    return Combination(
        said,
        together,
        tuple(
            Evidence(
                modality,
                statement.stamp_ns,
                statement.probabilities.astype(np.float32),
                float(np.float32(statement.reliability)),
                float(np.float32(share)),
            )
            for (modality, statement), share in zip(record, shares(opinions), strict=True)
        ),
    )


def _left_by_agreement(
    face: Statement, audio: Statement, parameters: FusionParameters, trust: float
) -> float:
    pair = face.probabilities, audio.probabilities
    agreement = log_agreement(*pair, parameters.prior_array(), parameters.kernel_width)
    belongs = float(belonging(trust, parameters.log_bayes_factor(agreement)))
    return gated(audio.reliability, face.reliability, belongs)
