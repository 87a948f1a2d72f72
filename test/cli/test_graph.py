"""The command lines of the nodes, and what is refused before any is started."""

import argparse
import contextlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from mer_ros.cli import ros_names, up
from mer_ros.cli.errors import CommandError, UsageError
from mer_ros.cli.graph import (
    NODES,
    SOURCE,
    check_params_file,
    default_params_file,
    names_source,
)
from mer_ros.cli.main import main
from mer_ros.cli.processes import Processes

DOMAIN = str(1 + (os.getpid() * 7 + 25) % 100)


def parse(*words):
    parser = argparse.ArgumentParser()
    up.add_arguments(parser)
    return parser.parse_args(words)


def up_process(words, **environment):
    """Run `mer up` where it is expected to refuse; it would go on for ever otherwise."""
    environment = {**os.environ, 'ROS_DOMAIN_ID': DOMAIN, **environment}
    environment.pop('MER_MODEL_DIR', None)
    return subprocess.run(
        [sys.executable, '-m', 'mer_ros.cli.main', 'up', *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def deepface_home(tmp_path):
    """Return a home where DeepFace has no weights yet."""
    return tmp_path / 'home'


@pytest.fixture
def given(tmp_path):
    """Return what tells the parameters that a node gets over those of the files."""

    def read(graph, node):
        command = graph.command(node, tmp_path)
        files = [command[i + 1] for i, word in enumerate(command) if word == '--params-file']
        if len(files) < 2:
            return {}
        (section,) = yaml.safe_load(Path(files[-1]).read_text()).values()
        return section['ros__parameters']

    return read


def test_the_nodes_are_those_of_the_design():
    assert (*NODES, SOURCE) == ('face_emotion', 'audio_emotion', 'emotion_fusion', 'media_source')


def test_a_node_is_started_with_namespace_remaps_and_parameters(given, tmp_path):
    graph = up.graph_of(
        parse(
            '--namespace',
            '/robot',
            '--remap',
            'image_raw:=/camera/image',
            '--face-detector',
            'yunet',
            '--audio-classifier',
            'wav2vec2',
            '--use-sim-time',
            '--log-level',
            'debug',
        )
    )
    face = graph.command('face_emotion', tmp_path)
    assert face[1:4] == ['-m', 'mer_ros.ros.face_emotion', '--ros-args']
    assert '__ns:=/robot' in face
    assert 'image_raw:=/camera/image' in face
    assert 'robot.face_emotion:=debug' in face
    assert given(graph, 'face_emotion') == {'use_sim_time': True, 'detector': 'yunet'}
    assert given(graph, 'audio_emotion')['classifier'] == 'wav2vec2'
    assert SOURCE not in graph.parameters


@pytest.mark.parametrize('name', ['it\'s: a "film" #1, 100%\n.mp4', '1e3', 'ü 🙂', 'true'])
def test_odd_names_of_files_reach_the_node_as_they_are(given, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b'')
    graph = up.graph_of(parse('--source', str(path), '--loop'))
    found = given(graph, SOURCE)
    assert found['source'] == str(path)
    assert found['loop'] is True
    assert found['exit_at_end'] is True


def test_compressed_images_are_published_and_taken(given, tmp_path):
    graph = up.graph_of(parse('--source', str(tmp_path), '--image-transport', 'compressed'))
    assert given(graph, SOURCE)['compressed'] is True
    for node in ('face_emotion', 'emotion_fusion'):
        assert given(graph, node)['image_transport'] == 'compressed'


def test_another_speed_brings_the_clock_with_it(given, tmp_path):
    graph = up.graph_of(parse('--source', str(tmp_path), '--rate', '2'))
    assert given(graph, SOURCE)['publish_clock'] is True
    assert given(graph, 'emotion_fusion')['use_sim_time'] is True


def test_a_microphone_alone_is_a_source(given):
    graph = up.graph_of(parse('--mic'))
    found = given(graph, SOURCE)
    assert found['microphone'] is True
    assert 'source' not in found


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        (['--source', 'none.mp4'], 'no such file or folder'),
        (['--source', '~no_such_user/a.mp4'], 'write the whole path'),
        (['--params', 'none.yaml'], 'no such parameter file'),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(words, reason):
    with pytest.raises(CommandError, match=reason):
        up.graph_of(parse(*words))


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        (['--rate', '0'], '0 is not within 0.05 .. 50'),
        (['--rate', 'nan'], 'no finite number'),
        (['--rate', 'fast'], 'no number'),
        (['--remap', 'a'], 'FROM:=TO'),
        (['--remap', 'image_raw:=/a b'], "'/a b': topic name must not contain characters"),
        (['--remap', 'image_raw:='], 'topic name must not be empty'),
        (['--remap', 'image raw:=/a'], "'image raw': topic name must not contain characters"),
        (['--remap', 'face_emotion:image_raw:=/a//b'], "topic '/a//b'"),
        (['--remap', '9 x:image_raw:=/a'], "node '9 x': node name must not"),
        (['--remap', '__ns:=/robot'], 'give --namespace instead'),
        (['--remap', 'face_emotion:__node:=other'], 'give --namespace instead'),
        (['--source', 'webcam:'], 'write webcam:0'),
        (['--source', 'webcam:9x'], 'write webcam:0'),
        (['--rate', '2'], '--rate is for a file or folder'),
        (['--loop'], '--loop is for a file or folder'),
        (['--rate', '2', '--source', 'webcam:0'], '--rate is for a file or folder'),
        (['--loop', '--source', 'microphone', '--mic'], '--loop is for a file or folder'),
        (['--rate', '2', '--source', '.', '--mic'], '--rate is not for a microphone'),
        (['--face-detector', 'nope'], '--face-detector nope: there are haar'),
        (['--audio-classifier', 'yunet'], '--audio-classifier yunet: there are lite'),
        (['--namespace', '9 x'], "--namespace '9 x': namespace must not"),
    ],
    ids=lambda value: ' '.join(value) if isinstance(value, list) else '',
)
def test_wrong_usage_starts_nothing(words, reason):
    done = up_process(words)
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr
    assert done.stderr.count('\n') == 1


