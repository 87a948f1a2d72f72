"""Sets of messages with equal, or nearly equal, stamps. Stands in for message_filters' own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any

from rclpy.clock import ROSClock
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time

from message_filters.simple_filter import SimpleFilter

Queue = dict[int, Any]
"""Messages by stamp in nanoseconds, in the order of their arrival."""


def _stamp_ns(stamp: Any) -> int:
    """Return nanoseconds of a ``builtin_interfaces/Time`` or an ``rclpy.time.Time``."""
    if hasattr(stamp, 'nanoseconds'):
        return int(stamp.nanoseconds)
    return int(Time.from_msg(stamp).nanoseconds)


def _keep_newest(queue: Queue, size: int) -> None:
    """Drop the oldest by stamp (not by arrival) until ``size`` are left."""
    while len(queue) > size:
        del queue[min(queue)]


class TimeSynchronizer(SimpleFilter):
    """Passes on sets of messages with equal stamps, one message from each input.

    Args:
        fs: the input filters.
        queue_size: how many messages of each input wait for their set.
    """

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int) -> None:
        super().__init__()
        self.queue_size = queue_size
        self.lock = threading.Lock()
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[SimpleFilter]) -> None:
        """Listen to these filters, with empty queues."""
        self.queues: list[Queue] = [{} for _ in fs]
        self.input_connections = [
            source.registerCallback(self.add, queue, index)
            for index, (source, queue) in enumerate(zip(fs, self.queues, strict=True))
        ]

    def add(self, msg: Any, my_queue: Queue, my_queue_index: int | None = None) -> None:
        """Take a message of one input; what is older than the set it completes is dropped."""
        with self.lock:
            my_queue[_stamp_ns(msg.header.stamp)] = msg
            _keep_newest(my_queue, self.queue_size)
            complete = set.intersection(*(set(queue) for queue in self.queues))
            if not complete:
                return
            stamp = min(complete)
            self.signalMessage(*(queue[stamp] for queue in self.queues))
            for queue in self.queues:
                for old in [key for key in queue if key <= stamp]:
                    del queue[old]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Passes on sets of messages whose stamps differ by less than ``slop``.

    A new message is matched with those of the other inputs that are nearest to it in time.

    Args:
        fs: the input filters.
        queue_size: how many messages of each input wait for their set.
        slop: seconds; the stamps of a set differ by less than this, never by as much.
        queue_offset: nanoseconds to take off the stamps of each input, or False.
        allow_headerless: give messages without a header the system clock's time, where they
            would be refused with a warning.
        sync_arrival_time: go by the system clock's time for every message.
    """

    def __init__(
        self,
        fs: Sequence[SimpleFilter],
        queue_size: int,
        slop: float,
        queue_offset: Sequence[int] | bool = False,
        allow_headerless: bool = False,
        sync_arrival_time: bool = False,
    ) -> None:
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.queue_offset = queue_offset
        self.allow_headerless = allow_headerless
        self.sync_arrival_time = sync_arrival_time

    def add(self, msg: Any, my_queue: Queue, my_queue_index: int | None = None) -> None:
        """Take a message of one input and pass on the set that it completes, if any."""
        stamp = self._time_of(msg)
        if stamp is None:
            get_logger('message_filters_approx').warning(
                f'a {type(msg).__name__} has no header.stamp and is left out: '
                'construct the synchronizer with allow_headerless=True to take it'
            )
            return
        if self.queue_offset and my_queue_index is not None:
            stamp -= self.queue_offset[my_queue_index]  # type: ignore[index]
        with self.lock:
            my_queue[stamp] = msg
            _keep_newest(my_queue, self.queue_size)
            stamps = self._match(stamp, my_queue_index)
            if stamps is None:
                return
            matched = list(zip(self.queues, stamps, strict=True))
            self.signalMessage(*(queue[key] for queue, key in matched))
            for queue, key in matched:
                del queue[key]

    def _time_of(self, msg: Any) -> int | None:
        """Return the time to go by for a message, in nanoseconds; None: it has none."""
        stamp = getattr(getattr(msg, 'header', None), 'stamp', None)
        if self.sync_arrival_time or (stamp is None and self.allow_headerless):
            return int(ROSClock().now().nanoseconds)
        return None if stamp is None else _stamp_ns(stamp)

    def _match(self, stamp: int, index: int | None) -> tuple[int, ...] | None:
        """Return one stamp of each queue, that of queue ``index`` being ``stamp``; None: no set.

        Of the sets within the slop the first counts, trying each queue's stamps from the nearest
        on, those of later queues first; equally near ones in the order of their arrival.
        """
        slop = self.slop.nanoseconds
        candidates: list[list[int]] = []
        for number, queue in enumerate(self.queues):
            if number == index:
                candidates.append([stamp] if stamp in queue else [])
            else:
                near = [key for key in queue if abs(key - stamp) <= slop]
                candidates.append(sorted(near, key=lambda key: abs(key - stamp)))
        for stamps in itertools.product(*candidates):
            if max(stamps) - min(stamps) < slop:
                return stamps
        return None
