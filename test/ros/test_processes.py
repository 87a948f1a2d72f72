"""The executables as processes of their own, as a launch file starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mer_ros.ros import transport

pytestmark = pytest.mark.graph

NODES = ['face_emotion', 'audio_emotion', 'emotion_fusion']


@pytest.fixture
def start(graph: Any) -> Iterator[Callable[..., Any]]:
    """Return what starts a node in the graph's namespace; none outlives the test."""
    running = []
    environment = {key: value for key, value in os.environ.items() if key != transport.VARIABLE}

    def run(node: str, *arguments: str) -> Any:
        argv = [sys.executable, '-m', f'mer_ros.ros.{node}', '--ros-args']
        process = subprocess.Popen(
            [*argv, '-r', f'__ns:={graph.namespace}', *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait(20)


def end(process: Any, how: int) -> tuple[int, str]:
    process.send_signal(how)
    output, _ = process.communicate(timeout=20)
    return process.returncode, output


@pytest.mark.parametrize('node', NODES)
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_with_status_0_and_no_traceback(
    graph: Any, start: Any, node: str, how: int
) -> None:
    process = start(node)
    graph.diagnosis(
        lambda status, values: status.name.endswith(node) and values['state'] == 'active',
        'an active node',
    )
    status, output = end(process, how)
    assert status == 0, output
    assert 'Traceback' not in output


@pytest.mark.parametrize('library', ['numpy', '_rclpy', 'scipy', 'onnxruntime', 'rmw_fastrtps'])
def test_a_signal_while_it_starts_is_as_quiet(graph: Any, start: Any, library: str) -> None:
    process = start('audio_emotion')
    maps = Path(f'/proc/{process.pid}/maps')
    graph.wait(lambda: library in maps.read_text(), f'{library} to be loaded')
    status, output = end(process, signal.SIGINT)
    assert status == 0, output
    assert 'Traceback' not in output


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['-p', 'max_rate:=-3'], 'error: max_rate must be 0 .. 1000, not -3'),
        (['-p', 'image_transport:=theora'], 'error: image_transport must be one of'),
        (['--params-file', '/nowhere.yaml'], "error: ROS cannot start: Couldn't parse params file"),
        (['--nonsense'], 'error: ROS cannot start'),
    ],
)
def test_wrong_usage_is_one_line_and_status_1(start: Any, arguments: list[str], words: str) -> None:
    process = start('face_emotion', *arguments)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert words in output
    assert 'Traceback' not in output


def test_a_misspelt_parameter_is_warned_of(graph: Any, start: Any) -> None:
    process = start('emotion_fusion', '-p', 'smoothing:=1.0')
    graph.wait(lambda: graph.logged('did you mean smoothing_s?'), 'a warning')
    assert end(process, signal.SIGINT)[0] == 0


def test_the_executables_lie_where_ros2_run_looks(repository: Path) -> None:
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    folders = [Path(prefix) / 'lib' / 'mer_ros' for prefix in prefixes]
    found = {path.name for folder in folders if folder.is_dir() for path in folder.iterdir()}
    assert {*NODES, 'media_source'} <= found


def test_nodes_run_with_a_namespace_a_name_and_remaps(graph: Any, start: Any) -> None:
    from sensor_msgs.msg import Image

    camera = graph.publisher(Image, 'front/image')
    process = start('face_emotion', '-r', '__node:=left_eye', '-r', 'image_raw:=front/image')
    graph.matched(camera)
    values = graph.diagnosis(
        lambda status, values: status.name.endswith('/left_eye') and 'topic' in values, 'the node'
    )
    assert values['topic'] == f'{graph.namespace}/front/image'
    assert end(process, signal.SIGINT)[0] == 0


@pytest.mark.parametrize('module', ['fusion_node', 'media_node'])
def test_what_computes_nothing_heavy_loads_nothing_heavy(module: str) -> None:
    """SciPy takes a second of a core and 90 MB in a process that never calls it."""
    code = (
        f'import sys, mer_ros.ros.{module}; '
        'sys.exit(str({"scipy", "onnxruntime", "torch"} & set(sys.modules) or ""))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.strip() == ''
