"""Play a rosbag2 bag at its own pace: ours or one of `ros2 bag`, MCAP or sqlite3.

Stamps stay as they were recorded. Recorded results (emotion/*) and what the nodes said about
themselves (/diagnostics, /rosout) are left out unless --all is given, so that nodes that run now
can be watched on old input.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mer_ros.cli.errors import CommandError
from mer_ros.cli.number_arguments import not_negative, within
from mer_ros.cli.stopping import Stop

if TYPE_CHECKING:
    from mer_ros.ros.player import Player

SILENCE_S = 2.0
"""A longer wait for the first message is announced."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('bag', type=Path, metavar='BAG', help='its folder, or one .mcap or .db3')
    parser.add_argument('--rate', type=within(0.01, 1000), default=1.0, help='speed (default: 1.0)')
    parser.add_argument('--loop', action='store_true', help='begin again at the end')
    parser.add_argument(
        '--clock', action='store_true', help='publish /clock in the time of the bag'
    )
    parser.add_argument('--topics', nargs='+', default=[], metavar='TOPIC', help='only these')
    parser.add_argument('--all', action='store_true', help='recorded results as well')
    parser.add_argument(
        '--wait',
        type=not_negative,
        default=3.0,
        metavar='S',
        help='wait so long for a subscriber at most before the first message (default: 3)',
    )


def run(args: argparse.Namespace) -> int:
    """Play until the end or Ctrl-C."""
    if not args.bag.exists():
        raise CommandError(f'{args.bag}: no such bag')
    from mer_ros.ros import transport

    transport.prepare(os.environ)
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from mer_ros.ros.player import Playback, Player

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('mer_replay', enable_rosout=False)
    try:
        with Stop() as stop:
            playback = Playback(args.rate, args.loop, args.clock, tuple(args.topics), args.all)
            player = Player(node, args.bag, playback)
            _await_subscribers(player, args.wait, stop)
            print(
                f'mer replay: {args.bag}, {player.duration_s:.1f} s at rate {args.rate:g}, '
                f'{player.subscribers()} subscriptions',
                file=sys.stderr,
            )
            # Topics may have been left out, and a damaged bag may say that it began years before.
            if player.silence_s / args.rate > SILENCE_S:
                print(
                    'mer replay: the first message comes '
                    f'{player.silence_s / args.rate:.0f} s from now',
                    file=sys.stderr,
                )
            player.play(lambda: not stop.asked)
            if not stop.asked:
                player.await_delivery()
            player.close()
    finally:
        node.destroy_node()
        rclpy.shutdown()
    for topic, count in sorted(player.counts.items()):
        print(f'{count:8d}  {topic}')
    return 0


def _await_subscribers(player: Player, seconds: float, stop: Stop) -> None:
    """Wait until subscriptions are there and their number has been the same for half a second."""
    end = time.monotonic() + seconds
    before, since = 0, time.monotonic()
    while time.monotonic() < end and not stop.asked:
        now = player.subscribers()
        if now != before:
            before, since = now, time.monotonic()
        if now and time.monotonic() - since > 0.5:
            return
        time.sleep(0.05)