@pytest.mark.parametrize(
    'rule',
    [
        'image_raw:=/camera/image_raw',
        'face_emotion:image_raw:=image',
        'rostopic://image_raw:=/camera/image',
        'face_emotion:rosservice:///a:=b',
        '~/get_state:=/state',
        'a:=b:=c',
        'a:=rostopic://b',
        'a:=/camera/{node}/image',
        'a__b:=c',
        'a:=/b c',
        'a/:=b',
        'a:=b//c',
        '/**/a:=b',
        '*:a:=b',
    ],
)
def test_the_remap_rules_that_pass_are_those_that_a_node_takes(rule):
    import rclpy
    from rclpy.exceptions import NameValidationException
    from std_msgs.msg import String

    context = rclpy.Context()
    options = {'context': context, 'use_global_arguments': False, 'enable_rosout': False}
    rclpy.init(context=context, domain_id=int(DOMAIN))
    try:
        node = rclpy.create_node('node', cli_args=['--ros-args', '-r', rule], **options)
        node.create_publisher(String, 'a', 1)
        node.destroy_node()
        refused = contextlib.nullcontext()
    except (RuntimeError, NameValidationException):
        refused = pytest.raises(UsageError)
    finally:
        context.try_shutdown()
    with refused:
        ros_names.check_remaps([rule], '/robot')


def test_a_backend_whose_package_is_not_there_starts_nothing(tmp_path, deepface_home, monkeypatch):
    monkeypatch.setenv('DEEPFACE_HOME', str(deepface_home))
    weights = deepface_home / '.deepface' / 'weights'
    weights.mkdir(parents=True)
    (weights / 'retinaface.onnx').write_bytes(b'there')
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(CommandError, match=r'retina-face: pip install .mer_ros\[deepface\]'):
        up.check_backends(parse('--face-detector', 'retinaface'))


def test_a_backend_whose_model_is_not_there_starts_nothing(tmp_path, deepface_home):
    own = {'XDG_CACHE_HOME': str(tmp_path), 'DEEPFACE_HOME': str(deepface_home)}
    for option, name in (
        ('--face-detector', 'yunet'),
        ('--face-classifier', 'deepface'),
        ('--audio-classifier', 'wav2vec2'),
    ):
        done = up_process([option, name], **own)
        assert done.returncode == 1, done.stderr
        assert f'mer models pull {name}' in done.stderr
        assert done.stderr.count('\n') == 1


