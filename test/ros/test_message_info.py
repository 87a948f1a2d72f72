from __future__ import annotations

import time
from typing import Any

import pytest

rclpy = pytest.importorskip('rclpy', reason='no rclpy: run `make build` first')

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.subscription import Subscription  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from mer_ros.ros.message_info import with_arrival  # noqa: E402

MARK_NS = 42


class Older:
    """A class of subscriptions as Humble has it: without CallbackType."""


@pytest.mark.parametrize('kind', [Subscription, Older])
@pytest.mark.parametrize('raw', [False, True])
def test_a_message_comes_with_the_time_of_its_arrival(domain: int, kind: type, raw: bool) -> None:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node('listener', namespace=f'/{kind.__name__}_{raw}', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    taken: list[tuple[Any, int]] = []
    callback = with_arrival(lambda *each: taken.append(each), lambda: MARK_NS, kind)
    node.create_subscription(String, 'words', callback, 10, raw=raw)
    publisher = node.create_publisher(String, 'words', 10)
    begun = time.time_ns()
    end = time.monotonic() + 20
    while not taken and time.monotonic() < end:
        publisher.publish(String(data='hello'))
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()
    message, arrived_ns = taken[0]
    assert isinstance(message, bytes) if raw else message.data == 'hello'
    if hasattr(kind, 'CallbackType'):
        assert begun <= arrived_ns <= time.time_ns()
    else:
        assert arrived_ns == MARK_NS


def test_the_clock_stands_in_where_the_middleware_does_not_know() -> None:
    taken: list[tuple[Any, int]] = []
    callback = with_arrival(lambda *each: taken.append(each), lambda: MARK_NS)
    if hasattr(Subscription, 'CallbackType'):
        callback('message', {'received_timestamp': 0})
    else:
        callback('message')
    assert taken == [('message', MARK_NS)]
