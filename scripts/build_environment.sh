# Sourced by the build scripts, in the root of the checkout: the environment that colcon needs.
if [ "$(scripts/ros_mode.sh)" = wheels ]; then
  # Nothing of another workspace: the build would be chained to it for good.
  unset AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH PYTHONPATH LD_LIBRARY_PATH
  unset _ROS_WHEELS_BOOTSTRAP_COMPLETE
  . "$PWD/.venv/local_setup.bash"
fi
export PATH="$PWD/.venv/bin:$PATH"
