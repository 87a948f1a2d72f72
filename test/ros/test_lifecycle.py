from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from mer_ros.msg import EmotionArray
from rcl_interfaces.srv import DescribeParameters, ListParameters, SetParameters
from rclpy.parameter import Parameter
from ros_messages import NS, image
from sensor_msgs.msg import Image

from mer_ros.ros.audio_node import AudioEmotion
from mer_ros.ros.errors import ParameterError
from mer_ros.ros.face_node import FaceEmotion
from mer_ros.ros.fusion_node import EmotionFusion
from mer_ros.ros.node import State
from mer_ros.ros.parameters import NODES

MAKERS = {
    'face_emotion': FaceEmotion,
    'audio_emotion': AudioEmotion,
    'emotion_fusion': EmotionFusion,
}
CONFIGURE = Transition.TRANSITION_CONFIGURE
CLEANUP = Transition.TRANSITION_CLEANUP
ACTIVATE = Transition.TRANSITION_ACTIVATE
DEACTIVATE = Transition.TRANSITION_DEACTIVATE
SHUTDOWN = Transition.TRANSITION_INACTIVE_SHUTDOWN


def change(graph: Any, name: str, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(graph.call(ChangeState, f'{name}/change_state', request).success)


def state(graph: Any, name: str) -> str:
    return str(graph.call(GetState, f'{name}/get_state', GetState.Request()).current_state.label)


def set_(graph: Any, name: str, parameter: str, value: Any) -> Any:
    request = SetParameters.Request(
        parameters=[Parameter(parameter, value=value).to_parameter_msg()]
    )
    return graph.call(SetParameters, f'{name}/set_parameters', request).results[0]


@pytest.mark.parametrize('name', MAKERS)
def test_a_node_starts_itself_and_goes_through_its_states(graph: Any, name: str) -> None:
    node = graph.start(MAKERS[name])
    assert state(graph, name) == 'active'
    for transition, reached in (
        (DEACTIVATE, 'inactive'),
        (ACTIVATE, 'active'),
        (DEACTIVATE, 'inactive'),
        (CLEANUP, 'unconfigured'),
        (CONFIGURE, 'inactive'),
        (SHUTDOWN, 'finalized'),
    ):
        assert change(graph, name, transition)
        assert state(graph, name) == reached == node.state.value
    values = graph.diagnosis(lambda status, _: 'finalized' in status.message, 'a node that is shut')
    assert values['message'] == 'finalized: is shut down for good, start it anew'


@pytest.mark.parametrize('name', MAKERS)
def test_a_node_that_is_destroyed_leaves_no_thread(graph: Any, name: str) -> None:
    before = set(threading.enumerate())
    node = MAKERS[name](namespace=graph.namespace, use_global_arguments=False)
    node.trigger_configure()
    node.trigger_activate()
    assert node.state is State.ACTIVE
    assert set(threading.enumerate()) - before
    node.destroy_node()  # as a container of nodes unloads one
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize(
    ('name', 'live', 'frozen'),
    [
        ('face_emotion', ('max_faces', 2), ('landmarks', 'off')),
        ('audio_emotion', ('speech_threshold', 0.3), ('threads', 2)),
    ],
)
def test_only_what_is_not_live_loads_the_models_anew(
    graph: Any, name: str, live: tuple[str, Any], frozen: tuple[str, Any]
) -> None:
    node = graph.start(MAKERS[name])
    for (parameter, value), same in ((live, True), (frozen, False)):
        before = node._pipeline
        assert change(graph, name, DEACTIVATE)
        assert set_(graph, name, parameter, value).successful
        assert change(graph, name, ACTIVATE)
        assert (node._pipeline is before) is same
        assert getattr(node._pipeline.settings, live[0]) == live[1]


def test_live_settings_of_the_fusion_hold_when_set_while_inactive(graph: Any) -> None:
    node = graph.start(EmotionFusion)
    assert change(graph, 'emotion_fusion', DEACTIVATE)
    assert set_(graph, 'emotion_fusion', 'dwell_s', 1.5).successful
    assert set_(graph, 'emotion_fusion', 'max_hold', 0.2).successful
    assert change(graph, 'emotion_fusion', ACTIVATE)
    assert node._feed.engine.settings.dwell_s == 1.5
    assert node.values.number('max_hold') == 0.2


@pytest.mark.parametrize('name', MAKERS)
def test_without_autostart_a_node_waits_for_its_manager(graph: Any, name: str) -> None:
    graph.start(MAKERS[name], autostart=False)
    values = graph.diagnosis(lambda status, _: status.level == b'\x03', 'a node that waits')
    assert values['message'] == 'unconfigured: waits to be activated'
    assert state(graph, name) == 'unconfigured'
    assert change(graph, name, CONFIGURE)
    assert change(graph, name, ACTIVATE)
    assert state(graph, name) == 'active'


@pytest.mark.parametrize('name', MAKERS)
def test_the_parameters_are_those_that_are_declared(graph: Any, name: str) -> None:
    graph.start(MAKERS[name], autostart=False)
    listed = graph.call(ListParameters, f'{name}/list_parameters', ListParameters.Request())
    foreign = {'use_sim_time', 'start_type_description_service'}
    names = [spec.name for spec in NODES[name]]
    assert set(listed.result.names) - foreign == set(names)
    request = DescribeParameters.Request(names=names)
    described = graph.call(DescribeParameters, f'{name}/describe_parameters', request)
    for spec, descriptor in zip(NODES[name], described.descriptors, strict=True):
        assert descriptor.type == spec.parameter_type.value
        assert descriptor.description == spec.description


def test_the_topics_are_those_of_the_design(graph: Any) -> None:
    for maker in MAKERS.values():
        graph.start(maker)
    probe, space = graph.probe, graph.namespace
    types = {'emotion/face': 'EmotionArray', 'emotion/audio': 'EmotionArray'}
    types |= {'emotion/fused': 'EmotionArray', 'emotion/audio/features': 'AudioFeatures'}
    topics = dict(probe.get_topic_names_and_types())
    for topic, kind in types.items():
        assert topics[f'{space}/{topic}'] == [f'mer_ros/msg/{kind}']
    assert topics[f'{space}/emotion/debug_image'] == ['sensor_msgs/msg/Image']
    published = {
        topic.removeprefix(f'{space}/')
        for name in MAKERS
        for topic, _ in probe.get_publisher_names_and_types_by_node(name, space)
        if topic.startswith(f'{space}/') and 'transition_event' not in topic
    }
    assert published == {*types, 'emotion/debug_image'}
    subscribed = {
        topic.removeprefix(f'{space}/')
        for name in MAKERS
        for topic, _ in probe.get_subscriber_names_and_types_by_node(name, space)
        if topic.startswith(f'{space}/')
    }
    assert subscribed == {'image_raw', 'emotion/face', 'emotion/audio', 'emotion/audio/features'}
    for name in MAKERS:
        assert '/diagnostics' in dict(probe.get_publisher_names_and_types_by_node(name, space))
    reliable = probe.get_publishers_info_by_topic(f'{space}/emotion/fused')[0].qos_profile
    assert reliable.reliability.name == 'RELIABLE'


def test_a_missing_model_leaves_the_node_alive_with_the_mend(graph: Any, tmp_path: Any) -> None:
    node = graph.start(FaceEmotion, detector='yunet')
    if node.state is State.ACTIVE:
        pytest.skip('yunet is installed here')
    assert node.state is State.UNCONFIGURED
    values = graph.diagnosis(lambda status, _: status.level == b'\x02', 'a missing model')
    assert values['message'].startswith('cannot configure: ')
    assert 'mer models pull yunet' in values['message']
    assert len(graph.logged('mer models pull yunet')) == 1
    assert set_(graph, 'face_emotion', 'detector', 'haar').successful
    assert change(graph, 'face_emotion', CONFIGURE)
    assert change(graph, 'face_emotion', ACTIVATE)
    graph.diagnosis(lambda status, _: status.level != b'\x02', 'a node that works')


def test_the_fusion_takes_parameters_of_ones_own(
    graph: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))
    (tmp_path / 'fusion.json').write_text('{"pairs": {"default": {}, "mine+yours": {}}}')
    node = graph.start(EmotionFusion)
    assert node._table.names() == ['default', 'mine+yours']


