"""Runs one node as a process of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation

from mer_ros.ros import transport
from mer_ros.ros.errors import NodeError
from mer_ros.ros.node import EmotionNode

INVALID_ARGUMENTS = (
    rclpy_implementation.RCLInvalidROSArgsError,
    rclpy_implementation.UnknownROSArgsError,
)


def run(make: Callable[[], EmotionNode], args: list[str] | None = None) -> int:
    """Run a node until SIGINT or SIGTERM; return the exit status of the process.

    Args:
        make: makes the node, after ROS is up.
        args: command line; None takes the process's own.
    """
    transport.prepare()
    node: EmotionNode | None = None
    status = 0
    try:
        rclpy.init(args=args)
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        status = 0
    except (NodeError, *INVALID_ARGUMENTS) as error:
        print(f'error: {error}', file=sys.stderr)
        status = 1
    finally:
        # A terminal's Ctrl-C and a launcher's SIGINT come one after the other.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if node is not None:
            node.release()
            node.destroy_node()
        rclpy.try_shutdown()
    return status
