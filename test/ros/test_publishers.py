from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mer_ros.msg import EmotionArray
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from ros_messages import face_array
from sensor_msgs.msg import Image

from mer_ros.ros import publishers
from mer_ros.ros.conversions import to_message
from mer_ros.ros.face_node import FaceEmotion
from mer_ros.ros.fusion_node import EmotionFusion
from mer_ros.ros.publishers import Crowd


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishers, 'SETTLE_S', 0.5)
    monkeypatch.setattr(publishers, 'LINGER_S', 1.5)
    monkeypatch.setattr(publishers, 'LOOK_S', 0.1)


@pytest.fixture
def camera(graph: Any) -> Iterator[Callable[..., Node]]:
    """Return what makes a node that publishes on a topic of the graph."""
    nodes = []

    def run(name: str, message_type: Any = Image, topic: str = 'image_raw') -> Node:
        node = Node(name, namespace=graph.namespace, use_global_arguments=False)
        node.create_publisher(message_type, topic, qos_profile_sensor_data)
        nodes.append(node)
        return node

    yield run
    for node in nodes:
        node.destroy_node()


def test_two_cameras_on_one_topic_are_told_by_name_once_both_stay(
    graph: Any, camera: Callable[..., Node]
) -> None:
    graph.start(FaceEmotion)
    camera('left')
    camera('right')
    values = graph.diagnosis(lambda status, _: 'images on' in status.message, 'two cameras')
    space = graph.namespace
    assert (
        f'2 publishers of images on {space}/image_raw ({space}/left, {space}/right) are taken for '
        'one camera: remap one of them'
    ) in values['message']


def test_two_of_one_name_are_told_only_when_neither_can_be_a_dead_one(
    graph: Any, camera: Callable[..., Node]
) -> None:
    crowd = Crowd(graph.probe, 'images', 'are taken for one camera', 'remap one of them')
    topic = f'{graph.namespace}/image_raw'
    camera('camera')
    camera('camera')
    graph.wait(lambda: len(publishers.publishers(graph.probe, topic)) == 2, 'both')
    started = time.monotonic()
    while time.monotonic() - started < 1.2:
        assert crowd.complaint(topic) == ''
        time.sleep(0.05)
    graph.wait(lambda: crowd.complaint(topic), 'a complaint')
    assert crowd.complaint(topic) == (
        f'2 publishers of images on {topic}, of one node name ({graph.namespace}/camera), are '
        'taken for one camera: was it started twice? end one of them'
    )


def test_who_takes_the_place_of_another_is_no_second_one(
    graph: Any, camera: Callable[..., Node]
) -> None:
    crowd = Crowd(graph.probe, 'images', 'are taken for one camera', 'remap one of them')
    topic = f'{graph.namespace}/image_raw'
    for name in ('camera', 'other'):
        node = camera(name)
        graph.wait(lambda: publishers.publishers(graph.probe, topic), name)
        started = time.monotonic()
        while time.monotonic() - started < 1.0:
            assert crowd.complaint(topic) == ''
            time.sleep(0.05)
        node.destroy_node()


def test_a_graph_that_was_started_twice_is_told_by_its_nodes(graph: Any) -> None:
    for _ in range(2):
        graph.start(EmotionFusion)
    see(graph)
    values = graph.diagnosis(lambda status, _: 'started twice' in status.message, 'the other one')
    assert (
        f'2 publishers of results on {graph.namespace}/emotion/fused, of one node name '
        f'({graph.namespace}/emotion_fusion), are mixed up for who listens'
    ) in values['message']


def test_who_publishes_results_beside_a_node_is_told_and_what_its_own_are_is_not(
    graph: Any, camera: Callable[..., Node]
) -> None:
    graph.start(EmotionFusion)
    see(graph)
    time.sleep(2.5)
    assert 'results on' not in graph.statuses[-1].message
    camera('replay', EmotionArray, 'emotion/fused')
    values = graph.diagnosis(lambda status, _: 'results on' in status.message, 'the other one')
    space = graph.namespace
    assert f'({space}/emotion_fusion, {space}/replay)' in values['message']
    graph.wait(lambda: graph.logged('results on'), 'a line in the log')


def test_results_that_are_played_beside_an_idle_node_are_mixed_up_with_none(
    graph: Any, camera: Callable[..., Node]
) -> None:
    graph.start(EmotionFusion)
    camera('replay', EmotionArray, 'emotion/fused')
    time.sleep(2.5)
    assert len(graph.statuses) >= 2
    assert not [each for each in graph.statuses if 'results on' in each.message]


def see(graph: Any) -> None:
    """Let the fusion have faces from now on."""
    faces = graph.publisher(EmotionArray, 'emotion/face')
    graph.probe.create_timer(0.1, lambda: faces.publish(to_message(face_array(time.time_ns()))))
