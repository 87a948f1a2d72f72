"""What the core logs comes out of the node's own log, and so on /rosout."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
import rclpy
from rcl_interfaces.msg import Log
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile

from mer_ros.ros import core_log


@pytest.fixture
def core() -> Iterator[logging.Logger]:
    logger = logging.getLogger('mer_ros')
    before = logger.level, logger.handlers[:]
    yield logger
    logger.setLevel(before[0])
    logger.handlers[:] = before[1]


def test_lines_of_the_core_are_lines_of_the_node(core: logging.Logger) -> None:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('core_log', context=context)
    ear = rclpy.create_node('ear', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(ear)
    heard: list[Log] = []
    ear.create_subscription(Log, '/rosout', heard.append, QoSProfile(depth=100))
    core_log.hand_on(node.get_logger())
    log = logging.getLogger('mer_ros.models.download')
    levels = {10: 'debug', 20: 'info', 30: 'warning', 40: 'error'}
    end = time.monotonic() + 10
    try:
        while time.monotonic() < end and len({line.level for line in heard}) < 3:
            for level, word in levels.items():
                log.log(level, 'attempt %d: %s', level, word)
            executor.spin_once(timeout_sec=0.1)
    finally:
        executor.shutdown()
        node.destroy_node()
        ear.destroy_node()
        rclpy.shutdown(context=context)
    ours = {(line.level, line.msg) for line in heard if line.name == 'core_log'}
    assert ours == {(n, f'attempt {n}: {levels[n]}') for n in (20, 30, 40)}
