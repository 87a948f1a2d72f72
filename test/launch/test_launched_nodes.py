"""What the launch files start, with real nodes under the arguments that they would be given."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ament_index_python.packages import get_packages_with_prefixes

from mer_ros.ros.parameters import NODES

CLASSES = {
    'face_emotion': ('face_node', 'FaceEmotion'),
    'audio_emotion': ('audio_node', 'AudioEmotion'),
    'emotion_fusion': ('fusion_node', 'EmotionFusion'),
    'media_source': ('media_node', 'MediaSource'),
}


def command_line(made: dict[str, Any]) -> list[str]:
    """Return a node's arguments as launch_ros writes them: its own first, then the files."""
    arguments = list(made['arguments'])
    for path in made['parameters']:
        arguments += ['--params-file', path]
    return arguments


@pytest.fixture
def in_force(
    launched: Callable[..., Any], ros_context: Any, tmp_path: Path
) -> Iterator[Callable[..., dict[str, dict[str, Any]]]]:
    """Return what tells the parameters in force by node; the nodes are made, and never spun."""
    nodes = []

    def run(text: str = '', **given: str) -> dict[str, dict[str, Any]]:
        if text:
            file = tmp_path / 'user.yaml'
            file.write_text(text)
            given['params_file'] = str(file)
        found = {}
        for made in launched('mer.launch.py', source='film.mp4', **given):
            if made.get('package') != 'mer_ros':
                continue
            module, name = CLASSES[made['name']]
            node = getattr(importlib.import_module(f'mer_ros.ros.{module}'), name)(
                namespace=made['namespace'] or None,
                context=ros_context,
                use_global_arguments=False,
                cli_args=command_line(made),
            )
            nodes.append(node)
            time = node.get_parameter('use_sim_time').value
            found[made['name']] = {**node.values, 'use_sim_time': time}
        assert set(found) == set(NODES)
        return found

    yield run
    for node in nodes:
        node.release()
        node.destroy_node()


def test_without_a_parameter_file_the_nodes_have_their_defaults_and_films_wait(
    in_force: Callable[..., Any],
) -> None:
    wanted = {
        node: {'use_sim_time': False, **{spec.name: spec.default for spec in specs}}
        for node, specs in NODES.items()
    }
    wanted['media_source'].update(source='film.mp4', wait_for_subscribers=20.0)
    assert in_force() == wanted


def test_a_parameter_file_without_a_word_of_it_leaves_the_defaults(
    in_force: Callable[..., Any],
) -> None:
    found = in_force('/**: {ros__parameters: {input_timeout: 5.0}}')
    assert {values['autostart'] for values in found.values()} == {True}
    assert {values['use_sim_time'] for values in found.values()} == {False}
    media = found['media_source']
    assert (media['loop'], media['compressed']) == (False, False)
    assert media['wait_for_subscribers'] == 20.0


@pytest.mark.parametrize('namespace', ['', 'robot'])
@pytest.mark.parametrize('section', ['/**', '/**/media_source'])
def test_the_parameter_file_goes_over_what_is_not_given(
    in_force: Callable[..., Any], section: str, namespace: str
) -> None:
    found = in_force(
        f'{section}: {{ros__parameters: {{autostart: false, use_sim_time: true, loop: true, '
        'compressed: true, wait_for_subscribers: 3.0}}',
        namespace=namespace,
    )
    media = found['media_source']
    assert (media['autostart'], media['use_sim_time']) == (False, True)
    assert (media['loop'], media['compressed']) == (True, True)
    assert media['wait_for_subscribers'] == 3.0
    assert found['face_emotion']['autostart'] is (section != '/**')


@pytest.mark.parametrize('section', ['/**', '/**/media_source'])
def test_what_is_given_goes_over_the_parameter_file(
    in_force: Callable[..., Any], section: str
) -> None:
    media = in_force(
        f'{section}: {{ros__parameters: {{autostart: false, use_sim_time: true, loop: true, '
        'compressed: false}}',
        autostart='true',
        use_sim_time='false',
        loop='false',
        image_transport='compressed',
    )['media_source']
    assert (media['autostart'], media['use_sim_time'], media['loop']) == (True, False, False)
    assert media['compressed'] is True


@pytest.mark.parametrize('namespace', ['', 'robot'])
def test_what_is_given_goes_over_the_file_in_whatever_order_its_sections_are(
    in_force: Callable[..., Any], namespace: str
) -> None:
    own = f'/{namespace}/face_emotion' if namespace else '/face_emotion'
    for sections in ((own, '/**'), (own, '/**/face_emotion'), ('/**', own)):
        text = '\n'.join(
            f'{each}: {{ros__parameters: {{max_rate: 3.0, detector: haar}}}}' for each in sections
        )
        found = in_force(text, namespace=namespace, face_detector='yunet')['face_emotion']
        assert (found['detector'], found['max_rate']) == ('yunet', 3.0)


def test_two_robots_in_one_launch_keep_their_own_parameters(launched: Callable[..., Any]) -> None:
    both = [
        [each['parameters'][-1] for each in made if each.get('package') == 'mer_ros']
        for made in launched.twice(
            'mer.launch.py',
            {'namespace': 'one', 'face_detector': 'yunet'},
            {'namespace': 'two', 'face_detector': 'haar'},
        )
    ]
    assert 'yunet' in Path(both[0][0]).read_text()
    assert 'haar' in Path(both[1][0]).read_text()