def test_a_broken_file_of_them_is_an_error_that_names_it(
    graph: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))
    (tmp_path / 'fusion.json').write_text('{}')
    node = graph.start(EmotionFusion)
    assert f'{tmp_path}/fusion.json' in node.trouble


def test_an_unknown_backend_is_an_error_that_names_the_known_ones(graph: Any) -> None:
    graph.start(FaceEmotion, classifier='nonsense')
    values = graph.diagnosis(lambda status, _: status.level == b'\x02', 'an unknown backend')
    assert "no face_classifier is called 'nonsense'; there are lite" in values['message']


@pytest.mark.parametrize(
    ('maker', 'parameter', 'value', 'words'),
    [
        (FaceEmotion, 'max_rate', -1.0, 'max_rate must be 0 .. 1000, not -1'),
        (FaceEmotion, 'max_rate', 'fast', 'max_rate must be a double, not string'),
        (FaceEmotion, 'image_transport', 'theora', 'must be one of raw, compressed'),
        (FaceEmotion, 'max_faces', 1.5, 'max_faces must be a int, not double'),
        (AudioEmotion, 'buffer_s', 2.0, ''),
        (AudioEmotion, 'window_s', 50.0, 'window_s must be 0.5 .. 5'),
        (EmotionFusion, 'exit_threshold', 0.9, 'exit_threshold must not be above'),
    ],
)
def test_a_wrong_value_at_start_is_refused_with_the_reason(
    graph: Any, maker: Any, parameter: str, value: Any, words: str
) -> None:
    if not words:  # the two ends of a range that do not go together
        with pytest.raises(ParameterError, match='buffer_s is 2'):
            graph.start(maker, buffer_s=2.0, window_s=2.0)
        return
    with pytest.raises(ParameterError) as caught:
        graph.start(maker, **{parameter: value})
    assert words in str(caught.value)


