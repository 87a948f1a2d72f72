"""Listens to the running graph: results with their arrival times, diagnostics, debug images."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from numpy.typing import NDArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from mer_ros.estimates import EstimateArray
from mer_ros.msg import EmotionArray
from mer_ros.ros import images
from mer_ros.ros.conversions import from_message, from_time
from mer_ros.ros.message_info import with_arrival

DEPTH = 1000
KEPT_IMAGES = 60
TOPICS = ('face', 'audio', 'fused')
SERVICE_S = 20.0
CHANGE_S = 3.0
ANSWER_S = 0.3
"""A question may get lost while the two sides are still discovering each other: ask again."""


@dataclass(frozen=True)
class Arrival:
    """A result and when it came.

    Attributes:
        array: the result.
        arrived_ns: system time at which the middleware had it.
    """

    array: EstimateArray
    arrived_ns: int

    @property
    def latency_s(self) -> float:
        """Seconds from the stamp to the arrival."""
        return (self.arrived_ns - self.array.stamp_ns) * 1e-9


@dataclass
class Diagnosis:
    """The newest diagnostics of one node.

    Attributes:
        level: 0 OK, 1 WARN, 2 ERROR, 3 STALE.
        message: in words.
        values: figures by name.
        count: how many came.
    """

    level: int = 3
    message: str = ''
    values: dict[str, str] = field(default_factory=dict)
    count: int = 0


class Observer:
    """A node of its own that hears everything the graph says; spins on a thread.

    Attributes:
        results: arrivals by topic (``face``, ``audio``, ``fused``).
        first_fused: steady time of the first fused result; 0 before.
        debug_images: (stamp, pixels) of the last debug images.
        debug_count: how many came.
    """

    def __init__(self, namespace: str, on_fused: Callable[[Arrival], None]) -> None:
        """Subscribe to the results and to /diagnostics.

        Args:
            namespace: of the graph's nodes.
            on_fused: called with each fused result, on the observer's thread.
        """
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node(
            'mer_observer', namespace=namespace, context=self._context, enable_rosout=False
        )
        self._on_fused = on_fused
        self._diagnoses: dict[str, Diagnosis] = {}
        self._debug: Any = None
        self._clients: dict[str, Any] = {}
        self._prefix = self._node.get_namespace().lstrip('/')
        self.results: dict[str, list[Arrival]] = {name: [] for name in TOPICS}
        self.debug_images: deque[tuple[int, NDArray[np.uint8]]] = deque(maxlen=KEPT_IMAGES)
        self.debug_count = 0
        self.first_fused = 0.0
        self._failure: Exception | None = None
        profile = QoSProfile(depth=DEPTH)
        self._subscriptions = [
            self._node.create_subscription(
                EmotionArray,
                f'emotion/{name}',
                with_arrival(partial(self._take, name), time.time_ns),
                profile,
            )
            for name in TOPICS
        ]
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._diagnose, profile)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name='observer', daemon=True)
        self._thread.start()

    def __enter__(self) -> Observer:
        """It listens already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._context.try_shutdown()
        self._thread.join(5.0)
        self._executor.shutdown()
        self._node.destroy_node()

    def check(self) -> None:
        """Raise what ended the listening, if anything has: call it while waiting for results.

        Raises:
            Exception: what ``on_fused`` raised, or rclpy.
        """
        if self._failure is not None:
            raise self._failure

    def diagnosis(self, node: str) -> Diagnosis:
        """Return the newest diagnostics of a node; empty ones before the first."""
        return self._diagnoses.get(node, Diagnosis())

    def is_active(self, node: str) -> bool:
        """Return whether a lifecycle node is active; False while it can't be asked."""
        return self._state(node) == int(State.PRIMARY_STATE_ACTIVE)

    def is_connected(self) -> bool:
        """Return whether every result has a publisher, and face and audio another reader."""
        publishers = all(
            self._node.count_publishers(each.topic_name) for each in self._subscriptions
        )
        return publishers and all(
            self._node.count_subscribers(f'emotion/{name}') > 1 for name in ('face', 'audio')
        )

    def start(self, node: str) -> bool:
        """Configure and activate a lifecycle node; return whether it is active then."""
        steps = {
            State.PRIMARY_STATE_UNCONFIGURED: Transition.TRANSITION_CONFIGURE,
            State.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_ACTIVATE,
        }
        end = time.monotonic() + SERVICE_S
        while time.monotonic() < end:
            state = self._state(node)
            if state == State.PRIMARY_STATE_ACTIVE:
                return True
            if state in steps:
                answer = self._change(node, steps[state])
                if answer is not None and not answer.success:
                    return False
        return False

    def stop(self, node: str) -> None:
        """Deactivate a lifecycle node; its counts stay in its diagnostics."""
        self._change(node, Transition.TRANSITION_DEACTIVATE)

    def watch_debug_image(self, wanted: bool) -> None:
        """Subscribe to the debug image, which is drawn only while someone does."""
        if wanted and self._debug is None:
            self._debug = self._node.create_subscription(
                Image, 'emotion/debug_image', self._keep_debug, 5
            )
        elif not wanted and self._debug is not None:
            self._node.destroy_subscription(self._debug)
            self._debug = None

    def _state(self, node: str) -> int:
        """Return where a lifecycle node is; 0 (unknown) when it does not answer."""
        answer = self._call(GetState, f'{node}/get_state', GetState.Request(), ANSWER_S)
        return 0 if answer is None else int(answer.current_state.id)

    def _change(self, node: str, transition: int) -> Any:
        request = ChangeState.Request(transition=Transition(id=transition))
        return self._call(ChangeState, f'{node}/change_state', request, CHANGE_S)

    def _call(self, kind: Any, name: str, request: Any, seconds: float) -> Any:
        """Return the answer of a service; None when there is none in time."""
        if name not in self._clients:
            self._clients[name] = self._node.create_client(kind, name)
        client = self._clients[name]
        if not client.wait_for_service(ANSWER_S):
            return None
        future = client.call_async(request)
        end = time.monotonic() + seconds
        while not future.done() and time.monotonic() < end:
            time.sleep(0.005)
        if future.done():
            return future.result()
        client.remove_pending_request(future)
        return None

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return
        except Exception as error:  # noqa: BLE001 - the thread of the command raises it: check()
            self._failure = error

    def _take(self, name: str, message: EmotionArray, arrived_ns: int) -> None:
        arrival = Arrival(from_message(message), arrived_ns)
        self.results[name].append(arrival)
        if name == 'fused':
            self.first_fused = self.first_fused or time.monotonic()
            self._on_fused(arrival)

    def _diagnose(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.removeprefix(self._prefix).lstrip('/')
            before = self.diagnosis(name)
            self._diagnoses[name] = Diagnosis(
                level=int.from_bytes(status.level, 'little'),
                message=status.message,
                values={each.key: each.value for each in status.values},
                count=before.count + 1,
            )

    def _keep_debug(self, message: Image) -> None:
        self.debug_count += 1
        self.debug_images.append((from_time(message.header.stamp), images.to_bgr(message).copy()))


def wait(condition: Callable[[], bool], seconds: float, nap_s: float = 0.05) -> bool:
    """Wait until a condition holds; return whether it does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(nap_s)
    return True
