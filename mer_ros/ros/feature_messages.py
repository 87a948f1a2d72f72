"""What the fusion node takes from emotion/audio/features."""

from __future__ import annotations

import numpy as np

from mer_ros.audio.feature_record import AudioFeatures
from mer_ros.msg import AudioFeatures as AudioFeaturesMessage
from mer_ros.ros.conversions import from_time


def features_from_message(message: AudioFeaturesMessage) -> AudioFeatures:
    """Return the descriptors of an audio window; what they say is not checked here."""
    return AudioFeatures(
        names=tuple(message.names),
        values=np.array(message.values, np.float32),
        envelope=np.array(message.envelope, np.float32),
        envelope_rate=float(message.envelope_rate),
        stamp_ns=from_time(message.header.stamp),
        window_ns=message.window.sec * 1_000_000_000 + message.window.nanosec,
        frame_id=message.header.frame_id,
    )
