#!/usr/bin/env bash
# Builds a workspace of its own, beside the one of this checkout, if it changed since the last time.
#
# Usage: build_other_workspace.sh SOURCES BASE   (results in BASE/install)
set -eo pipefail
sources=$1
base=$2
cd "$(dirname "${BASH_SOURCE[0]}")/.."

built=$base/.built
if [ -e "$built" ] && [ -z "$(find "$sources" CMakeLists.txt .venv/.made -newer "$built" -print -quit)" ]; then
  exit 0
fi
. scripts/build_environment.sh
mkdir -p "$base"
colcon --log-base "$base/log" build --base-paths "$sources" \
  --build-base "$base/build" --install-base "$base/install" \
  --cmake-args -DBUILD_TESTING=OFF "-DPython3_EXECUTABLE=$PWD/.venv/bin/python3" < /dev/null
touch "$built"
