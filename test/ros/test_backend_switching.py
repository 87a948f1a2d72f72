"""Backends switched in a running node: each works, and none leaves its memory behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from mer_ros.msg import EmotionArray
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from mer_ros.cli import demo_clip
from mer_ros.ros.images import from_bgr

pytestmark = pytest.mark.graph

PAIRS = (('haar', 'lite'), ('yunet', 'deepface'), ('yunet', 'lite'), ('haar', 'deepface'))
DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
IMAGES = 10


@pytest.fixture
def node(
    graph: Any, shared_data: Path, deepface_weights: Path, tmp_path: Path
) -> Iterator[psutil.Process]:
    """The face node, a process of its own, with weights of every backend."""
    for file in (deepface_weights, *(shared_data / 'weights').glob('*yunet*.onnx')):
        (tmp_path / file.name).symlink_to(file)
    environment = os.environ | {'MER_MODEL_DIR': str(tmp_path), 'DEEPFACE_HOME': str(tmp_path)}
    argv = [sys.executable, '-m', 'mer_ros.ros.face_emotion', '--ros-args']
    process = subprocess.Popen([*argv, '-r', f'__ns:={graph.namespace}'], env=environment)
    yield psutil.Process(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_switching_backends_leaves_no_memory_behind(graph: Any, node: psutil.Process) -> None:
    results = graph.collect(EmotionArray, 'emotion/face')
    publisher = graph.publisher(Image, 'image_raw')
    graph.matched(publisher)
    frames = [from_bgr(each) for each in demo_clip.still_frames(IMAGES)]
    resident: list[list[int]] = []
    seconds = 100
    for _ in range(3):
        resident.append([])
        for detector, classifier in PAIRS:
            go(graph, *DOWN)
            choose(graph, detector=detector, classifier=classifier)
            go(graph, *UP)
            graph.matched(publisher)
            for frame in frames:
                seconds += 1
                frame.header.stamp.sec = seconds
                publisher.publish(frame)
                graph.wait(lambda: results and results[-1].header == frame.header, 'a result')  # noqa: B023
                assert results[-1].models[0].startswith(f'face:{detector}+{classifier}@')
                assert len(results[-1].emotions) == 1
            resident[-1].append(node.memory_info().rss)
    # What the first round loads for good (libraries, and their caches) stays.
    assert max(resident[-1]) <= 1.05 * max(resident[0]), resident


def go(graph: Any, *transitions: int) -> None:
    for each in transitions:
        request = ChangeState.Request(transition=Transition(id=each))
        assert graph.call(ChangeState, 'face_emotion/change_state', request).success


def choose(graph: Any, **values: str) -> None:
    request = SetParameters.Request(
        parameters=[
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
    )
    answer = graph.call(SetParameters, 'face_emotion/set_parameters', request)
    assert all(result.successful for result in answer.results)
