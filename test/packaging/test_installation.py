"""What ``make build`` installs, and what pip would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix

NODES = {'face_emotion', 'audio_emotion', 'emotion_fusion', 'media_source'}


@pytest.fixture(scope='session')
def prefix() -> Path:
    return Path(get_package_prefix('mer_ros'))


def sources(package: Path) -> set[Path]:
    """Return the files of a Python package, relative to it, without the generated ones."""
    return {
        file.relative_to(package)
        for file in package.rglob('*')
        if file.is_file()
        and file.suffix in {'.py', '.json', '.onnx', '.yaml'}
        and file.relative_to(package).parts[0] != 'msg'
        and '__pycache__' not in file.parts
    }


def test_the_executables_are_the_four_nodes(prefix: Path) -> None:
    folder = prefix / 'lib' / 'mer_ros'
    assert {file.name for file in folder.iterdir()} == NODES
    for name in NODES:
        assert os.access(folder / name, os.X_OK)


def test_executables_run_under_the_interpreter_of_the_build(prefix: Path) -> None:
    for launcher in [
        *(prefix / 'lib' / 'mer_ros' / name for name in NODES),
        prefix / 'bin' / 'mer',
    ]:
        shebang, trampoline = launcher.read_text().splitlines()[:2]
        assert shebang == '#!/bin/sh'
        assert Path(trampoline.split('"')[1]).samefile(sys.executable)


def test_mer_starts_from_a_shell_that_has_nothing_but_ros(prefix: Path) -> None:
    setup = prefix.parent / 'setup.bash'
    done = subprocess.run(
        ['bash', '--norc', '-c', f'source "{setup}" && mer --help'],
        env={'HOME': str(Path.home()), 'PATH': '/usr/bin:/bin'},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 'usage: mer' in done.stdout


def test_every_source_file_is_installed_and_no_other(prefix: Path, repository: Path) -> None:
    package = next(prefix.glob('**/mer_ros/emotions.py')).parent
    assert sources(package) == sources(repository / 'mer_ros')


def test_launch_and_config_are_installed(prefix: Path, repository: Path) -> None:
    for folder in ('launch', 'config'):
        expected = {file.name for file in (repository / folder).iterdir() if file.is_file()}
        installed = {file.name for file in (prefix / 'share' / 'mer_ros' / folder).iterdir()}
        assert installed - {'__pycache__'} == expected


def test_pip_would_install_every_source_file(repository: Path, tmp_path: Path) -> None:
    checkout = tmp_path / 'checkout'
    ignore = shutil.ignore_patterns('__pycache__', '*.pyc')
    shutil.copytree(repository / 'mer_ros', checkout / 'mer_ros', ignore=ignore)
    shutil.copytree(repository / 'requirements', checkout / 'requirements')
    for name in ('setup.py', 'pyproject.toml', 'LICENSE'):
        shutil.copy(repository / name, checkout)
    done = subprocess.run(
        [sys.executable, 'setup.py', '-q', 'egg_info', 'build', '--build-lib', tmp_path / 'lib'],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sources(tmp_path / 'lib' / 'mer_ros') == sources(repository / 'mer_ros')
    entry_points = (checkout / 'mer_ros.egg-info' / 'entry_points.txt').read_text()
    assert 'mer = mer_ros.cli.main:main' in entry_points
