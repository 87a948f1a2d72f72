from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from mer_ros.msg import EmotionArray
from rclpy.serialization import deserialize_message, serialize_message
from ros_messages import flat

from mer_ros.audio.feature_record import AudioFeatures
from mer_ros.estimates import Estimate, EstimateArray, Evidence, Modality, no_points
from mer_ros.ros.conversions import (
    features_to_message,
    from_message,
    from_time,
    to_message,
    to_time,
)

share = st.floats(0, 1, width=32)
stamp = st.integers(0, 2**31 * 10**9 - 1)
text = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=12)
vector = st.lists(share, min_size=7, max_size=7).map(lambda v: np.array(v, np.float32))
points = st.sampled_from([0, 5, 68]).map(
    lambda n: np.arange(2 * n, dtype=np.float32).reshape(n, 2) / 3 if n else no_points()
)
evidence = st.builds(
    Evidence, st.sampled_from([Modality.FACE, Modality.AUDIO]), stamp, vector, share, share
)
estimate = st.builds(
    Estimate,
    subject_id=text,
    label=st.sampled_from([0, 1, 2, 3, 4, 5, 6, 255]),
    probabilities=vector,
    confidence=share,
    reliability=share,
    valence=st.floats(-1, 1, width=32),
    arousal=st.floats(-1, 1, width=32),
    label_since_ns=stamp,
    speaking=share,
    roi=st.tuples(*[st.integers(0, 2**32 - 1)] * 4),
    landmarks=points,
    evidence=st.lists(evidence, max_size=2).map(tuple),
)
arrays = st.builds(
    EstimateArray,
    stamp_ns=stamp,
    frame_id=text,
    modalities=st.sampled_from([*Modality, Modality.FACE | Modality.AUDIO]),
    models=st.lists(text, max_size=2).map(tuple),
    window_ns=st.integers(0, 10**10),
    image_width=st.integers(0, 2**32 - 1),
    image_height=st.integers(0, 2**32 - 1),
    estimates=st.lists(estimate, max_size=3).map(tuple),
    speech_probability=share,
    latency=st.floats(0, 1000, width=32),
)


@settings(max_examples=60, deadline=None)
@given(arrays)
def test_an_array_comes_back_from_the_wire_as_it_was(array: EstimateArray) -> None:
    wire = serialize_message(to_message(array))
    assert flat(from_message(deserialize_message(wire, EmotionArray))) == flat(array)


def test_numbers_are_rounded_to_what_the_message_can_carry() -> None:
    message = to_message(EstimateArray(5, latency=0.1, speech_probability=1 / 3))
    again = deserialize_message(serialize_message(message), EmotionArray)
    assert (message.latency, message.speech_probability) == (
        again.latency,
        again.speech_probability,
    )


@given(stamp)
def test_stamps_are_exact_to_the_nanosecond(nanoseconds: int) -> None:
    assert from_time(to_time(nanoseconds)) == nanoseconds


def test_features_keep_names_values_and_envelope() -> None:
    features = AudioFeatures(
        ('rms_db', 'pitch_hz'),
        np.array([-20.5, 180.25], np.float32),
        np.linspace(0, 1, 100, dtype=np.float32),
        stamp_ns=1_500_000_000,
        window_ns=1_000_000_000,
        frame_id='microphone',
    )
    message = features_to_message(features)
    assert message.names == ['rms_db', 'pitch_hz']
    assert list(message.values) == [-20.5, 180.25]
    assert np.array_equal(np.array(message.envelope, np.float32), features.envelope)
    assert message.envelope_rate == 100.0
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 500_000_000)
    assert message.window.sec == 1
    assert message.header.frame_id == 'microphone'
