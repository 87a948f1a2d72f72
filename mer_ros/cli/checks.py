"""What `mer doctor` looks at apart from ROS."""

from __future__ import annotations

import enum
import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DEFAULT_MODELS = ('face_lite', 'audio_lite', 'fusion', 'haar', 'silero')
"""What the graph needs as it is configured by default."""


class Status(enum.Enum):
    """How it is."""

    OK = 'OK'
    WARN = 'WARN'
    FAIL = 'FAIL'


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        status: OK; WARN when something optional is missing; FAIL when the graph can't run.
        text: what was found.
        mend: what to do about it, '' when nothing.
    """

    status: Status
    text: str
    mend: str = ''


def python() -> list[Finding]:
    """Tell the interpreter; pip refuses one that is too old."""
    return [Finding(Status.OK, f'Python {sys.version.split()[0]} ({sys.executable})')]


def models() -> list[Finding]:
    """Check the models of the default set, and those that were pulled."""
    from mer_ros.cli.models import verify
    from mer_ros.models import catalogue, store

    found = []
    for name, entry in catalogue.load().items():
        state, text = verify(name)
        bad = Status.FAIL if name in DEFAULT_MODELS else Status.WARN
        if state is store.State.MISSING:
            if bad is Status.FAIL or entry.embedded:
                found.append(Finding(bad, f'{name} is missing', text))
        elif state is store.State.DAMAGED:
            found.append(Finding(bad, f'{name} is damaged', text))
        else:
            found.append(Finding(Status.OK, f'{name} {state.value}: {text}'))
    return [*_own_folder(), *found]


def _own_folder() -> list[Finding]:
    """Check that MER_MODEL_DIR, if it is set, is a folder: else nothing of it is ever found."""
    from mer_ros.models import store
    from mer_ros.models.errors import ModelError

    named = os.environ.get('MER_MODEL_DIR', '')
    if not named:
        return []
    try:
        folder = store.folders()[0]
    except ModelError as error:
        return [Finding(Status.WARN, *str(error).split(': ', 1))]
    if folder.is_dir():
        return []
    what = 'a file' if folder.exists() else 'not there'
    return [
        Finding(
            Status.WARN,
            f'MER_MODEL_DIR is {named}, which is {what}: models are found elsewhere only',
            'set it to the folder that holds your models, or unset it',
        )
    ]


def media() -> list[Finding]:
    """Check what decodes files and speaks in the demo."""
    av = importlib.import_module('av')
    found = [Finding(Status.OK, f'PyAV {av.__version__} decodes files')]
    if shutil.which('espeak-ng'):
        found.append(Finding(Status.OK, 'espeak-ng speaks in the demo clip'))
    else:
        found.append(
            Finding(
                Status.WARN,
                'no espeak-ng: the demo clip is silent',
                'sudo apt-get install espeak-ng',
            )
        )
    return found


def camera() -> list[Finding]:
    """Check the cameras."""
    devices = sorted(Path('/dev').glob('video*'))
    if not devices:
        return [
            Finding(
                Status.WARN,
                'no camera on this machine (/dev/video*)',
                'plug one in, or use a camera driver that publishes image_raw',
            )
        ]
    found = []
    for device in devices:
        if os.access(device, os.R_OK | os.W_OK):
            found.append(Finding(Status.OK, str(device)))
        else:
            found.append(
                Finding(
                    Status.WARN,
                    f'{device} may not be used by this user',
                    'sudo usermod -aG video $USER, then log in again',
                )
            )
    return found


def microphone() -> list[Finding]:
    """Check PortAudio and its default input."""
    try:
        sounddevice = importlib.import_module('sounddevice')
    except ModuleNotFoundError:
        return [Finding(Status.WARN, 'no sounddevice', 'pip install sounddevice')]
    except OSError:
        return [Finding(Status.WARN, 'no PortAudio', 'sudo apt-get install libportaudio2')]
    try:
        device = sounddevice.query_devices(kind='input')
    except (sounddevice.PortAudioError, ValueError):
        return [
            Finding(
                Status.WARN,
                'no microphone on this machine',
                'plug one in, or use an audio driver that publishes audio_stamped',
            )
        ]
    return [Finding(Status.OK, f'{device["name"]}, {device["max_input_channels"]} channels')]


def cpu() -> list[Finding]:
    """Check cores and instructions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    flags: set[str] = set()
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith(('flags', 'Features')):
                flags = set(line.partition(':')[2].split())
                break
    bfloat16 = bool(flags & {'avx512_bf16', 'amx_bf16', 'bf16'})
    text = f'{cores} cores, bfloat16 instructions: {"yes" if bfloat16 else "no"}'
    if (cores or 1) < 2:
        return [Finding(Status.WARN, text, 'two cores keep up with 30 images a second')]
    return [Finding(Status.OK, text)]


def gpu() -> list[Finding]:
    """Look for an NVIDIA GPU; none is needed."""
    program = shutil.which('nvidia-smi')
    if program is None:
        return [Finding(Status.OK, 'none (none is needed)')]
    done = subprocess.run([program, '-L'], capture_output=True, text=True, timeout=20, check=False)
    lines = [line.partition(' (UUID')[0] for line in done.stdout.splitlines()]
    if done.returncode or not lines:
        reason = (done.stderr or done.stdout).strip().splitlines()
        return [
            Finding(
                Status.WARN,
                f'nvidia-smi fails: {reason[0] if reason else done.returncode}',
                'install the driver again if the GPU is wanted',
            )
        ]
    return [Finding(Status.OK, line) for line in lines]