@pytest.mark.skipif(find_spec('retinaface') is None, reason='no retina-face: run `make test`')
def test_backends_whose_models_are_there_pass(tmp_path, deepface_home, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setenv('DEEPFACE_HOME', str(deepface_home))
    up.check_backends(parse())
    words = ['--face-detector', 'haar', '--face-classifier', 'lite', '--audio-classifier', 'lite']
    up.check_backends(parse(*words))
    weights = deepface_home / '.deepface' / 'weights'
    weights.mkdir(parents=True)
    (weights / 'retinaface.onnx').write_bytes(b'where the users of the package have it')
    up.check_backends(parse('--face-detector', 'retinaface'))


def test_parameter_files_are_looked_into(tmp_path):
    check_params_file(default_params_file())
    path = tmp_path / 'p.yaml'
    path.write_text('face_emotion:\n  ros__parameters:\n    max_rate: 5.0\n')
    check_params_file(path)
    for text, reason in (
        ('a: [', 'is no YAML file'),
        ('- 1', 'holds no parameters'),
        ('other_node:\n  ros__parameters: {}\n', 'for none of'),
    ):
        path.write_text(text)
        with pytest.raises(CommandError, match=reason):
            check_params_file(path)


def test_without_a_folder_for_the_logs_of_ros_nothing_is_started(monkeypatch, capsys):
    for name in ('HOME', 'ROS_HOME', 'ROS_LOG_DIR'):
        monkeypatch.delenv(name, raising=False)
    assert main(['up']) == 1
    assert capsys.readouterr().err.endswith('set HOME or ROS_LOG_DIR\n')


def test_without_ros_every_command_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    assert main(['up']) == 1
    err = capsys.readouterr().err
    assert 'make build' in err
    assert err.count('\n') == 1


def test_namespaces_of_a_parameter_file_may_stand_in_the_name_or_around_it(tmp_path):
    path = tmp_path / 'p.yaml'
    for text in (
        '/robot/face_emotion: {ros__parameters: {max_faces: 2}}',
        'robot: {face_emotion: {ros__parameters: {max_faces: 2}}}',
        '/a: {b: {face_emotion: {ros__parameters: {max_faces: 2}}}}',
        'face_emotion: {ros__parameters: }',
    ):
        path.write_text(text)
        check_params_file(path)


def test_a_section_without_ros_parameters_is_named(tmp_path):
    path = tmp_path / 'p.yaml'
    path.write_text('face_emotion: {max_faces: 3}')
    with pytest.raises(CommandError, match='face_emotion has stands under no ros__parameters'):
        check_params_file(path)


def test_a_misspelt_section_is_told_and_another_nodes_is_not(tmp_path, capsys):
    path = tmp_path / 'p.yaml'
    path.write_text(
        'face_emotion: {ros__parameters: {}}\nface_emotoin: {ros__parameters: {}}\n'
        'camera: {ros__parameters: {}}'
    )
    check_params_file(path)
    assert 'face_emotoin, which no node is called: did you mean face_emotion?' in (
        told := capsys.readouterr().err
    )
    assert told.count('\n') == 1


@pytest.mark.parametrize(
    ('text', 'named'),
    [
        ('media_source: {ros__parameters: {source: a.mp4}}', True),
        ('robot: {media_source: {ros__parameters: {microphone: true}}}', True),
        ("media_source: {ros__parameters: {source: ''}}", False),
        ('media_source: {ros__parameters: {loop: true}}', False),
    ],
)
def test_a_source_of_the_parameter_file_is_played(tmp_path, text, named):
    path = tmp_path / 'p.yaml'
    path.write_text(text)
    assert names_source(path) is named
    assert (SOURCE in up.graph_of(parse('--params', str(path))).parameters) is named


@pytest.mark.parametrize(
    ('parameter', 'what'),
    [
        ('detector: nope', 'configure'),
        ('qos_overrides./image_raw.subscription.reliability: nope', 'activate'),
    ],
)
def test_up_ends_when_a_node_cannot_begin(tmp_path, parameter, what):
    path = tmp_path / 'p.yaml'
    path.write_text(f'face_emotion: {{ros__parameters: {{{parameter}}}}}')
    done = up_process(['--params', str(path)])
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f'mer: face_emotion: cannot {what}: ')
    assert last.endswith('the other nodes were stopped')


@pytest.mark.parametrize('begun', [True, False])
def test_up_goes_on_when_a_node_gets_no_other_model_later(begun):
    lines = ['[ERROR] [1.0] [face]: cannot configure: no such model']
    lines += [] if begun else [f'[ERROR] [1.0] [face]{up.NOT_BEGUN}mend it']
    code = f'print({chr(10).join(lines)!r}, flush=True); import time; time.sleep(1.0); exit(3)'
    with Processes(dict(os.environ)) as processes:
        processes.start('face', [sys.executable, '-c', code])
        with pytest.raises(CommandError) as raised:
            up._watch(processes)
    assert ('ended with exit code 3' in str(raised.value)) is begun
    assert 'no such model' in str(raised.value)
