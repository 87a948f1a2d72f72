"""The parameters in force in real nodes under the command lines that `mer up` gives them."""

import argparse
import importlib
import os

import pytest

rclpy = pytest.importorskip('rclpy', reason='no rclpy: run `make build` first')

from rclpy.node import Node  # noqa: E402

from mer_ros.cli import up  # noqa: E402
from mer_ros.cli.graph import NODES, SOURCE  # noqa: E402

CLASSES = {
    'face_emotion': ('face_node', 'FaceEmotion'),
    'audio_emotion': ('audio_node', 'AudioEmotion'),
    'emotion_fusion': ('fusion_node', 'EmotionFusion'),
    'media_source': ('media_node', 'MediaSource'),
}

ORDERS = (
    ('', '/**', 'face_emotion'),
    ('', '/**', '/**/face_emotion'),
    ('', 'face_emotion', '/**'),
    ('', '/face_emotion', '/**/face_emotion'),
    ('robot', '/**', '/robot/face_emotion'),
    ('robot', '/robot/face_emotion', '/**/face_emotion'),
    ('robot', '/robot/face_emotion', '/*/face_emotion'),
    ('lab/robot', '/lab/robot/face_emotion', '/lab/**/face_emotion'),
)
"""A namespace and sections of one file; rcl lets the last that fits win."""


@pytest.fixture(scope='module')
def context():
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=1 + os.getpid() % 100)
    yield context
    context.try_shutdown()


@pytest.fixture
def in_force(context, tmp_path):
    """Return what tells the parameters of a node of `mer up`; it is made, and never spun."""
    nodes = []

    def run(node, *words, text=''):
        if text:
            path = tmp_path / 'user.yaml'
            path.write_text(text)
            words = (*words, '--params', str(path))
        parser = argparse.ArgumentParser()
        up.add_arguments(parser)
        graph = up.graph_of(parser.parse_args(words))
        command = graph.command(node, tmp_path)
        module, name = CLASSES[node]
        made = getattr(importlib.import_module(f'mer_ros.ros.{module}'), name)(
            context=context,
            use_global_arguments=False,
            cli_args=command[command.index('--ros-args') :],
        )
        nodes.append(made)
        return {**made.values, 'use_sim_time': made.get_parameter('use_sim_time').value}

    yield run
    for each in nodes:
        each.release()
        each.destroy_node()


@pytest.mark.parametrize('order', ORDERS, ids=' '.join)
def test_the_command_line_goes_over_every_section_of_the_file(in_force, order):
    namespace, *sections = order
    text = ''.join(
        f'{section}: {{ros__parameters: {{detector: haar, max_rate: 3.0}}}}\n'
        for section in sections
    )
    words = ['--namespace', namespace, '--face-detector', 'yunet', '--use-sim-time']
    found = in_force('face_emotion', *words, text=text)
    assert found['detector'] == 'yunet'
    assert found['use_sim_time'] is True
    assert found['max_rate'] == 3.0


@pytest.mark.parametrize('section', ['/**', '/**/media_source', 'media_source'])
def test_the_file_goes_over_what_is_not_given(in_force, tmp_path, section):
    text = (
        f'{section}: {{ros__parameters: {{use_sim_time: true, loop: true, rate: 2.0, '
        'compressed: true, publish_clock: true, wait_for_subscribers: 3.0, exit_at_end: false}}'
    )
    found = in_force(SOURCE, '--source', str(tmp_path), text=text)
    for name in ('use_sim_time', 'loop', 'compressed', 'publish_clock'):
        assert found[name] is True, name
    assert (found['rate'], found['wait_for_subscribers']) == (2.0, 3.0)
    assert found['source'] == str(tmp_path)
    assert found['exit_at_end'] is True  # `mer up` ends with the file


def test_what_is_given_goes_over_the_file(in_force, tmp_path):
    text = (
        '/**/media_source: {ros__parameters: {loop: false, rate: 2.0, compressed: false, '
        'source: other.mp4}}'
    )
    words = ['--source', str(tmp_path), '--loop', '--rate', '1', '--image-transport', 'compressed']
    found = in_force(SOURCE, *words, text=text)
    assert (found['loop'], found['rate'], found['compressed']) == (True, 1.0, True)
    assert found['source'] == str(tmp_path)


def test_without_a_file_the_nodes_have_their_defaults_and_films_wait(in_force, tmp_path):
    for node in NODES:
        assert in_force(node)['use_sim_time'] is False
    found = in_force(SOURCE, '--source', str(tmp_path))
    assert (found['loop'], found['rate'], found['compressed']) == (False, 1.0, False)
    assert found['wait_for_subscribers'] == 20.0
    text = '/**: {ros__parameters: {input_timeout: 5.0}}'
    assert in_force(SOURCE, '--source', str(tmp_path), text=text)['wait_for_subscribers'] == 20.0


@pytest.mark.parametrize('name', ['it\'s: a "film" #1, 100%\n.mp4', '1e3', 'ü 🙂', 'true', '~'])
def test_odd_names_of_files_reach_the_node_as_they_are(context, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b'')
    parser = argparse.ArgumentParser()
    up.add_arguments(parser)
    command = up.graph_of(parser.parse_args(['--source', str(path)])).command(SOURCE, tmp_path)
    node = Node(
        SOURCE,
        context=context,
        use_global_arguments=False,
        cli_args=command[command.index('--ros-args') :],
        automatically_declare_parameters_from_overrides=True,
    )
    assert node.get_parameter('source').value == str(path)
    node.destroy_node()
