#!/usr/bin/env bash
# Sees to the system packages that pip can't bring; with apt and root they are installed.
#
# Usage: system_packages.sh PYTHON
set -euo pipefail
python=$1

needed=() wanted=()
command -v c++ > /dev/null || needed+=(build-essential)
"$python" -c 'import ensurepip' 2> /dev/null || needed+=(python3-venv)
"$python" -c '
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
' || needed+=(python3-dev)
"$python" -c '
import ctypes.util, sys
sys.exit(ctypes.util.find_library("portaudio") is None)
' || wanted+=(libportaudio2)
command -v espeak-ng > /dev/null || wanted+=(espeak-ng)

missing=("${needed[@]}" "${wanted[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

if command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
  echo "mer_ros: installing ${missing[*]} with apt-get"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  install() { apt-get install -y -q --no-install-recommends "${missing[@]}" > "$log" 2>&1 < /dev/null; }
  if install || { apt-get update -q > "$log" 2>&1 && install; }; then
    exit 0
  fi
  tail -n 5 "$log" >&2
fi
if [ ${#needed[@]} -gt 0 ]; then
  echo "mer_ros: ${needed[*]} missing: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "mer_ros: going on without ${wanted[*]} (microphone, the demo's speech): sudo apt-get install ${wanted[*]}" >&2
