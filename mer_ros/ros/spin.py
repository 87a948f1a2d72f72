"""Runs one node as a process of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from mer_ros.ros import transport

if TYPE_CHECKING:
    from mer_ros.ros.node import EmotionNode


def run(make: Callable[[], EmotionNode], args: list[str] | None = None) -> int:
    """Run a node until SIGINT or SIGTERM; return the exit status of the process.

    Importing a node takes a second, in which Ctrl-C has to end the process as quietly as later:
    import it in ``make``.

    Args:
        make: imports and makes the node, after ROS is up.
        args: command line; None takes the process's own.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    transport.prepare()
    try:
        return _run(make, args)
    except KeyboardInterrupt:
        return 0


def _run(make: Callable[[], EmotionNode], args: list[str] | None) -> int:
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

    from mer_ros.ros.errors import NodeError

    node: EmotionNode | None = None
    try:
        _initialise(args)
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except NodeError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    finally:
        # A terminal's Ctrl-C and a launcher's SIGINT come one after the other.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if node is not None:
            node.release()
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _initialise(args: list[str] | None) -> None:
    import rclpy
    from rclpy.impl.implementation_singleton import rclpy_implementation

    from mer_ros.ros.errors import NodeError

    try:
        rclpy.init(args=args)
    except (
        rclpy_implementation.RCLError,
        rclpy_implementation.RCLInvalidROSArgsError,
        rclpy_implementation.UnknownROSArgsError,
    ) as error:
        reason = str(error).splitlines()[0].removeprefix('failed to initialize rcl: ')
        raise NodeError(f'ROS cannot start: {reason}') from error
