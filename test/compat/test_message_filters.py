"""The synchronizer matches as ros2/message_filters does, checked against its rule spelled out."""

from __future__ import annotations

import itertools
import threading
from inspect import signature
from types import SimpleNamespace
from typing import Any

import message_filters
import pytest
import rclpy
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from message_filters import (
    ApproximateTimeSynchronizer,
    SimpleFilter,
    Subscriber,
    TimeSynchronizer,
)
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

MS = 1_000_000

differs_from_the_real_one = pytest.mark.skipif(
    'Stands in' not in (message_filters.__doc__ or ''),
    reason='7.1 keeps its lock after an error, and looks the newcomer up without its offset',
)


def message(stamp_ns: int) -> Any:
    sec, nanosec = divmod(stamp_ns, 10**9)
    return SimpleNamespace(header=SimpleNamespace(stamp=Time(sec=sec, nanosec=nanosec)))


def stamp_ns(stamped: Any) -> int:
    return int(stamped.header.stamp.sec * 10**9 + stamped.header.stamp.nanosec)


def synchronize(
    inputs: list[tuple[int, int]], number: int = 2, queue_size: int = 10, slop: float = 0.1
) -> list[tuple[int, ...]]:
    """Feed (input, stamp in ms) in this order; return the stamps of the sets that come out."""
    filters = [SimpleFilter() for _ in range(number)]
    synchronizer = ApproximateTimeSynchronizer(filters, queue_size=queue_size, slop=slop)
    sets: list[tuple[int, ...]] = []
    synchronizer.registerCallback(lambda *got: sets.append(tuple(stamp_ns(m) // MS for m in got)))
    for index, stamp in inputs:
        filters[index].signalMessage(message(stamp * MS))
    return sets


def expected(
    inputs: list[tuple[int, int]], number: int, queue_size: int, slop_ms: int
) -> list[tuple[int, ...]]:
    """Do what ``synchronize`` does, by trying every set there is."""
    queues: list[dict[int, int]] = [{} for _ in range(number)]
    sets = []
    for order, (index, stamp) in enumerate(inputs):
        queues[index].setdefault(stamp, order)
        if len(queues[index]) > queue_size:
            del queues[index][min(queues[index])]
        others = [i for i in range(number) if i != index]
        best = min(
            (
                found
                for found in itertools.product(*queues)
                if found[index] == stamp and max(found) - min(found) < slop_ms
            ),
            key=lambda found: [(abs(found[i] - stamp), queues[i][found[i]]) for i in others],
            default=None,
        )
        if best is not None:
            sets.append(best)
            for queue, used in zip(queues, best, strict=True):
                del queue[used]
    return sets


@given(
    inputs=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60)), max_size=40),
    number=st.integers(2, 3),
    queue_size=st.integers(1, 6),
    slop_ms=st.integers(1, 15),
)
def test_sets_are_those_nearest_to_the_newcomer(
    inputs: list[tuple[int, int]], number: int, queue_size: int, slop_ms: int
) -> None:
    inputs = [(index % number, stamp) for index, stamp in inputs]
    found = synchronize(inputs, number, queue_size, slop_ms / 1000)
    assert found == expected(inputs, number, queue_size, slop_ms)


@given(
    inputs=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10_000)), max_size=60),
    queue_size=st.integers(1, 5),
)
def test_no_message_is_used_twice_and_no_set_exceeds_the_slop(
    inputs: list[tuple[int, int]], queue_size: int
) -> None:
    unique = list(dict.fromkeys(inputs))
    sets = synchronize(unique, queue_size=queue_size, slop=0.05)
    for column in zip(*sets, strict=True):
        assert len(set(column)) == len(column)
    assert all(max(found) - min(found) < 50 for found in sets)


def test_stamps_that_differ_by_exactly_the_slop_do_not_match() -> None:
    assert synchronize([(0, 0), (1, 100)], slop=0.1) == []
    assert synchronize([(0, 0), (1, 99)], slop=0.1) == [(0, 99)]


def test_a_full_queue_drops_the_oldest_by_stamp() -> None:
    assert synchronize([(0, 0), (0, 500), (1, 0)], queue_size=1) == []
    assert synchronize([(0, 500), (0, 0), (1, 500)], queue_size=1) == [(500, 500)]


def test_after_a_jump_back_nothing_matches_until_the_queues_are_cleared() -> None:
    filters = [SimpleFilter(), SimpleFilter()]
    synchronizer = ApproximateTimeSynchronizer(filters, queue_size=2, slop=0.1)
    sets: list[Any] = []
    synchronizer.registerCallback(lambda *got: sets.append(got))
    for index, stamp in [(0, 10), (1, 11), (0, 12), (1, 13), (0, 0), (1, 0), (0, 1), (1, 1)]:
        filters[index].signalMessage(message(stamp * 1000 * MS))
    assert sets == []
    with synchronizer.lock:
        for queue in synchronizer.queues:
            queue.clear()
    for index in (0, 1):
        filters[index].signalMessage(message(0))
    assert len(sets) == 1


