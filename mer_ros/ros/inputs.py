"""Watches a subscription: what arrives, how fast, and why nothing does."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy

from mer_ros.ros import transport
from mer_ros.ros.counters import Rate

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble has them under an older name
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

SUGGESTIONS = 3

LOSSY = 0.1
"""Share of messages lost on the way from which diagnostics say so."""


DEBUG_IMAGE = '/emotion/debug_image'
"""What we draw is no input, whichever of our nodes it comes from."""


def loss_mend() -> str:
    """Return what to do where messages are lost on the way."""
    variable, value = transport.setting()
    setting = f'start the publisher with {variable}={value}, or ' if value else ''
    return f'{setting}subscribe compressed or reliably (README: images get lost)'


def type_name(message_type: type[Any]) -> str:
    """Return ``sensor_msgs/msg/Image`` for the class."""
    return f'{message_type.__module__.split(".")[0]}/msg/{message_type.__name__}'


class Monitor:
    """Tells how a subscription fares, and why it is silent.

    Attributes:
        rate: of what arrives.
        lost: messages that the middleware says it lost.
        topic: resolved name, once there is a subscription.
    """

    def __init__(self, node: Node, what: str, mend: str = '') -> None:
        """Begin to count silence.

        Args:
            node: that subscribes.
            what: what a message is called in sentences: ``image``.
            mend: what to do when its publishers are best effort and it is not.
        """
        self._node = node
        self._what = what
        self._reliable = False
        self._mend = mend or 'make them reliable'
        self._type = ''
        self.rate = Rate()
        self.lost = 0
        self.topic = ''
        self._seen = (0, 0)
        self._lost_before = 0

    def events(self) -> SubscriptionEventCallbacks:
        """Return what to give the subscription as ``event_callbacks``."""
        return SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible)

    def watch(self, message_type: type[Any], subscription: Any) -> None:
        """Take note of the subscription, which parameters may have made another than was asked."""
        self._type = type_name(message_type)
        self._reliable = subscription.qos_profile.reliability == ReliabilityPolicy.RELIABLE
        self.topic = str(subscription.topic_name)

    def why_silent(self, timeout_s: float) -> str:
        """Return why nothing has come for longer than the timeout; '' when something has."""
        silence = self.rate.silence_s()
        if silence < timeout_s:
            return ''
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        text = f'no {self._what} on {self.topic} for {silence:.1f} s'
        if not publishers:
            return f'{text}; publishers: 0{self._elsewhere()}'
        types = {publisher.topic_type for publisher in publishers}
        if self._type not in types:
            text = f'{text}; it carries {", ".join(sorted(types))} and not {self._type}'
            return f'{text}{self._instead(types)}'
        if self._reliable and not any(_reliable(publisher) for publisher in publishers):
            return f'{text}; its publishers offer best effort only: {self._mend}'
        return f'{text}; publishers: {len(publishers)}{self._lost()}'

    def why_lossy(self) -> str:
        """Return that many messages since the last call were lost; '' when they were not."""
        lost, came = self.lost - self._seen[0], self.rate.count - self._seen[1]
        self._seen = (self.lost, self.rate.count)
        if lost <= LOSSY * (lost + came):
            return ''
        return f'{lost} of {lost + came} on {self.topic} were lost on the way: {loss_mend()}'

    def _lost(self) -> str:
        """Return how many were lost since one came: what was lost before is no cause of silence."""
        lost = self.lost - self._lost_before
        return f', {lost} lost on the way: {loss_mend()}' if lost else ''

    def _elsewhere(self) -> str:
        """Return where what is wanted comes, and how to get it; nobody publishes here."""
        return ''

    def _instead(self, types: Collection[str]) -> str:
        """Return how to take what comes here, which is of other types."""
        return ''

    def _on_incompatible(self, event: Any) -> None:
        policy = QoSPolicyKind(event.last_policy_kind)
        if policy == QoSPolicyKind.RELIABILITY:
            why = f'offers best effort only and is not heard: {self._mend}'
        else:
            name = policy.name.lower()
            why = f'offers another {name} than is asked for and is not heard: change its {name}'
        self._node.get_logger().warning(f'a publisher on {self.topic} {why}')

    def _on_lost(self, event: Any) -> None:
        self.lost = int(event.total_count)


class Input(Monitor):
    """A subscription of its own, with all that a monitor tells."""

    def __init__(
        self,
        node: Node,
        message_type: type[Any],
        topic: str,
        qos: QoSProfile,
        callback: Callable[[Any], None],
        *,
        what: str,
        mend: str = '',
    ) -> None:
        """Subscribe.

        Args:
            node: that subscribes.
            message_type: class of the messages.
            topic: relative names are remapped and resolved.
            qos: profile to subscribe with.
            callback: called with each message; must only enqueue.
            what: what a message is called in sentences: ``image``.
            mend: what to do when its publishers are best effort and it is not.
        """
        super().__init__(node, what, mend)
        self._callback = callback
        self._subscription = self._subscribe(message_type, topic, qos)
        self.watch(message_type, self._subscription)

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)

    def events(self) -> SubscriptionEventCallbacks:
        """Return what to give the subscription: losses are told as well."""
        return SubscriptionEventCallbacks(
            incompatible_qos=self._on_incompatible, message_lost=self._on_lost
        )

    def _elsewhere(self) -> str:
        """Return where messages of this type are published instead."""
        names = self.topics_of(self._type)
        if not names:
            return ''
        return f'; {self._type} comes on {", ".join(names[:SUGGESTIONS])}: remap to it'

    def topics_of(self, wanted: str) -> list[str]:
        """Return the other topics on which another node publishes messages of a type."""
        return [
            name
            for name, types in self._node.get_topic_names_and_types()
            if wanted in types
            and name != self.topic
            and not name.endswith(DEBUG_IMAGE)
            and self._others_publish(name)
        ]

    def _others_publish(self, name: str) -> bool:
        """Say whether another node does: the debug image is no input of who draws it."""
        own = (self._node.get_name(), self._node.get_namespace())
        publishers = self._node.get_publishers_info_by_topic(name)
        return any((each.node_name, each.node_namespace) != own for each in publishers)

    def _subscribe(self, message_type: type[Any], topic: str, qos: QoSProfile) -> Any:
        create = self._node.create_subscription
        try:
            return create(message_type, topic, self._arrived, qos, event_callbacks=self.events())
        except UnsupportedEventTypeError:  # not every middleware tells what it loses
            events = super().events()
            return create(message_type, topic, self._arrived, qos, event_callbacks=events)

    def _arrived(self, message: Any) -> None:
        self.rate.tick()
        self._lost_before = self.lost
        self._callback(message)


def _reliable(publisher: Any) -> bool:
    return bool(publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE)