def test_wrong_and_untimely_values_are_refused_at_run_time(graph: Any) -> None:
    node = graph.start(FaceEmotion)
    for parameter, value, words in (
        ('max_rate', -5.0, 'max_rate must be 0 .. 1000, not -5'),
        ('max_rate', 'a', 'must be a double'),
        ('max_faces', 0, 'must be 1 .. 50'),
        ('detector', 'yunet', 'cannot change now: the node is active, deactivate it first'),
        ('image_transport', 'compressed', 'deactivate it first'),
    ):
        answer = set_(graph, 'face_emotion', parameter, value)
        assert not answer.successful
        assert words in answer.reason or 'out of range' in answer.reason
    assert node.values.text('detector') == 'haar'
    assert set_(graph, 'face_emotion', 'detector', 'haar').successful  # no change
    assert set_(graph, 'face_emotion', 'max_faces', 2).successful
    assert node.values.integer('max_faces') == 2


def test_what_was_set_while_inactive_holds_after_activation(graph: Any) -> None:
    graph.start(FaceEmotion)
    results = graph.collect(EmotionArray, 'emotion/face')
    assert change(graph, 'face_emotion', DEACTIVATE)
    assert set_(graph, 'face_emotion', 'image_reliability', 'reliable').successful
    assert set_(graph, 'face_emotion', 'classifier', 'nonsense').successful
    assert not change(graph, 'face_emotion', ACTIVATE)
    assert state(graph, 'face_emotion') == 'inactive'
    assert set_(graph, 'face_emotion', 'classifier', 'lite').successful
    assert change(graph, 'face_emotion', ACTIVATE)
    publisher = graph.publisher(Image, 'image_raw')
    graph.matched(publisher)
    publisher.publish(image(7 * NS))
    graph.wait(lambda: results, 'a result')
    info = graph.probe.get_subscriptions_info_by_topic(f'{graph.namespace}/image_raw')
    assert info[0].qos_profile.reliability.name == 'RELIABLE'


@pytest.mark.parametrize('name', MAKERS)
def test_going_round_leaves_nothing_behind(graph: Any, name: str) -> None:
    node = graph.start(MAKERS[name])

    def count() -> tuple[int, int, int, int]:
        gc.collect()
        names = [type(each).__name__ for each in gc.get_objects()]
        cores = sum(name.endswith(('Pipeline', 'Engine')) for name in names)
        subscriptions = len(list(node.subscriptions)) + len(list(node.timers))
        return threading.active_count(), subscriptions, len(list(node.publishers)), cores

    def once() -> None:
        for transition in (DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE):
            assert change(graph, name, transition)

    once()
    before = count()
    for _ in range(4):
        once()
    assert count() == before
