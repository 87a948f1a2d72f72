"""Runs one node as a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from mer_ros.ros import core_log, memory, transport

if TYPE_CHECKING:
    from mer_ros.ros.node import EmotionNode


def run(make: Callable[[], EmotionNode], args: list[str] | None = None) -> int:
    """Run a node until SIGINT or SIGTERM; return the exit status of the process.

    A signal never raises anything: extension modules that are just being imported would make an
    ImportError of it, and a terminal's Ctrl-C is followed by a launcher's SIGINT. It shuts ROS
    down, which ends the spinning; what comes before ROS is up looks at ``told``.

    Args:
        make: imports and makes the node, after ROS is up.
        args: command line; None takes the process's own.
    """
    told: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: told.append(number))
    # Who started this process may have let them wait until here (cli/processes.py).
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    memory.settle()
    transport.prepare()
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

    from mer_ros.ros.errors import NodeError

    node: EmotionNode | None = None
    try:
        _initialise(args)
        node = make()
        core_log.hand_on(node.get_logger())
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        if not told:
            executor.spin()
    except ExternalShutdownException:
        return 0
    except NodeError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except Exception:
        if rclpy.ok() and not told:
            raise
        # ROS was shut down under the node: what that breaks is no fault, unless one looks for it.
        if os.environ.get('MER_DEBUG') == '1':
            traceback.print_exc()
        return 0
    finally:
        if node is not None:
            node.release()
            node.destroy_node()
        rclpy.try_shutdown()
        for number in (signal.SIGINT, signal.SIGTERM):
            # The second of a terminal's and a launcher's would kill Python while it ends.
            signal.signal(number, signal.SIG_IGN)
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