def test_a_message_without_header_is_left_out_unless_allowed() -> None:
    for allowed, count in ((False, 0), (True, 1)):
        filters = [SimpleFilter(), SimpleFilter()]
        sets: list[Any] = []
        ApproximateTimeSynchronizer(
            filters, queue_size=5, slop=60.0, allow_headerless=allowed
        ).registerCallback(lambda *got, sets=sets: sets.append(got))
        filters[0].signalMessage(SimpleNamespace(data=1))
        filters[1].signalMessage(SimpleNamespace(data=2))
        assert len(sets) == count


@pytest.mark.skipif(
    'sync_arrival_time' not in signature(ApproximateTimeSynchronizer.__init__).parameters,
    reason='the message_filters of this distribution has no such argument',
)
def test_arrival_time_overrules_the_stamps_when_asked() -> None:
    filters = [SimpleFilter(), SimpleFilter()]
    sets: list[Any] = []
    ApproximateTimeSynchronizer(
        filters, queue_size=5, slop=60.0, sync_arrival_time=True
    ).registerCallback(lambda *got: sets.append(got))
    filters[0].signalMessage(message(0))
    filters[1].signalMessage(message(10**15))
    assert len(sets) == 1


@differs_from_the_real_one
def test_offsets_are_taken_off_the_stamps() -> None:
    filters = [SimpleFilter(), SimpleFilter()]
    sets: list[Any] = []
    ApproximateTimeSynchronizer(
        filters, queue_size=5, slop=0.01, queue_offset=[500 * MS, 0]
    ).registerCallback(lambda *got: sets.append(got))
    filters[1].signalMessage(message(0))
    filters[0].signalMessage(message(500 * MS))
    assert len(sets) == 1


@differs_from_the_real_one
def test_an_error_of_a_callback_leaves_the_lock_free() -> None:
    filters = [SimpleFilter(), SimpleFilter()]
    synchronizer = ApproximateTimeSynchronizer(filters, queue_size=5, slop=0.1)

    def fail(*_: Any) -> None:
        raise RuntimeError('callback')

    synchronizer.registerCallback(fail)
    filters[0].signalMessage(message(0))
    with pytest.raises(RuntimeError, match='callback'):
        filters[1].signalMessage(message(0))
    assert synchronizer.lock.acquire(timeout=1)


def test_exact_synchronizer_passes_equal_stamps_and_drops_what_is_older() -> None:
    filters = [SimpleFilter(), SimpleFilter()]
    synchronizer = TimeSynchronizer(filters, queue_size=10)
    sets: list[int] = []
    synchronizer.registerCallback(lambda a, _: sets.append(stamp_ns(a)))
    for index, stamp in [(0, 1), (0, 2), (1, 2), (1, 1), (0, 3), (1, 3)]:
        filters[index].signalMessage(message(stamp))
    assert sets == [2, 3]
    assert [list(queue) for queue in synchronizer.queues] == [[], []]


def test_callbacks_get_their_arguments_until_they_are_unregistered() -> None:
    source = SimpleFilter()
    got: list[tuple[Any, ...]] = []
    first = source.registerCallback(lambda *values: got.append(values), 'a')
    source.registerCallback(lambda *values: got.append(values), 'b')
    source.signalMessage(1)
    source.unregisterCallback(first)
    source.signalMessage(2)
    assert got == [(1, 'a'), (1, 'b'), (2, 'b')]


def test_a_lifecycle_node_receives_through_subscribers() -> None:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = LifecycleNode('synchronized', context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        subscribers = [
            Subscriber(node, Header, f'synchronized_{name}', qos_profile=10) for name in 'ab'
        ]
        assert subscribers[0].getTopic() == 'synchronized_a'
        assert subscribers[0].topic_name == '/synchronized_a'  # the subscription's own
        publishers = [
            rclpy.node.Node.create_publisher(node, Header, f'synchronized_{name}', 10)
            for name in 'ab'
        ]
        done = threading.Event()
        # A Header is no message with a header: its arrival counts.
        ApproximateTimeSynchronizer(
            subscribers, queue_size=5, slop=5.0, allow_headerless=True
        ).registerCallback(lambda *_: done.set())
        for _ in range(100):
            for publisher in publishers:
                publisher.publish(Header())
            executor.spin_once(timeout_sec=0.1)
            if done.is_set():
                break
        assert done.is_set()
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
