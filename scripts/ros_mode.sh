#!/usr/bin/env bash
# Prints what the build stands on: the distribution's name where one is sourced, else "wheels".
if [ -n "${ROS_DISTRO:-}" ]; then
  printf '%s\n' "$ROS_DISTRO"
else
  echo wheels
fi
