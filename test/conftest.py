"""Fixtures of the whole suite. Nothing heavy is imported here."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'test' / 'support'))  # Ubuntu 22.04's pytest knows no pythonpath

PATH_VARIABLES = (
    'AMENT_PREFIX_PATH',
    'CMAKE_PREFIX_PATH',
    'LD_LIBRARY_PATH',
    'PKG_CONFIG_PATH',
    'PYTHONPATH',
)


def pytest_configure() -> None:
    """Let the commands that the tests start be stopped by Ctrl-C, as a terminal's are.

    A shell starts what it puts into the background with SIGINT ignored, and children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    """Say what is missing where the tests of the nodes can't run."""
    if importlib.util.find_spec('mer_ros.msg') is None:
        return ['no mer_ros.msg: run `make build` and `source install/setup.bash` first']
    return []


@pytest.fixture(scope='session')
def repository() -> Path:
    """Return the root of the checkout."""
    return ROOT


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Return the folder of real data: ``MER_SHARED_DATA``, else ../shared/data.

    Tests that need it are skipped only where the folder itself is missing.
    """
    folder = Path(os.environ.get('MER_SHARED_DATA') or ROOT.parent / 'shared' / 'data')
    if not folder.is_dir():
        pytest.skip(f'no {folder}: set MER_SHARED_DATA')
    return folder


@pytest.fixture(scope='session')
def deepface_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of DeepFace's emotion network, its weights random, alone in its folder."""
    for module in ('deepface', 'onnx', 'torch'):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f'no {module}: run `make test`')
    folder = tmp_path_factory.mktemp('deepface')
    subprocess.run(
        [sys.executable, '-m', 'benchmarks.random_deepface', folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder / 'facial_expression_model_weights.onnx'


@pytest.fixture(scope='session')
def other_audio_common_msgs() -> dict[str, str]:
    """Return an environment in which ``audio_common_msgs`` is the other package of that name.

    It is built on demand into build/other_audio_common_msgs, whose prefix the environment has
    as ``OTHER_PREFIX`` too. Give it to subprocesses.
    """
    if not (ROOT / '.venv').is_dir():
        pytest.skip('no .venv to build it with: run `make build`')
    workspace = ROOT / 'test' / 'workspaces' / 'mgonzs13'
    base = ROOT / 'build' / 'other_audio_common_msgs'
    subprocess.run(
        [ROOT / 'scripts' / 'build_other_workspace.sh', workspace, base],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    other = str(base / 'install' / 'audio_common_msgs')
    ours = str(ROOT / 'install' / 'audio_common_msgs')
    site_packages = next(Path(other).glob('**/audio_common_msgs/msg/__init__.py')).parents[2]
    first = {'LD_LIBRARY_PATH': f'{other}/lib', 'PYTHONPATH': str(site_packages)}
    environment = dict(os.environ)
    for name in PATH_VARIABLES:
        # Ours goes altogether: the ROS wheels shuffle the order of LD_LIBRARY_PATH.
        kept = [
            entry
            for entry in os.environ.get(name, '').split(os.pathsep)
            if entry and entry != ours and not entry.startswith(ours + os.sep)
        ]
        environment[name] = os.pathsep.join([first.get(name, other), *kept])
    environment['OTHER_PREFIX'] = other
    return environment
