"""Replaying: a bag's messages as they are, at the bag's pace, with /clock when asked for."""

from __future__ import annotations

import heapq
import re
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Connection, ConnectionExtRosbag2, QosDurability, QosReliability
from rosbags.rosbag2 import Reader
from rosgraph_msgs.msg import Clock

from mer_ros.ros import bag_files
from mer_ros.ros.errors import NodeError
from mer_ros.ros.interfaces import InterfaceError, message_class

CLOCK_PERIOD_NS = 10_000_000
DEPTH = 100
NAP_S = 0.05
"""The longest sleep before asking whether to stop."""
DELIVERY_S = 0.5
DELIVERY_LIMIT_S = 3.0
"""How long a subscriber that acknowledges nothing can hold up the end."""

RESULTS = re.compile(r'(^|/)emotion/')
OF_THE_NODES = re.compile(r'(^|/)(diagnostics|rosout|parameter_events|transition_event)$')
CLOCK_TOPIC = '/clock'


@dataclass(frozen=True)
class Playback:
    """How a bag is played.

    Attributes:
        rate: bag seconds a second.
        loop: begin again at the end; stamps and /clock then jump back.
        clock: publish /clock in the bag's time, at 100 Hz of it.
        topics: only these; empty means all but recorded results and the nodes' own talk.
        everything: play those, too.
    """

    rate: float = 1.0
    loop: bool = False
    clock: bool = False
    topics: tuple[str, ...] = ()
    everything: bool = False

    def plays(self, topic: str) -> bool:
        """Return whether a recorded topic is played."""
        if self.topics:
            return topic in self.topics or topic.lstrip('/') in self.topics
        if self.clock and topic == CLOCK_TOPIC:
            return False
        return self.everything or not (RESULTS.search(topic) or OF_THE_NODES.search(topic))


