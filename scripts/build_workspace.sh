#!/usr/bin/env bash
# Builds mer_ros, and the stand-ins of compat/ that nothing else brings, into build/ and install/.
#
# Python files are linked, not copied: an edit needs no new build, a new file does.
set -eo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$PWD/.venv
# One at a time: two makes at once would write over each other.
mkdir -p build
exec 9> build/.lock
flock 9

. scripts/build_environment.sh

paths=(.)
for package in compat/*/; do
  name=$(basename "$package")
  found=
  IFS=: read -ra prefixes <<< "$AMENT_PREFIX_PATH"
  for prefix in "${prefixes[@]}"; do
    case $prefix in "$PWD"/install/*) continue ;; esac
    [ ! -e "$prefix/share/$name/package.xml" ] || found=yes
  done
  [ -n "$found" ] || paths+=("$package")
done

# Links to files that are gone.
[ ! -d install ] || find install -xtype l -delete

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "mer_ros: building ${paths[*]}"
if ! colcon --log-base build/log build --base-paths "${paths[@]}" --symlink-install \
    --event-handlers console_cohesion- console_direct- \
    --cmake-args -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=Release \
    "-DPython3_EXECUTABLE=$venv/bin/python3" > "$log" 2>&1 < /dev/null; then
  cat "$log" >&2
  for file in build/log/latest_build/*/stderr.log; do [ ! -s "$file" ] || { echo "== $file"; cat "$file"; } >&2; done
  exit 1
fi
