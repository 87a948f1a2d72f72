"""Make the ROS 2 wheels of this virtual environment usable as an underlay of ``colcon build``.

Two things lack in them: their CMake files name directories of the machine that built them, and
there is no ``local_setup`` file that a workspace built on top could source.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

FOREIGN_NUMPY = re.compile(r'/opt/python/[^;"]*?/site-packages/numpy/_core/include')
FOREIGN_PYTHON = re.compile(r'/opt/python/[^;"]*?/include/python3\.\d+')

LOCAL_SETUP = """\
# Written by scripts/adapt_ros_wheels.py: ROS 2 from PyPI as an underlay of colcon workspaces.
_mer_prefix="{prefix}"
_mer_prepend() {{
  eval "_mer_value=\\"\\${{$1:-}}\\""
  case ":$_mer_value:" in
    *":$2:"*) ;;
    *) eval "export $1=\\"\\$2\\${{_mer_value:+:\\$_mer_value}}\\"" ;;
  esac
}}
for _mer_libraries in "$_mer_prefix"/lib/python*/site-packages/ros_*.libs; do
  _mer_prepend LD_LIBRARY_PATH "$_mer_libraries"
done
_mer_prepend LD_LIBRARY_PATH "$_mer_prefix/lib"
_mer_prepend AMENT_PREFIX_PATH "$_mer_prefix"
_mer_prepend CMAKE_PREFIX_PATH "$_mer_prefix"
_mer_prepend PATH "$_mer_prefix/bin"
unset -f _mer_prepend
unset _mer_prefix _mer_value _mer_libraries
"""


def replace_foreign_paths(prefix: Path) -> int:
    """Point the CMake files under ``prefix`` at this Python and this NumPy; return how many."""
    python_include = sysconfig.get_path('include')
    changed = 0
    for file in prefix.glob('share/*/cmake/*.cmake'):
        text = file.read_text()
        if '/opt/python/' not in text:
            continue
        text = FOREIGN_NUMPY.sub(lambda _: np.get_include(), text)
        text = FOREIGN_PYTHON.sub(lambda _: python_include, text)
        file.write_text(text)
        changed += 1
    return changed


def write_local_setup(prefix: Path) -> None:
    """Write the files that ``install/setup.*`` of a workspace sources from its underlay."""
    for shell in ('sh', 'bash', 'zsh'):
        (prefix / f'local_setup.{shell}').write_text(LOCAL_SETUP.format(prefix=prefix))


def main() -> None:
    """Adapt the environment that runs this script."""
    prefix = Path(sys.prefix)
    if prefix == Path(sys.base_prefix):
        sys.exit('adapt_ros_wheels.py: run it with the Python of the virtual environment')
    replace_foreign_paths(prefix)
    write_local_setup(prefix)


if __name__ == '__main__':
    main()