class Player:
    """Publishes a bag's messages without looking into them."""

    def __init__(self, node: Node, path: Path, playback: Playback) -> None:
        """Open the bag and make the publishers.

        Raises:
            NodeError: it is no bag, can't be read, or has nothing to play.
        """
        self._node = node
        self._playback = playback
        self.counts: Counter[str] = Counter()
        try:
            bag_files.roll_back(path)
            self._reader = Reader(path)
            self._reader.open()
        except Exception as error:  # a damaged file fails in any of a dozen ways
            raise NodeError(
                f'{path.absolute()} cannot be read as a rosbag2 bag: {bag_files.fault(path, error)}'
            ) from error
        self._publishers: dict[int, Any] = {}
        self._connections: list[Connection] = []
        self._first_ns = 0
        for connection in self._reader.connections:
            if playback.plays(connection.topic):
                self._advertise(connection)
        try:
            self._refuse_nothing()
        except NodeError:
            self._reader.close()
            raise
        self._clock = node.create_publisher(Clock, CLOCK_TOPIC, 10) if playback.clock else None

    @property
    def duration_s(self) -> float:
        """Return how long the bag is, in its own seconds."""
        return float(self._reader.duration) * 1e-9

    @property
    def silence_s(self) -> float:
        """Return how long after the bag's start the first message comes, in its own seconds."""
        return float(self._first_ns - self._reader.start_time) * 1e-9

    def subscribers(self) -> int:
        """Return how many subscriptions there are to what is played."""
        return sum(int(each.get_subscription_count()) for each in self._publishers.values())

    def play(self, running: Callable[[], bool]) -> None:
        """Play to the end, or while ``running()``.

        Raises:
            NodeError: the bag turns out to be damaged.
        """
        while running():
            before = sum(self.counts.values())
            self._play_once(running)
            # What had messages has none any more; a loop over nothing would spin.
            if running() and sum(self.counts.values()) == before:
                raise NodeError(f'{self._reader.path} gives no more messages; is it still there?')
            if not self._playback.loop:
                return

    def await_delivery(self) -> None:
        """Wait until reliable subscribers have everything, and best-effort ones had the time.

        The last messages are still on their way when the publishers go.
        """
        end = time.monotonic() + DELIVERY_LIMIT_S
        time.sleep(DELIVERY_S)
        for publisher in self._publishers.values():
            left = max(0.0, end - time.monotonic())
            publisher.wait_for_all_acked(Duration(seconds=left))

    def close(self) -> None:
        """Close the bag."""
        self._reader.close()

    def _advertise(self, connection: Connection) -> None:
        try:
            kind = message_class(connection.msgtype)
            publisher = self._node.create_publisher(kind, connection.topic, offered(connection))
        except InterfaceError as error:
            self._node.get_logger().warning(f'{connection.topic} is not played: {error}')
        except Exception as error:  # noqa: BLE001 - a damaged bag's names can be anything; told
            self._node.get_logger().warning(
                f'{connection.topic!r} is not played, the bag is damaged: {bag_files.words(error)}'
            )
        else:
            self._publishers[connection.id] = publisher
            self._connections.append(connection)

    def _refuse_nothing(self) -> None:
        """Raise NodeError when there is nothing to play, and say what would help."""
        path, playback = self._reader.path, self._playback
        topics = sorted({each.topic for each in self._reader.connections})
        held = f'it holds {", ".join(topics)}' if topics else 'it holds no topics'
        chosen = playback.everything or playback.topics
        left_out = not chosen and not all(playback.plays(each) for each in topics)
        more = '; --all plays recorded results as well' if left_out else ''
        if not self._connections:
            raise NodeError(f'{path} has nothing to play; {held}{more}')
        messages = self._messages()
        with closing(messages):
            first = next(messages, None)
            if first is None:
                wanted = ', '.join(sorted({each.topic for each in self._connections}))
                raise NodeError(
                    f'{path} has no messages to play on {wanted}{more or "; record it again"}'
                )
            self._first_ns = first[1]

    def _play_once(self, running: Callable[[], bool]) -> None:
        start_ns = self._reader.start_time
        begun = time.monotonic()
        for stamp_ns, connection, data in self._events(start_ns):
            due = begun + (stamp_ns - start_ns) * 1e-9 / self._playback.rate
            if not _sleep_until(due, running):
                return
            if connection is None:
                self._publish_clock(stamp_ns)
            else:
                self._publishers[connection.id].publish(data)
                self.counts[connection.topic] += 1

    def _events(self, start_ns: int) -> Iterator[tuple[int, Connection | None, bytes]]:
        """Yield messages, and ticks of the clock as (stamp, None, b''), in order of bag time."""
        messages = (
            (stamp_ns, 1, connection, data) for connection, stamp_ns, data in self._messages()
        )
        if self._clock is None:
            yield from ((stamp, connection, data) for stamp, _, connection, data in messages)
            return
        end_ns = self._reader.end_time
        ticks = ((stamp, 0, None, b'') for stamp in range(start_ns, end_ns, CLOCK_PERIOD_NS))
        merged = heapq.merge(ticks, messages, key=lambda event: event[:2])
        yield from ((stamp, connection, data) for stamp, _, connection, data in merged)

    def _messages(self) -> Generator[tuple[Connection, int, bytes], None, None]:
        try:
            for connection, stamp_ns, data in self._reader.messages(self._connections):
                yield connection, int(stamp_ns), bytes(data)
        except Exception as error:  # a damaged file fails in any of a dozen ways
            path = Path(str(self._reader.path))
            raise NodeError(
                f'the bag {path} is damaged: {bag_files.words(error)}; {bag_files.mend(path)}'
            ) from error

    def _publish_clock(self, stamp_ns: int) -> None:
        if self._clock is not None:
            seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
            self._clock.publish(Clock(clock=Time(sec=seconds, nanosec=nanoseconds)))


def offered(connection: Connection) -> QoSProfile:
    """Return the profile to publish with: as the recorded publishers did."""
    profiles: Sequence[Any] = ()
    if isinstance(connection.ext, ConnectionExtRosbag2):
        profiles = connection.ext.offered_qos_profiles
    best_effort = any(each.reliability == QosReliability.BEST_EFFORT for each in profiles)
    latched = bool(profiles) and all(
        each.durability == QosDurability.TRANSIENT_LOCAL for each in profiles
    )
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=DEPTH,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _sleep_until(due: float, running: Callable[[], bool]) -> bool:
    """Sleep until a moment of the steady clock; return False when told to stop meanwhile."""
    while (left := due - time.monotonic()) > 0:
        if not running():
            return False
        time.sleep(min(left, NAP_S))
    return running()
