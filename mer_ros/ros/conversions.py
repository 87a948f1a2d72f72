"""Estimates to messages and back, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point32
from numpy.typing import NDArray
from sensor_msgs.msg import RegionOfInterest

from mer_ros.estimates import Estimate, EstimateArray, Evidence, Modality, no_points
from mer_ros.msg import AudioEmbedding as AudioEmbeddingMessage
from mer_ros.msg import AudioFeatures as AudioFeaturesMessage
from mer_ros.msg import Emotion as EmotionMessage
from mer_ros.msg import EmotionArray as EmotionArrayMessage
from mer_ros.msg import Evidence as EvidenceMessage
from mer_ros.msg import FaceEmbedding as FaceEmbeddingMessage
from mer_ros.msg import FaceEmbeddings as FaceEmbeddingsMessage

if TYPE_CHECKING:
    from mer_ros.audio.feature_record import AudioFeatures
    from mer_ros.face.embedding import FaceEmbedding

NS = 1_000_000_000


def to_time(nanoseconds: int) -> Time:
    """Return a message stamp of integer nanoseconds."""
    seconds, rest = divmod(int(nanoseconds), NS)
    return Time(sec=seconds, nanosec=rest)


def from_time(stamp: Any) -> int:
    """Return integer nanoseconds of a message's stamp or duration."""
    return int(stamp.sec) * NS + int(stamp.nanosec)


def _to_duration(nanoseconds: int) -> Duration:
    seconds, rest = divmod(int(nanoseconds), NS)
    return Duration(sec=seconds, nanosec=rest)


def to_message(array: EstimateArray) -> EmotionArrayMessage:
    """Return the message of an array; numbers are rounded to float32."""
    message = EmotionArrayMessage(
        modalities=int(array.modalities),
        models=list(array.models),
        window=_to_duration(array.window_ns),
        image_width=array.image_width,
        image_height=array.image_height,
        emotions=[_to_emotion(estimate) for estimate in array.estimates],
        speech_probability=_float32(array.speech_probability),
        latency=_float32(array.latency),
    )
    message.header.stamp = to_time(array.stamp_ns)
    message.header.frame_id = array.frame_id
    return message


def from_message(message: EmotionArrayMessage) -> EstimateArray:
    """Return the array of a message."""
    return EstimateArray(
        stamp_ns=from_time(message.header.stamp),
        frame_id=message.header.frame_id,
        modalities=Modality(message.modalities & (Modality.FACE | Modality.AUDIO)),
        models=tuple(message.models),
        window_ns=from_time(message.window),
        image_width=int(message.image_width),
        image_height=int(message.image_height),
        estimates=tuple(_from_emotion(emotion) for emotion in message.emotions),
        speech_probability=float(message.speech_probability),
        latency=float(message.latency),
    )


def _to_emotion(estimate: Estimate) -> EmotionMessage:
    x, y, width, height = estimate.roi
    return EmotionMessage(
        subject_id=estimate.subject_id,
        label=int(estimate.label),
        probabilities=np.asarray(estimate.probabilities, np.float32),
        confidence=_float32(estimate.confidence),
        reliability=_float32(estimate.reliability),
        valence=_float32(estimate.valence),
        arousal=_float32(estimate.arousal),
        label_since=to_time(estimate.label_since_ns),
        speaking=_float32(estimate.speaking),
        roi=RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height),
        landmarks=[
            Point32(x=_float32(point[0]), y=_float32(point[1])) for point in estimate.landmarks
        ],
        evidence=[_to_evidence(evidence) for evidence in estimate.evidence],
    )


def _from_emotion(message: EmotionMessage) -> Estimate:
    points = [(point.x, point.y) for point in message.landmarks]
    roi = message.roi
    return Estimate(
        subject_id=message.subject_id,
        label=int(message.label),
        probabilities=np.array(message.probabilities, np.float32),
        confidence=float(message.confidence),
        reliability=float(message.reliability),
        valence=float(message.valence),
        arousal=float(message.arousal),
        label_since_ns=from_time(message.label_since),
        speaking=float(message.speaking),
        roi=(int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)),
        landmarks=np.array(points, np.float32) if points else no_points(),
        evidence=tuple(_from_evidence(evidence) for evidence in message.evidence),
    )


def _to_evidence(evidence: Evidence) -> EvidenceMessage:
    return EvidenceMessage(
        modality=int(evidence.modality),
        stamp=to_time(evidence.stamp_ns),
        probabilities=np.asarray(evidence.probabilities, np.float32),
        reliability=_float32(evidence.reliability),
        weight=_float32(evidence.weight),
    )


def _from_evidence(message: EvidenceMessage) -> Evidence:
    return Evidence(
        modality=Modality(message.modality & (Modality.FACE | Modality.AUDIO)),
        stamp_ns=from_time(message.stamp),
        probabilities=np.array(message.probabilities, np.float32),
        reliability=float(message.reliability),
        weight=float(message.weight),
    )


def embeddings_to_message(
    faces: Sequence[FaceEmbedding], model: str, stamp_ns: int, frame_id: str
) -> FaceEmbeddingsMessage:
    """Return the message of the faces embedded in one image."""
    message = FaceEmbeddingsMessage(
        model=model,
        faces=[
            FaceEmbeddingMessage(subject_id=face.subject_id, vector=face.vector) for face in faces
        ],
    )
    message.header.stamp = to_time(stamp_ns)
    message.header.frame_id = frame_id
    return message


def embedding_to_message(
    embedding: NDArray[np.float32], model: str, stamp_ns: int, frame_id: str
) -> AudioEmbeddingMessage:
    """Return the message of the (E,) embedding of an audio window."""
    message = AudioEmbeddingMessage(model=model, embedding=embedding)
    message.header.stamp = to_time(stamp_ns)
    message.header.frame_id = frame_id
    return message


def features_to_message(features: AudioFeatures) -> AudioFeaturesMessage:
    """Return the message of an audio window's descriptors."""
    message = AudioFeaturesMessage(
        window=_to_duration(features.window_ns),
        names=list(features.names),
        values=[float(value) for value in features.values],
        envelope=[float(value) for value in features.envelope],
        envelope_rate=_float32(features.envelope_rate),
    )
    message.header.stamp = to_time(features.stamp_ns)
    message.header.frame_id = features.frame_id
    return message


def _float32(value: float) -> float:
    """Round to what the message can carry, so that a message equals what arrives of it."""
    return float(np.float32(value))
