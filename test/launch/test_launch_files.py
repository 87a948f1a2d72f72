"""The launch files: their arguments, and where `launch` is installed, what they start."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from mer_ros.ros.parameter_file import text
from mer_ros.ros.parameter_spec import Values
from mer_ros.ros.parameters import NODES

MER = [
    'source', 'loop', 'face_detector', 'face_classifier', 'audio_classifier', 'namespace',
    'params_file', 'debug', 'record', 'use_sim_time', 'rviz', 'log_level', 'autostart',
    'image_transport', 'image', 'audio',
]  # fmt: skip
REPLAY = ['bag', 'rate', 'bag_loop', 'delay']

needs_launch = pytest.mark.skipif(
    importlib.util.find_spec('launch_ros') is None, reason='launch_ros is not on PyPI'
)


def constant(path, name):
    """Return the literal that a module assigns to a name; calls in it count as None."""
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == name:
            return statement.value
    raise AssertionError(f'{path} assigns no {name}')


def first_words(node):
    return [row.elts[0].value for row in node.elts]


def test_the_arguments_are_the_documented_ones(repository):
    launch = repository / 'launch'
    assert first_words(constant(launch / 'mer.launch.py', 'ARGUMENTS')) == MER
    assert first_words(constant(launch / 'replay.launch.py', 'ARGUMENTS')) == REPLAY


def test_the_readme_names_every_argument_and_no_other(repository):
    section = (repository / 'README.md').read_text().split('### Launch arguments')[1]
    rows = [line for line in section.split('\n## ')[0].splitlines() if line.startswith('| `')]
    assert sorted(re.findall(r'`(\w+)`', ' '.join(row.split('|')[1] for row in rows))) == sorted(
        MER
    )


def test_the_launch_file_starts_the_executables_of_the_design(repository):
    tree = ast.parse((repository / 'launch' / 'mer.launch.py').read_text())
    started = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'node'
    }
    assert started == set(NODES)
    built = (repository / 'CMakeLists.txt').read_text()
    for name in started:
        assert name in built


def test_parameters_that_the_launch_file_sets_exist(repository):
    tree = ast.parse((repository / 'launch' / 'mer.launch.py').read_text())
    every = {spec.name for specs in NODES.values() for spec in specs}
    names = {
        node.targets[0].slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Subscript)
        and isinstance(node.targets[0].slice, ast.Constant)
    }
    keywords = {
        keyword.arg
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'node'
        for keyword in call.keywords
    }
    assert names | keywords
    assert names | keywords <= every


def test_the_parameter_file_is_what_the_declarations_say(repository):
    written = (repository / 'config' / 'mer.yaml').read_text()
    assert written == text(), 'run: python3 -m mer_ros.ros.parameter_file > config/mer.yaml'


def test_the_parameter_file_holds_every_parameter_with_its_default(repository):
    tree = yaml.safe_load((repository / 'config' / 'mer.yaml').read_text())
    assert set(tree) == {f'/**/{node}' for node in NODES}
    for node, specs in NODES.items():
        given = tree[f'/**/{node}']['ros__parameters']
        assert given == {spec.name: spec.default for spec in specs}
        assert dict(Values(specs, given)) == given


def test_the_views_show_topics_that_the_graph_has(repository):
    topics = {'/emotion/debug_image', '/image_raw'}
    rviz = yaml.safe_load((repository / 'config' / 'mer.rviz').read_text())
    shown = [each['Topic']['Value'] for each in rviz['Visualization Manager']['Displays']]
    assert set(shown) == topics
    perspective = json.loads((repository / 'config' / 'mer.perspective').read_text())
    plugins = perspective['groups']['pluginmanager']['groups']
    fields = ' '.join(
        key['repr']
        for plugin in plugins.values()
        for key in plugin['groups']['plugin']['keys'].values()
    )
    assert '/emotion/debug_image' in fields
    for field in ('confidence', 'speaking', 'valence', 'arousal'):
        assert f'/emotion/fused/emotions[0]/{field}' in fields


@needs_launch
@pytest.mark.parametrize('name', ['mer.launch.py', 'replay.launch.py'])
def test_launch_takes_the_arguments(repository, name):
    code = (
        'import sys; from launch import LaunchService; '
        'from launch.launch_description_sources import get_launch_description_from_python_'
        'launch_file as load; '
        'print([a.name for a in load(sys.argv[1]).get_launch_arguments()])'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(repository / 'launch' / name)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = MER if name == 'mer.launch.py' else REPLAY
    assert set(wanted) <= set(ast.literal_eval(done.stdout.splitlines()[-1]))
