"""A subscription as the first filter of a chain. Stands in for message_filters' own."""

from __future__ import annotations

from typing import Any

from message_filters.simple_filter import SimpleFilter


class Subscriber(SimpleFilter):
    """Passes on what arrives on a topic; any node with ``create_subscription`` will do.

    What is not found here is looked up in the subscription (``sub``).
    """

    def __init__(
        self, node: Any, msg_type: type, topic: str, qos_profile: Any = 10, **kwargs: Any
    ) -> None:
        super().__init__()
        self.node = node
        self.topic = topic
        self.sub = node.create_subscription(
            msg_type=msg_type,
            topic=topic,
            callback=self.callback,
            qos_profile=qos_profile,
            **kwargs,
        )

    def callback(self, msg: Any) -> None:
        """Take a message from the subscription."""
        self.signalMessage(msg)

    def getTopic(self) -> str:
        """Return the topic's name as it was given."""
        return self.topic

    def __getattr__(self, key: str) -> Any:
        if key == 'sub':  # __init__ failed before there was one
            raise AttributeError(key)
        return getattr(self.sub, key)
