"""Does a node leak when its backends are switched through the lifecycle?

    python -m benchmarks.backend_switching --data ../shared/data [--node audio] [--switches 20]

Runs the face or the audio node as a process of its own, fed with 640x480 images of a face or with
a voice, and goes through backends: deactivate, clean up, set the parameters, configure, activate,
wait for results. DeepFace's, RetinaFace's and wav2vec2's networks have random weights made here,
wav2vec2's is small. Prints the resident memory after each switch and, on the last line, JSON: for
each choice of backends the memory each time, and by how many per cent it grew from the first round
in which every library had been loaded (the second) to the last.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rclpy
from audio_common_msgs.msg import AudioDataStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from mer_ros.msg import EmotionArray
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from benchmarks import random_deepface
from mer_ros.cli import demo_clip
from mer_ros.cli.benchmark_audio import voice_like
from mer_ros.models import catalogue
from mer_ros.ros import transport
from mer_ros.ros.images import from_bgr
from mer_ros.ros.media_messages import audio_message

FACE = (
    ('haar', 'lite'),
    ('yunet', 'deepface'),
    ('retinaface', 'lite'),
    ('yunet', 'lite'),
    ('haar', 'deepface'),
)
AUDIO = (('lite', 'auto'), ('wav2vec2', 'int8'), ('wav2vec2', 'float32'))
WAV2VEC2 = catalogue.entry('wav2vec2').folder
RESULTS = {'face': 20, 'audio': 4}
WAIT_S, RATE = 120.0, 16_000


@dataclass(frozen=True)
class Subject:
    """A node and what it is given.

    Attributes:
        name: ``face`` or ``audio``.
        choices: parameters by which backends are chosen, by what the results call them.
        feed: publishes the next piece of input.
    """

    name: str
    choices: dict[str, dict[str, str]]
    feed: Callable[[], None]


def face_subject(node: Node) -> Subject:
    """Return the face node with pictures of a face."""
    publisher = node.create_publisher(Image, 'image_raw', 10)
    frames = itertools.cycle([from_bgr(each) for each in demo_clip.still_frames(30)])

    def feed() -> None:
        image = next(frames)
        image.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(image)

    choices = {
        f'face:{detector}+{classifier}': {'detector': detector, 'classifier': classifier}
        for detector, classifier in FACE
    }
    return Subject('face', choices, feed)


def audio_subject(node: Node) -> Subject:
    """Return the audio node with a sound like a voice, at the pace of the clock."""
    publisher = node.create_publisher(AudioDataStamped, 'audio_stamped', 100)
    sound = np.round(voice_like(10.0) * 32767.0).astype(np.int16)[:, None]
    begin_ns, sent = node.get_clock().now().nanoseconds, 0

    def feed() -> None:
        nonlocal sent
        due = (node.get_clock().now().nanoseconds - begin_ns) * RATE // 1_000_000_000
        while sent + 800 <= due:
            rows = np.arange(sent, sent + 800) % len(sound)
            stamp_ns = begin_ns + sent * 1_000_000_000 // RATE
            publisher.publish(audio_message(sound[rows], stamp_ns, 'microphone'))
            sent += 800

    choices = {
        f'audio:silero+{classifier} {dtype}': {'classifier': classifier, 'dtype': dtype}
        for classifier, dtype in AUDIO
    }
    return Subject('audio', choices, feed)


SUBJECTS = {'face': face_subject, 'audio': audio_subject}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    parser.add_argument('--node', choices=SUBJECTS, default='face')
    parser.add_argument('--switches', type=int, default=20)
    options = parser.parse_args()
    from benchmarks import wav2vec2_net  # here, so that --help needs no torch

    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    with tempfile.TemporaryDirectory() as folder:
        random_deepface.write(Path(folder))
        _write_retinaface(Path(folder))
        net = wav2vec2_net.EmotionNet()
        wav2vec2_net.save(Path(folder) / WAV2VEC2, wav2vec2_net.published(net))
        for path in (options.data / 'weights').glob('face_detection_yunet*.onnx'):
            (Path(folder) / path.name).symlink_to(path.resolve())
        own = {'MER_MODEL_DIR': folder, 'DEEPFACE_HOME': folder, 'XDG_CACHE_HOME': folder}
        argv = [sys.executable, '-m', f'mer_ros.ros.{options.node}_emotion', '--ros-args']
        process = subprocess.Popen([*argv, '-p', 'autostart:=false'], env=os.environ | own)
        try:
            found = measure(process.pid, options.node, options.switches)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    print(json.dumps(found))
    return 0


def measure(pid: int, name: str, switches: int) -> dict[str, Any]:
    """Switch the node's backends and return its memory."""
    transport.prepare()
    rclpy.init()
    probe = Probe(psutil.Process(pid), name)
    memory: dict[str, list[float]] = {}
    choices = itertools.cycle(probe.subject.choices)
    for number in range(switches + 1):
        choice = next(choices)
        resident = probe.switch(choice, number == 0)
        memory.setdefault(choice, []).append(round(resident, 1))
        print(f'{number:3} {choice}: {resident:.1f} MB', flush=True)
    rclpy.try_shutdown()
    # In the first round the memory of the libraries that later choices bring is still missing.
    growth = {n: 100 * (each[-1] / each[1] - 1) for n, each in memory.items() if len(each) > 2}
    return {
        'node': name,
        'switches': switches,
        'rss_mb': memory,
        'growth_percent': {name: round(each, 1) for name, each in growth.items()},
        'largest_growth_percent': round(max(growth.values(), default=0.0), 1),
    }


class Probe:
    """Feeds the node, listens to it and calls its services."""

    def __init__(self, process: psutil.Process, name: str) -> None:
        self._process = process
        self._node = Node('probe')
        self.subject = SUBJECTS[name](self._node)
        self._results: list[str] = []
        self._node.create_subscription(
            EmotionArray, f'emotion/{name}', lambda m: self._results.append(m.models[0]), 100
        )
        self._change = self._node.create_client(ChangeState, f'{name}_emotion/change_state')
        self._set = self._node.create_client(SetParameters, f'{name}_emotion/set_parameters')

    def switch(self, choice: str, first: bool) -> float:
        """Configure backends, work with them, and return the resident memory in MB."""
        if not first:
            self._go(Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
        chosen = self.subject.choices[choice]
        values = [Parameter(name, value=value) for name, value in chosen.items()]
        request = SetParameters.Request(parameters=[each.to_parameter_msg() for each in values])
        self._call(self._set, request)
        self._go(Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
        model, enough = f'{choice.partition(" ")[0]}@', RESULTS[self.subject.name]
        self._results.clear()
        self._until(lambda: sum(each.startswith(model) for each in self._results) >= enough, model)
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
                self.subject.feed()
            rclpy.spin_once(self._node, timeout_sec=0.05)


def _write_retinaface(folder: Path) -> None:
    import torch
    from retinaface.model.retinaface_pth_model import RetinaFace

    torch.manual_seed(1)
    torch.onnx.export(
        RetinaFace().eval(), (torch.zeros(1, 96, 128, 3),), str(folder / 'retinaface.onnx'),
        input_names=['input'], dynamo=False, dynamic_axes={'input': {1: 'height', 2: 'width'}},
    )  # fmt: skip


if __name__ == '__main__':
    sys.exit(main())
