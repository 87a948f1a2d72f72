"""The scripts behind ``make``: they say what is wrong, and do nothing twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import pytest


def run(command: list[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a few variables set, and those of make and ROS left out."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('MAKE', 'MFLAGS', 'ROS_DISTRO'))
    }
    return subprocess.run(
        command,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def adapt(repository: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(repository / 'scripts'))
    import adapt_ros_wheels

    return adapt_ros_wheels


@pytest.mark.skipif('ROS_DISTRO' in os.environ, reason='the build stands on a distribution')
def test_a_second_build_does_nothing_and_takes_no_time(repository: Path) -> None:
    first = run(['make', '-C', repository, '-s', 'build'])
    assert first.returncode == 0, first.stderr
    start = time.monotonic()
    second = run(['make', '-C', repository, '-s', 'build'])
    assert time.monotonic() - start < 10
    assert (second.returncode, second.stdout, second.stderr) == (0, '', '')


def test_the_mode_is_the_distribution_that_is_sourced(repository: Path) -> None:
    script = repository / 'scripts' / 'ros_mode.sh'
    assert run([script]).stdout == 'wheels\n'
    assert run([script], ROS_DISTRO='jazzy').stdout == 'jazzy\n'


def test_a_distribution_without_rclpy_is_refused_with_the_mend(
    repository: Path, tmp_path: Path
) -> None:
    python = tmp_path / 'python3'
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    python.chmod(0o755)
    done = run([repository / 'scripts' / 'setup_venv.sh'], ROS_DISTRO='humble', PYTHON=str(python))
    assert done.returncode == 1
    assert 'source /opt/ros/humble/setup.bash' in done.stderr


def test_an_old_python_is_refused_with_the_mend(repository: Path, tmp_path: Path) -> None:
    python = tmp_path / 'python3'
    python.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.8.10\nexit 1\n')
    python.chmod(0o755)
    done = run([repository / 'scripts' / 'setup_venv.sh'], PYTHON=str(python))
    assert done.returncode == 1
    assert 'Python 3.8.10, 3.10 or newer is needed' in done.stderr


def test_foreign_paths_in_cmake_files_are_replaced(adapt, tmp_path: Path) -> None:
    file = tmp_path / 'share' / 'std_msgs' / 'cmake' / 'export.cmake'
    file.parent.mkdir(parents=True)
    root = '/opt/python/cp311-cp311'
    file.write_text(
        f'INTERFACE_INCLUDE_DIRECTORIES "{root}/include/python3.11;'
        f'{root}/lib/python3.11/site-packages/numpy/_core/include"\n'
    )
    assert adapt.replace_foreign_paths(tmp_path) == 1
    expected = f'{sysconfig.get_path("include")};{np.get_include()}'
    assert file.read_text() == f'INTERFACE_INCLUDE_DIRECTORIES "{expected}"\n'
    assert adapt.replace_foreign_paths(tmp_path) == 0


@pytest.mark.parametrize('shell', ['sh', 'bash'])
def test_the_underlay_is_set_up_once_even_with_blanks_in_its_path(
    adapt, tmp_path: Path, shell: str
) -> None:
    prefix = tmp_path / 'a b'
    libraries = prefix / 'lib' / 'python3.11' / 'site-packages' / 'ros_rcl.libs'
    libraries.mkdir(parents=True)
    adapt.write_local_setup(prefix)
    script = f'set -eu; f="{prefix}/local_setup.{shell}"; . "$f"; . "$f"; env'
    done = run([shell, '-c', script], LD_LIBRARY_PATH='/before', PATH='/usr/bin:/bin')
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f'LD_LIBRARY_PATH={prefix}/lib:{libraries}:/before' in lines
    assert f'PATH={prefix}/bin:/usr/bin:/bin' in lines


def test_ci_runs_make_test(repository: Path) -> None:
    script = repository / '.ci' / 'run'
    assert os.access(script, os.X_OK)
    assert 'set -euo pipefail' in script.read_text()
    assert 'make test' in script.read_text()


@pytest.mark.skipif('ROS_DISTRO' in os.environ, reason='the build stands on a distribution')
def test_the_package_configures_where_the_generator_exports_no_directories(
    repository: Path, tmp_path: Path
) -> None:
    """The generator of the distributions has PRIVATE where the one of the wheels has PUBLIC."""
    venv = repository / '.venv'
    (tmp_path / 'lib').symlink_to(venv / 'lib')
    shutil.copytree(venv / 'share/rosidl_generator_py', tmp_path / 'share/rosidl_generator_py')
    folder = tmp_path / 'share/rosidl_generator_py/cmake'
    file = folder / 'rosidl_generator_py_generate_interfaces.cmake'
    text = file.read_text()
    exported = 'target_include_directories(${_target_name_lib} PUBLIC '
    assert exported in text
    file.write_text(text.replace(exported, exported.replace('PUBLIC', 'PRIVATE')))
    script = (
        f'. scripts/build_environment.sh; cmake -S . -B "{tmp_path}/build" -DBUILD_TESTING=OFF '
        f'"-Drosidl_generator_py_DIR={folder}" "-DPython3_EXECUTABLE=$PWD/.venv/bin/python3"'
    )
    done = run(['bash', '-c', f'cd "{repository}"; {script}'])
    assert done.returncode == 0, done.stderr
