"""emotion/face/embeddings: only where it is asked for, and kept nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mer_ros.msg import EmotionArray, FaceEmbeddings
from networks import write_embedder
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import Image

from mer_ros.cli import demo_clip
from mer_ros.ros.face_node import FaceEmotion
from mer_ros.ros.images import from_bgr
from mer_ros.ros.node import State
from mer_ros.ros.recorder import Recorder

RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ('XDG_CACHE_HOME', 'MER_MODEL_DIR', 'DEEPFACE_HOME'):
        monkeypatch.setenv(variable, str(tmp_path / 'models'))
    folder = tmp_path / 'models'
    folder.mkdir()
    write_embedder(folder / 'arcface_weights.onnx', 112, 512)
    return folder


@pytest.fixture
def portrait() -> Image:
    return from_bgr(next(iter(demo_clip.still_frames(1))))


def test_vectors_come_with_the_stamp_and_the_names_and_go_into_no_bag_and_no_log(
    graph: Any, weights: Path, portrait: Image, tmp_path: Path
) -> None:
    graph.start(FaceEmotion, embedder='arcface', embedding_interval_s=1.0)
    faces = graph.collect(EmotionArray, 'emotion/face')
    embedded = graph.collect(FaceEmbeddings, 'emotion/face/embeddings')
    publisher = graph.publisher(Image, 'image_raw', RELIABLE)
    graph.matched(publisher)
    recorder = Recorder(graph.probe, tmp_path / 'bag')
    graph.wait(lambda: recorder.counts or len(recorder._known) >= 2, 'the recorder to listen')
    for second in (100, 102, 104):
        portrait.header.stamp.sec = second
        count = len(faces)
        publisher.publish(portrait)
        graph.wait(lambda count=count: len(faces) > count, 'a result')
    graph.wait(lambda: len(embedded) == 3, 'embeddings')
    recorder.close()
    for array, message in zip(faces, embedded, strict=True):
        assert message.header == array.header
        assert message.model == 'arcface@1.0'
        assert [f.subject_id for f in message.faces] == [e.subject_id for e in array.emotions]
        assert np.linalg.norm(message.faces[0].vector) == pytest.approx(1, abs=1e-5)
    assert list(embedded[0].faces[0].vector) == list(embedded[1].faces[0].vector)
    with AnyReader([tmp_path / 'bag']) as bag:
        topics = {connection.topic for connection in bag.connections}
    assert f'{graph.namespace}/emotion/face' in topics
    assert not [topic for topic in topics if 'embeddings' in topic]
    graph.diagnosis(lambda _, values: values.get('embedder') == 'arcface@1.0', 'the embedder')
    number = f'{embedded[0].faces[0].vector[0]:.4f}'
    assert not [each.msg for each in graph.logs if number in each.msg]
    assert not [v.value for s in graph.statuses for v in s.values if number in v.value]


def test_by_default_nobody_is_embedded(graph: Any) -> None:
    graph.start(FaceEmotion)
    topics = dict(graph.probe.get_topic_names_and_types())
    assert f'{graph.namespace}/emotion/face' in topics
    assert f'{graph.namespace}/emotion/face/embeddings' not in topics


def test_missing_weights_are_told_with_the_mend(graph: Any, weights: Path) -> None:
    node = graph.start(FaceEmotion, embedder='facenet')
    assert node.state is State.UNCONFIGURED
    assert 'mer models pull facenet' in node.trouble
