"""Record topics into a standard rosbag2 bag; Ctrl-C ends it, `ros2 bag play` can play it.

What is recorded is saved once a second. A disk that takes no more ends the recording.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from mer_ros.cli import ros_names
from mer_ros.cli.errors import CommandError
from mer_ros.cli.number_arguments import positive
from mer_ros.cli.stopping import Stop

NODE = 'mer_record'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('-o', '--output', type=Path, required=True, metavar='BAG', help='a folder')
    parser.add_argument(
        'topics',
        nargs='*',
        help='what to record (default: all but the debug image and the embeddings of faces and '
        'voices)',
    )
    parser.add_argument(
        '-s', '--storage', choices=('mcap', 'sqlite3'), default='mcap', help='default: mcap'
    )
    parser.add_argument('--duration', type=positive, metavar='S', help='stop after so many seconds')
    parser.add_argument('--namespace', default='', help='namespace of relative topic names')


def run(args: argparse.Namespace) -> int:
    """Record until Ctrl-C.

    Returns:
        0, or 1 when nothing was recorded (no bag is left then) or a topic had no publisher.

    Raises:
        UsageError: a name is none that ROS allows.
        CommandError: the bag is there already.
        NodeError: the bag cannot be made or written.
    """
    if args.output.exists():
        raise CommandError(f'{args.output} is there already: choose another name or remove it')
    from mer_ros.ros import transport

    transport.prepare(os.environ)
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    from mer_ros.ros.recorder import Recorder

    namespace = ros_names.namespace(args.namespace)
    ros_names.check_topics(args.topics, NODE, namespace)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(NODE, namespace=namespace, enable_rosout=False)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        with Stop() as stop:
            recorder = Recorder(node, args.output, args.storage, args.topics)
            end = time.monotonic() + args.duration if args.duration else float('inf')
            while not (stop.asked or recorder.failed) and time.monotonic() < end:
                executor.spin_once(timeout_sec=0.1)
            missing, silent = recorder.missing(), recorder.silent()
            recorder.close()
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown()
    for topic, count in sorted(recorder.counts.items()):
        print(f'{count:8d}  {topic}')
    if recorder.counts:
        print(f'mer record: {sum(recorder.counts.values())} messages in {args.output}')
    if missing:
        print(f'mer record: nobody published {", ".join(missing)}', file=sys.stderr)
    if silent and (args.topics or not recorder.counts):
        print(f'mer record: nothing arrived on {", ".join(silent)}', file=sys.stderr)
    if not recorder.counts:
        recorder.discard()
        print(f'mer record: nothing was recorded: {args.output} is removed again', file=sys.stderr)
    return 0 if recorder.counts and not missing else 1
