"""emotion/audio/embeddings and how the classifier runs: only what is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from mer_ros.msg import AudioEmbedding, EmotionArray
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_messages import NS, info, stamped
from rosbags.highlevel import AnyReader

torch = pytest.importorskip('torch')
pytest.importorskip('transformers')

from benchmarks.wav2vec2_net import SMALL, EmotionNet, published, save  # noqa: E402
from mer_ros.audio.chunk import Samples  # noqa: E402
from mer_ros.media.video_file import VideoFileSource  # noqa: E402
from mer_ros.models import catalogue  # noqa: E402
from mer_ros.ros.audio_node import AudioEmotion  # noqa: E402
from mer_ros.ros.node import State  # noqa: E402
from mer_ros.ros.recorder import Recorder  # noqa: E402

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
START = 1000 * NS


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ('XDG_CACHE_HOME', 'MER_MODEL_DIR'):
        monkeypatch.setenv(variable, str(tmp_path / 'models'))
    torch.manual_seed(3)
    folder = tmp_path / 'models' / catalogue.entry('wav2vec2').folder
    folder.parent.mkdir()
    save(folder, published(EmotionNet()))
    return folder


@pytest.fixture
def speech(shared_data: Path) -> Samples:
    path = sorted((shared_data / 'speech' / 'ravdess').rglob('*.flac'))[3]
    source = VideoFileSource(path, video=False)
    sound = np.concatenate([block.samples[:, 0] for block in source])
    return np.asarray(sound, np.int16)


def say(graph: Any, speech: Samples, results: list[Any]) -> None:
    """Publish silence and a clip in half seconds, each after the result of the last."""
    graph.publisher(AudioInfo, 'audio_info', LATCHED).publish(info())
    publisher = graph.publisher(AudioDataStamped, 'audio_stamped')
    graph.matched(publisher, 2)  # the node and the recorder
    sound = np.concatenate([np.zeros(2 * 16000, np.int16), speech])
    halves = len(sound) // 8000
    for half in range(halves):
        piece = sound[half * 8000 : (half + 1) * 8000, None]
        publisher.publish(stamped(piece, START + half * NS // 2))
        graph.wait(lambda n=half: len(results) >= n, f'window {half}')


def test_a_window_with_speech_has_an_embedding_with_its_stamp_and_it_goes_into_no_bag(
    graph: Any, checkpoint: Path, speech: Samples, tmp_path: Path
) -> None:
    graph.start(AudioEmotion, classifier='wav2vec2', dtype='float32', threads=1, embeddings=True)
    results = graph.collect(EmotionArray, 'emotion/audio')
    embedded = graph.collect(AudioEmbedding, 'emotion/audio/embeddings')
    recorder = Recorder(graph.probe, tmp_path / 'bag')
    graph.wait(lambda: len(recorder._known) >= 2, 'the recorder to listen')
    say(graph, speech, results)
    named = [array.header for array in results if array.emotions[0].label != 255]
    graph.wait(lambda: len(embedded) >= len(named), 'embeddings')
    recorder.close()
    assert 0 < len(named) < len(results)
    assert [each.header for each in embedded] == named
    assert {each.model for each in embedded} == {'wav2vec2@1.0'}
    assert {len(each.embedding) for each in embedded} == {SMALL['hidden_size']}
    assert np.ptp(embedded[0].embedding) > 0
    with AnyReader([tmp_path / 'bag']) as bag:
        topics = {connection.topic for connection in bag.connections}
    assert f'{graph.namespace}/emotion/audio' in topics
    assert not [topic for topic in topics if 'embeddings' in topic]


def test_the_log_and_diagnostics_say_what_the_classifier_runs_on(
    graph: Any, checkpoint: Path
) -> None:
    graph.start(AudioEmotion, classifier='wav2vec2', dtype='float32', device='cpu', threads=1)
    graph.wait(lambda: graph.logged('wav2vec2@1.0 on cpu float32'), 'the log line')
    values = graph.diagnosis(lambda _, values: 'runs_on' in values, 'what it runs on')
    assert values['runs_on'].startswith('cpu float32')
    assert values['embeddings'] == 'off'


def test_an_option_that_the_classifier_does_not_have_is_told_and_nothing_else(graph: Any) -> None:
    node = graph.start(AudioEmotion, dtype='int8')
    assert node.state is State.ACTIVE
    graph.wait(lambda: graph.logged('dtype has no effect: the audio_classifier lite'), 'a warning')
    assert not graph.logged('device has no effect')
    topics = dict(graph.probe.get_topic_names_and_types())
    assert f'{graph.namespace}/emotion/audio' in topics
    assert f'{graph.namespace}/emotion/audio/embeddings' not in topics


def test_a_classifier_without_embeddings_is_refused_with_what_to_set(graph: Any) -> None:
    node = graph.start(AudioEmotion, embeddings=True)
    assert node.state is State.UNCONFIGURED
    assert "'lite' has no embeddings; set classifier to wav2vec2" in node.trouble
