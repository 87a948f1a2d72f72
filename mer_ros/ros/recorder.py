"""Recording: every topic's messages, as they are on the wire, into a rosbag2 bag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2.errors import WriterError

from mer_ros.ros.bag_writer import BagWriter
from mer_ros.ros.counters import Faults
from mer_ros.ros.interfaces import Definitions, InterfaceError, message_class
from mer_ros.ros.message_info import with_arrival

POLL_S = 0.1
SAVE_S = 1.0
"""How much of a recording is lost at most when its process is killed."""

DEPTH = 200
"""Messages that may wait while the disk is slow; 6 s of images at 30 Hz."""

LEFT_OUT = ('emotion/debug_image', 'emotion/face/embeddings', 'emotion/audio/embeddings')
"""Unless asked for by name: the first is drawn only while someone subscribes, the others
identify people."""

FOREVER = QosTime(9223372036, 854775807)
"""How rosbag2 writes "no limit"."""


class Recorder:
    """Subscribes to topics as their publishers come up and writes what arrives."""

    def __init__(
        self, node: Node, path: Path, storage: str = 'mcap', topics: Collection[str] = ()
    ) -> None:
        """Make the bag and begin to look for topics.

        Args:
            node: what subscribes; the caller spins it.
            path: a folder that is made; it must not be there.
            storage: ``mcap`` or ``sqlite3``.
            topics: names to record, relative ones in the node's namespace; none means all but
                :data:`LEFT_OUT`.

        Raises:
            NodeError: the bag can't be made.
        """
        self._node = node
        self._faults = Faults(node.get_logger())
        self._wanted = {node.resolve_topic_name(topic) for topic in topics}
        self._definitions = Definitions()
        self._known: dict[str, str] = {}
        self._subscriptions: list[Any] = []
        self.counts: Counter[str] = Counter()
        self._bag = BagWriter(path, storage)
        if not self._bag.can_save:
            self._faults.note(
                'unsaved',
                'this version of rosbags writes when the recording ends only: end it with Ctrl-C',
            )
        # Not by the node's clock: set back, it would let nothing be looked for or saved until then.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timers = [
            node.create_timer(POLL_S, self.look_for_topics, clock=steady),
            node.create_timer(SAVE_S, self._save, clock=steady),
        ]
        self.look_for_topics()

    @property
    def failed(self) -> bool:
        """Whether the disk has refused a write; nothing is recorded any more, close says why."""
        return self._bag.failed

    def look_for_topics(self) -> None:
        """Subscribe to wanted topics that have publishers now and are not recorded yet."""
        for topic, types in self._node.get_topic_names_and_types():
            if self.failed:
                return
            if topic in self._known or '/_' in topic:
                continue
            if topic not in self._wanted if self._wanted else topic.endswith(LEFT_OUT):
                continue
            if not self._node.get_publishers_info_by_topic(topic):
                continue
            self._known[topic] = types[0]
            if len(types) > 1:
                self._faults.note('two_types', f'{topic} has several types: {", ".join(types)}')
            try:
                self._record(topic, types[0])
            except (InterfaceError, WriterError) as error:
                self._faults.note('not_recorded', f'{topic} is not recorded: {error}')

    def missing(self) -> list[str]:
        """Return the topics that were asked for and have had no publisher so far."""
        return sorted(self._wanted - set(self._known))

    def silent(self) -> list[str]:
        """Return the topics that have a publisher but brought no message so far."""
        return sorted(set(self._known) - set(self.counts))

    def close(self) -> None:
        """End the recording and write the closing metadata.

        Raises:
            NodeError: that or an earlier write has failed; the message says how much is kept.
        """
        self._stop()
        self._bag.close()

    def discard(self) -> None:
        """Remove the bag, once it is closed: without a message it is only in the way.

        Raises:
            NodeError: the disk refuses it.
        """
        self._bag.discard()

    def _stop(self) -> None:
        """Take nothing more."""
        for timer in self._timers:
            timer.cancel()
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())

    def _save(self) -> None:
        self._bag.save()
        if self.failed:
            self._stop()

    def _record(self, topic: str, type_name: str) -> None:
        offered = [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic)]
        self._definitions.add(type_name)
        connection = self._bag.add(
            topic,
            type_name,
            self._definitions.typestore,
            [_to_bag(profile) for profile in offered],
        )
        if connection is None:
            self._stop()
            return
        write = with_arrival(
            partial(self._write, connection), lambda: self._node.get_clock().now().nanoseconds
        )
        self._subscriptions.append(
            self._node.create_subscription(
                message_class(type_name), topic, write, adopt(offered), raw=True
            )
        )
        self._node.get_logger().info(f'recording {topic} [{type_name}]')

    def _write(self, connection: Connection, data: bytes, stamp_ns: int) -> None:
        """Write one message at the time when it arrived."""
        if self._bag.write(connection, stamp_ns, data):
            self.counts[connection.topic] += 1
        else:
            self._stop()


def adopt(offered: list[QoSProfile]) -> QoSProfile:
    """Return the strictest profile that matches every publisher, as `ros2 bag record` does."""
    reliable = all(each.reliability == ReliabilityPolicy.RELIABLE for each in offered)
    latched = all(each.durability == DurabilityPolicy.TRANSIENT_LOCAL for each in offered)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _to_bag(profile: QoSProfile) -> Qos:
    """Return a publisher's profile as a bag keeps it; its history does not go over the wire."""
    return Qos(
        QosHistory(int(profile.history)),
        profile.depth,
        QosReliability(int(profile.reliability)),
        QosDurability(int(profile.durability)),
        FOREVER,
        FOREVER,
        QosLiveliness(int(profile.liveliness)),
        FOREVER,
        False,
    )
