"""Nodes run in this process, each spun by a thread of its own, over the real middleware."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

rclpy = pytest.importorskip('rclpy', reason='no rclpy: run `make build` first')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rcl_interfaces.msg import Log  # noqa: E402
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402

from mer_ros.ros import transport  # noqa: E402
from mer_ros.ros.node import EmotionNode, State  # noqa: E402

TIMEOUT_S = 20.0
"""Until a test gives up; nothing takes a tenth of it on an idle machine."""

_number = itertools.count()


@pytest.fixture(scope='session')
def domain() -> int:
    """Return a ROS domain of this test session's own (0..101 are safe on Linux)."""
    return 1 + os.getpid() % 100


@pytest.fixture(scope='session')
def ros(domain: int) -> Iterator[None]:
    """Start ROS in this process."""
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    transport.prepare()
    rclpy.init()
    yield
    rclpy.try_shutdown()


class Spinner:
    """Spins one node on a thread."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def stop(self) -> None:
        self._executor.shutdown()
        self._thread.join(TIMEOUT_S)
        if isinstance(self.node, EmotionNode):
            self.node.release()
        self.node.destroy_node()


class Graph:
    """A namespace of its own, with a probe that publishes, listens and calls."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._spinners: list[Spinner] = []
        self.probe = Node('probe', namespace=namespace, use_global_arguments=False)
        self.statuses: list[Any] = []
        self.logs: list[Any] = []
        self.probe.create_subscription(DiagnosticArray, '/diagnostics', self._diagnosed, 100)
        rosout = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.probe.create_subscription(Log, '/rosout', self._logged, rosout)
        self._spinners.append(Spinner(self.probe))

    def _diagnosed(self, message: Any) -> None:
        mine = self.namespace.lstrip('/')
        self.statuses += [each for each in message.status if each.name.startswith(f'{mine}/')]

    def _logged(self, message: Any) -> None:
        if message.name.startswith(self.namespace.lstrip('/')):
            self.logs.append(message)

    def start(self, make: Callable[..., EmotionNode], **parameters: Any) -> EmotionNode:
        """Run a node; wait until it is active unless it was told not to start."""
        node = make(
            namespace=self.namespace,
            use_global_arguments=False,
            parameter_overrides=[Parameter(name, value=v) for name, v in parameters.items()],
        )
        self._spinners.append(Spinner(node))
        if parameters.get('autostart', True):
            self.wait(lambda: node.state is State.ACTIVE or node.trouble, 'the node to start')
        return node

    def stop_node(self, node: Node) -> None:
        """End a node before its time."""
        spinner = next(each for each in self._spinners if each.node is node)
        self._spinners.remove(spinner)
        spinner.stop()

    def collect(self, message_type: Any, topic: str, depth: int = 1000) -> list[Any]:
        """Return a list that fills with what arrives on a topic."""
        received: list[Any] = []
        self.probe.create_subscription(message_type, topic, received.append, depth)
        return received

    def publisher(self, message_type: Any, topic: str, qos: Any = 1000) -> Any:
        """Return a publisher on a topic."""
        return self.probe.create_publisher(message_type, topic, qos)

    def matched(self, publisher: Any, count: int = 1) -> None:
        """Wait until a publisher has its subscriptions."""
        self.wait(
            lambda: publisher.get_subscription_count() >= count,
            f'{count} subscriptions to {publisher.topic_name}',
        )

    def wait(self, done: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until something is so; fail with what it was."""
        deadline = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > deadline:
                last = self.statuses[-1] if self.statuses else 'nothing'
                pytest.fail(f'waited {timeout_s:.0f} s for {what}; diagnostics say {last}')
            time.sleep(0.01)

    def diagnosis(self, fits: Callable[[Any, dict[str, str]], Any], what: str) -> dict[str, str]:
        """Wait for a status from now on that fits; return its values and its message."""
        begin = len(self.statuses)
        found: dict[str, str] = {}

        def look() -> bool:
            for status in self.statuses[begin:]:
                values = {each.key: each.value for each in status.values}
                if fits(status, values):
                    found.update(values, message=status.message, name=status.name)
                    return True
            return False

        self.wait(look, f'diagnostics of {what}')
        return found

    def logged(self, text: str) -> list[str]:
        """Return the log messages so far that contain a text."""
        return [each.msg for each in list(self.logs) if text in each.msg]

    def call(self, service_type: Any, name: str, request: Any) -> Any:
        """Call a service of a node in the namespace."""
        client = self.probe.create_client(service_type, name)
        assert client.wait_for_service(TIMEOUT_S), name
        future = client.call_async(request)
        self.wait(future.done, f'an answer of {name}')
        self.probe.destroy_client(client)
        return future.result()

    def stop(self) -> None:
        for spinner in reversed(self._spinners):
            spinner.stop()


@pytest.fixture
def graph(ros: None) -> Iterator[Graph]:
    """Return an empty graph in a namespace of its own."""
    made = Graph(f'/t{next(_number)}')
    yield made
    made.stop()
