"""The command lines of the nodes, and what is refused before any is started."""

import argparse
import os
import subprocess
import sys

import pytest
import yaml

from mer_ros.cli import up
from mer_ros.cli.errors import CommandError
from mer_ros.cli.graph import NODES, SOURCE, check_params_file, default_params_file
from mer_ros.cli.main import main

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


def parameters_of(command):
    pairs = [command[i + 1] for i, word in enumerate(command) if word == '-p']
    return {name: yaml.safe_load(value) for name, value in (p.split(':=', 1) for p in pairs)}


def test_the_nodes_are_those_of_the_design():
    assert (*NODES, SOURCE) == ('face_emotion', 'audio_emotion', 'emotion_fusion', 'media_source')


def test_a_node_is_started_with_namespace_remaps_and_parameters():
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
    face = graph.command('face_emotion')
    assert face[1:4] == ['-m', 'mer_ros.ros.face_emotion', '--ros-args']
    assert '__ns:=/robot' in face
    assert 'image_raw:=/camera/image' in face
    assert 'robot.face_emotion:=debug' in face
    assert parameters_of(face) == {'use_sim_time': True, 'detector': 'yunet'}
    assert parameters_of(graph.command('audio_emotion'))['classifier'] == 'wav2vec2'
    assert SOURCE not in graph.parameters


def test_odd_names_of_files_reach_the_node_as_they_are(tmp_path):
    path = tmp_path / "it's: a #film, 100%.mp4"
    path.write_bytes(b'')
    graph = up.graph_of(parse('--source', str(path), '--loop'))
    given = parameters_of(graph.command(SOURCE))
    assert given['source'] == str(path)
    assert given['loop'] is True
    assert given['exit_at_end'] is True


def test_compressed_images_are_published_and_taken(tmp_path):
    graph = up.graph_of(parse('--source', str(tmp_path), '--image-transport', 'compressed'))
    assert parameters_of(graph.command(SOURCE))['compressed'] is True
    for node in ('face_emotion', 'emotion_fusion'):
        assert parameters_of(graph.command(node))['image_transport'] == 'compressed'


def test_another_speed_brings_the_clock_with_it(tmp_path):
    graph = up.graph_of(parse('--source', str(tmp_path), '--rate', '2'))
    assert parameters_of(graph.command(SOURCE))['publish_clock'] is True
    assert parameters_of(graph.command('emotion_fusion'))['use_sim_time'] is True


def test_a_microphone_alone_is_a_source():
    graph = up.graph_of(parse('--mic'))
    given = parameters_of(graph.command(SOURCE))
    assert given['microphone'] is True
    assert 'source' not in given


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        (['--source', 'none.mp4'], 'no such file or folder'),
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


def test_without_ros_every_command_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    assert main(['up']) == 1
    err = capsys.readouterr().err
    assert 'make build' in err
    assert err.count('\n') == 1
