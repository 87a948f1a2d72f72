"""Does the face node leak when its backends are switched through the lifecycle?

    python -m benchmarks.backend_switching --data ../shared/data [--switches 20]

Runs the node as a process of its own, fed with 640x480 images of a face, and goes through pairs
of detector and classifier: deactivate, clean up, set the parameters, configure, activate, wait
for results. DeepFace's and RetinaFace's networks have random weights made here. Prints the
resident memory after each switch and, on the last line, JSON: for each pair the memory each time,
and by how many per cent it grew from the first round in which every library had been loaded (the
second) to the last.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import rclpy
import torch
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from mer_ros.msg import EmotionArray
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from benchmarks import random_deepface
from mer_ros.cli import demo_clip
from mer_ros.ros import transport
from mer_ros.ros.images import from_bgr

PAIRS = (
    ('haar', 'lite'),
    ('yunet', 'deepface'),
    ('retinaface', 'lite'),
    ('yunet', 'lite'),
    ('haar', 'deepface'),
)
IMAGES, WAIT_S = 20, 120.0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    parser.add_argument('--switches', type=int, default=20)
    options = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    with tempfile.TemporaryDirectory() as folder:
        random_deepface.write(Path(folder))
        _write_retinaface(Path(folder))
        for path in (options.data / 'weights').glob('face_detection_yunet*.onnx'):
            (Path(folder) / path.name).symlink_to(path.resolve())
        environment = os.environ | {'MER_MODEL_DIR': folder, 'DEEPFACE_HOME': folder}
        argv = [sys.executable, '-m', 'mer_ros.ros.face_emotion', '--ros-args']
        process = subprocess.Popen([*argv, '-p', 'autostart:=false'], env=environment)
        try:
            found = measure(process.pid, options.switches)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    print(json.dumps(found))
    return 0


def measure(pid: int, switches: int) -> dict[str, Any]:
    """Switch the node's backends and return its memory."""
    transport.prepare()
    rclpy.init()
    probe = Probe(psutil.Process(pid))
    memory: dict[str, list[float]] = {}
    pairs = itertools.cycle(PAIRS)
    for number in range(switches + 1):
        detector, classifier = next(pairs)
        resident = probe.switch(detector, classifier, number == 0)
        memory.setdefault(f'{detector}+{classifier}', []).append(round(resident, 1))
        print(f'{number:3} {detector}+{classifier}: {resident:.1f} MB', flush=True)
    rclpy.try_shutdown()
    # In the first round the memory of the libraries that later pairs bring is still missing.
    growth = {n: 100 * (each[-1] / each[1] - 1) for n, each in memory.items() if len(each) > 2}
    return {
        'switches': switches,
        'rss_mb': memory,
        'growth_percent': {name: round(each, 1) for name, each in growth.items()},
        'largest_growth_percent': round(max(growth.values(), default=0.0), 1),
    }


class Probe:
    """Feeds the node, listens to it and calls its services."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._node = Node('probe')
        self._results: list[str] = []
        self._node.create_subscription(
            EmotionArray, 'emotion/face', lambda m: self._results.append(m.models[0]), 100
        )
        self._images = self._node.create_publisher(Image, 'image_raw', 10)
        self._frames = itertools.cycle([from_bgr(each) for each in demo_clip.still_frames(30)])
        self._change = self._node.create_client(ChangeState, 'face_emotion/change_state')
        self._set = self._node.create_client(SetParameters, 'face_emotion/set_parameters')

    def switch(self, detector: str, classifier: str, first: bool) -> float:
        """Configure a pair, work with it, and return the resident memory in MB."""
        if not first:
            self._go(Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
        chosen = {'detector': detector, 'classifier': classifier}
        values = [Parameter(name, value=value) for name, value in chosen.items()]
        request = SetParameters.Request(parameters=[each.to_parameter_msg() for each in values])
        self._call(self._set, request)
        self._go(Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
        name = f'face:{detector}+{classifier}@'
        self._results.clear()
        self._until(lambda: sum(each.startswith(name) for each in self._results) >= IMAGES, name)
        return float(self._process.memory_info().rss) / 2**20

    def _go(self, *transitions: int) -> None:
        for each in transitions:
            answer = self._call(self._change, ChangeState.Request(transition=Transition(id=each)))
            if not answer.success:
                raise RuntimeError(f'transition {each} failed: see the log of the node')

    def _call(self, client: Any, request: Any) -> Any:
        if not client.wait_for_service(WAIT_S):
            raise RuntimeError(f'no service {client.srv_name}')
        future = client.call_async(request)
        self._until(future.done, client.srv_name, feed=False)
        return future.result()

    def _until(self, done: Callable[[], bool], what: str, feed: bool = True) -> None:
        deadline = time.monotonic() + WAIT_S
        while not done():
            if time.monotonic() > deadline:
                raise RuntimeError(f'waited {WAIT_S:.0f} s for {what}')
            if feed:
                image = next(self._frames)
                image.header.stamp = self._node.get_clock().now().to_msg()
                self._images.publish(image)
            rclpy.spin_once(self._node, timeout_sec=0.05)


def _write_retinaface(folder: Path) -> None:
    from retinaface.model.retinaface_pth_model import RetinaFace

    torch.manual_seed(1)
    torch.onnx.export(
        RetinaFace().eval(), (torch.zeros(1, 96, 128, 3),), str(folder / 'retinaface.onnx'),
        input_names=['input'], dynamo=False, dynamic_axes={'input': {1: 'height', 2: 'width'}},
    )  # fmt: skip


if __name__ == '__main__':
    sys.exit(main())
