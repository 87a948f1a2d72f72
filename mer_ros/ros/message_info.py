"""When a message arrived: rclpy says so from Iron on, before that only our own clock can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.subscription import Subscription

Take = Callable[[Any, int], None]
"""Is given a message (or its bytes, of a raw subscription) and when it arrived, ns."""


def with_arrival(
    take: Take, now_ns: Callable[[], int], subscription: type = Subscription
) -> Callable[..., None]:
    """Return a callback for ``create_subscription`` that tells ``take`` the time of arrival.

    Args:
        take: what is called.
        now_ns: the clock, ns, for when rclpy or the middleware does not know the time.
        subscription: rclpy's class, whose ``CallbackType`` came with the second argument.
    """

    def alone(message: Any) -> None:
        take(message, now_ns())

    def informed(message: Any, info: Any) -> None:
        take(message, info['received_timestamp'] or now_ns())

    # A second argument with a default would never be filled: rclpy tries one argument first.
    return informed if hasattr(subscription, 'CallbackType') else alone
