from __future__ import annotations

from typing import Any

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from mer_ros.ros.face_node import FaceEmotion
from mer_ros.ros.node import State


def offers(graph: Any, topic: str) -> list[tuple[Any, Any]]:
    """Return reliability and durability of those who publish on a topic."""
    found = graph.probe.get_publishers_info_by_topic(f'{graph.namespace}/{topic}')
    return [(each.qos_profile.reliability, each.qos_profile.durability) for each in found]


def asks(graph: Any, topic: str) -> list[Any]:
    """Return the reliability of those who listen to a topic."""
    found = graph.probe.get_subscriptions_info_by_topic(f'{graph.namespace}/{topic}')
    return [each.qos_profile.reliability for each in found]


def test_publishers_and_subscriptions_follow_them_each_time_that_they_are_made(graph: Any) -> None:
    space = graph.namespace
    node = graph.start(
        FaceEmotion,
        **{
            f'qos_overrides.{space}/emotion/face.publisher.reliability': 'best_effort',
            f'qos_overrides.{space}/emotion/face.publisher.durability': 'transient_local',
            f'qos_overrides.{space}/emotion/face.publisher.depth': 50,
            f'qos_overrides.{space}/image_raw.subscription.reliability': 'reliable',
        },
    )
    wanted = [(ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.TRANSIENT_LOCAL)]
    for transition in (
        Transition.TRANSITION_DEACTIVATE,
        Transition.TRANSITION_CLEANUP,
        Transition.TRANSITION_CONFIGURE,
        Transition.TRANSITION_ACTIVATE,
        None,
    ):
        if node.state is State.ACTIVE:
            graph.wait(lambda: offers(graph, 'emotion/face') == wanted, 'the publisher')
            graph.wait(
                lambda: asks(graph, 'image_raw') == [ReliabilityPolicy.RELIABLE], 'the subscription'
            )
        if transition is not None:
            request = ChangeState.Request(transition=Transition(id=transition))
            assert graph.call(ChangeState, 'face_emotion/change_state', request).success
    assert node.get_parameter(f'qos_overrides.{space}/emotion/face.publisher.depth').value == 50
    said = graph.logged('as qos_overrides say')
    assert len(said) == 4
    assert f'publisher of {space}/emotion/face: reliability best_effort, ' in said[0]


def test_advice_goes_by_what_was_made_of_a_subscription(graph: Any) -> None:
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image

    graph.publisher(Image, 'image_raw', qos_profile_sensor_data)
    name = f'qos_overrides.{graph.namespace}/image_raw.subscription.reliability'
    graph.start(FaceEmotion, input_timeout=0.5, **{name: 'reliable'})
    graph.diagnosis(lambda status, _: 'best effort only' in status.message, 'the reason')


@pytest.mark.parametrize(
    ('policy', 'value', 'why'),
    [
        ('reliability', 'relaible', "is 'relaible': there are "),
        ('reliability', 3, 'is 3: there are '),
        ('depth', -1, 'is -1: it takes a whole number from 0'),
        ('depth', True, 'is True: it takes a whole number from 0'),
        ('avoid_ros_namespace_conventions', 1, 'is 1: it takes true or false'),
    ],
)
def test_a_value_that_there_is_not_is_refused_by_its_name(
    graph: Any, policy: str, value: Any, why: str
) -> None:
    name = f'qos_overrides.{graph.namespace}/emotion/face.publisher.{policy}'
    node = graph.start(FaceEmotion, **{name: value})
    assert node.trouble.startswith(f'cannot configure: {name} {why}')
    assert not graph.logged('Traceback')