def test_a_parameter_file_that_is_not_there_is_refused_and_a_home_is_found(
    launched: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    with pytest.raises(RuntimeError, match=f'params_file: there is no file {tmp_path}/mine.yaml'):
        launched('mer.launch.py', params_file='~/mine.yaml')
    (tmp_path / 'mine.yaml').write_text('/**: {ros__parameters: {input_timeout: 5.0}}')
    made = launched('mer.launch.py', params_file='~/mine.yaml', record='~/bag')
    assert f'{tmp_path}/bag' in made[-1]['cmd']
    assert made[1]['parameters'][0] == f'{tmp_path}/mine.yaml'


@pytest.mark.parametrize(
    ('argument', 'package', 'debian'),
    [('rviz', 'rviz2', 'rviz2'), ('debug', 'rqt_gui', 'rqt-gui')],
)
def test_a_viewer_that_is_not_installed_is_told_before_anything_starts(
    launched: Callable[..., Any], argument: str, package: str, debian: str
) -> None:
    if package in get_packages_with_prefixes():
        pytest.skip(f'{package} is installed')
    with pytest.raises(RuntimeError, match=f'{package} is not installed: apt-get .*-{debian}, or'):
        launched('mer.launch.py', **{argument: 'true'})


def test_a_bag_that_is_there_is_told_before_anything_starts(
    launched: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match=f'record: {tmp_path} is there already'):
        launched('mer.launch.py', record=str(tmp_path))


@pytest.mark.parametrize('given', ['true', 'false', ''])
def test_a_bag_of_simulated_time_has_its_times(launched: Callable[..., Any], given: str) -> None:
    command = launched('mer.launch.py', use_sim_time=given, record='bag')[-1]['cmd']
    assert command[:4] == ['ros2', 'bag', 'record', '-a']
    assert command[command.index('-o') + 1] == 'bag'
    assert ('--use-sim-time' in command) is (given == 'true')


@pytest.mark.parametrize(
    ('distribution', 'option'), [('humble', '--exclude'), ('jazzy', '--exclude-regex')]
)
def test_the_debug_image_is_not_recorded(
    launched: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, distribution: str, option: str
) -> None:
    monkeypatch.setenv('ROS_DISTRO', distribution)
    command = launched('mer.launch.py', record='bag')[-1]['cmd']
    pattern = re.compile(command[command.index(option) + 1])
    assert pattern.search('/emotion/debug_image')
    assert pattern.search('/robot/emotion/debug_image')
    for topic in ('/emotion/face', '/robot/image_raw', '/debug_image'):
        assert not pattern.search(topic)


@pytest.mark.parametrize(
    ('pushed', 'namespace', 'logger'),
    [
        ('', '', 'face_emotion'),
        ('', '/robot/', 'robot.face_emotion'),
        ('/robot/head', '', 'robot.head.face_emotion'),
        ('robot', 'head', 'robot.head.face_emotion'),
        ('/robot', '/other', 'other.face_emotion'),
    ],
)
def test_the_log_level_is_that_of_the_logger_in_its_whole_namespace(
    launched: Callable[..., Any], pushed: str, namespace: str, logger: str
) -> None:
    given = {'ros_namespace': pushed} if pushed else {}
    made = launched('mer.launch.py', namespace=namespace, log_level='warn', **given)
    (face,) = [each for each in made if each.get('name') == 'face_emotion']
    assert face['arguments'] == ['--ros-args', '--log-level', f'{logger}:=warn']


@pytest.mark.parametrize('namespace', ['', 'robot', '/robot/'])
@pytest.mark.parametrize('pushed', ['', '/robots'])
def test_nothing_recorded_is_played_where_the_nodes_publish(
    launched: Callable[..., Any], ros_context: Any, pushed: str, namespace: str
) -> None:
    given = {'ros_namespace': pushed} if pushed else {}
    from rclpy.node import Node

    (command,) = [
        made['cmd']
        for made in launched('replay.launch.py', bag='bag', namespace=namespace, **given)
        if 'cmd' in made
    ]
    rules = command[command.index('--remap') + 1 :]
    player = Node(
        'player',
        context=ros_context,
        use_global_arguments=False,
        cli_args=['--ros-args', *(word for rule in rules for word in ('-r', rule))],
    )
    outer = '' if namespace.startswith('/') else pushed
    space = f'{outer}/{namespace.strip("/")}'.rstrip('/')
    published = [
        'emotion/face',
        'emotion/face/embeddings',
        'emotion/audio',
        'emotion/audio/embeddings',
        'emotion/audio/features',
        'emotion/fused',
        'emotion/debug_image',
    ]
    resolved = {topic: player.resolve_topic_name(f'{space}/{topic}') for topic in published}
    diagnostics = player.resolve_topic_name('/diagnostics')
    image = player.resolve_topic_name(f'{space}/image_raw')
    player.destroy_node()
    assert resolved == {topic: f'{space}/recorded/{topic}' for topic in published}
    assert diagnostics == f'{space}/recorded/diagnostics'
    assert image == f'{space}/image_raw'
