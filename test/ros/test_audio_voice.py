"""The node answers beside what it has heard of a voice, for as long as it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from mer_ros.msg import EmotionArray
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_messages import NS, info, stamped

from mer_ros.media.video_file import VideoFileSource
from mer_ros.ros.audio_node import AudioEmotion

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
START = 1000 * NS


class Speaker:
    """Says a clip once a minute, in half seconds, each after the last one's result."""

    def __init__(self, graph: Any, clip: Path) -> None:
        sound = np.concatenate([each.samples[:, 0] for each in VideoFileSource(clip, video=False)])
        self._halves = sound[: sound.size // 8000 * 8000].reshape(-1, 8000, 1)
        self._graph = graph
        self._results = graph.collect(EmotionArray, 'emotion/audio')
        graph.publisher(AudioInfo, 'audio_info', LATCHED).publish(info())
        self._publisher = graph.publisher(AudioDataStamped, 'audio_stamped')
        graph.matched(self._publisher)
        self._said = 0

    def say(self) -> Any:
        """Return (W, 7): what was answered to the windows within the clip."""
        first = len(self._results)
        begin = START + self._said * 60 * NS
        self._said += 1
        for index, half in enumerate(self._halves):
            self._publisher.publish(stamped(half, begin + index * NS // 2))
            self._graph.wait(lambda n=index: len(self._results) >= first + n, 'the last window')
        answers = self._results[first:]
        spoken = [each.emotions[0] for each in answers if each.emotions[0].label != 255]
        assert spoken
        return np.array([each.probabilities for each in spoken])


@pytest.fixture
def clip(shared_data: Path) -> Path:
    return sorted((shared_data / 'speech' / 'ravdess').rglob('*.flac'))[3]


def test_a_voice_heard_before_is_answered_otherwise(graph: Any, clip: Path) -> None:
    node = graph.start(AudioEmotion)
    speaker = Speaker(graph, clip)
    first, second = speaker.say(), speaker.say()
    assert first.shape == second.shape
    assert np.abs(second - first).max() > 0.01
    values = graph.diagnosis(
        lambda _, values: float(values.get('voice_heard_s', 0)) > 0, 'how much was heard'
    )
    assert float(values['voice_heard_s']) <= 0.5 * len(first)
    (accepted,) = node.set_parameters([Parameter('voice_memory_s', value=0.0)])
    assert accepted.successful
    third, fourth = speaker.say(), speaker.say()
    assert fourth == pytest.approx(third, abs=1e-3)


def test_without_memory_a_clip_said_again_is_answered_alike(graph: Any, clip: Path) -> None:
    graph.start(AudioEmotion, voice_memory_s=0.0)
    graph.diagnosis(lambda _, values: values.get('voice_heard_s') == 'off', 'that nothing is kept')
    speaker = Speaker(graph, clip)
    first, second = speaker.say(), speaker.say()
    assert second == pytest.approx(first, abs=1e-3)
