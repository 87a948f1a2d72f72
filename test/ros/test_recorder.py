"""The recorder keeps its own time, whatever the clock of its node does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String

from mer_ros.ros.recorder import Recorder


def test_topics_are_found_and_saved_while_the_clock_stands_still(graph: Any, tmp_path: Any) -> None:
    # What a wall clock that was set back by an hour does to a timer, this does for good.
    still = [Parameter('use_sim_time', value=True)]
    node = Node(
        'still', namespace=graph.namespace, use_global_arguments=False, parameter_overrides=still
    )
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin_until(done: Callable[[], Any]) -> bool:
        deadline = time.monotonic() + 20.0
        while not done() and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.1)
        return bool(done())

    def on_disk() -> int:
        return sum(each.stat().st_size for each in (tmp_path / 'bag').iterdir())

    recorder = Recorder(node, tmp_path / 'bag', 'sqlite3', ['words'])
    publisher = graph.publisher(String, 'words')
    assert spin_until(publisher.get_subscription_count)
    before = on_disk()
    for _ in range(200):
        publisher.publish(String(data='x' * 1000))
    assert spin_until(lambda: sum(recorder.counts.values()) == 200)
    assert spin_until(lambda: on_disk() > before + 100_000)
    recorder.close()
    executor.shutdown()
    node.destroy_node()
