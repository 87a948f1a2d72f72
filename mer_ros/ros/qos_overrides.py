"""Parameters ``qos_overrides.TOPIC.publisher.POLICY``: the quality of service as users want it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSPolicyKind,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

from mer_ros.ros.errors import ParameterError

PREFIX = 'qos_overrides.'
_NAME = re.compile(r'qos_overrides\.(/.+)\.(publisher|subscription)(_\w+)?\.(\w+)')

WORDS = {
    'history': HistoryPolicy,
    'reliability': ReliabilityPolicy,
    'durability': DurabilityPolicy,
    'liveliness': LivelinessPolicy,
}
NUMBERS = ('depth', 'deadline', 'lifespan', 'liveliness_lease_duration')
"""The last three are in nanoseconds."""
OF_SUBSCRIPTIONS = (
    *WORDS,
    'depth',
    'deadline',
    'liveliness_lease_duration',
    'avoid_ros_namespace_conventions',
)
POLICIES = {
    'publisher': (*OF_SUBSCRIPTIONS, 'lifespan'),
    'subscription': OF_SUBSCRIPTIONS,
}


def why_useless(name: str) -> str:
    """Return why a parameter that begins with :data:`PREFIX` can do nothing; '' when it may.

    That the topic is one of another node is no reason: a file may be for several.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return 'write qos_overrides.WHOLE_TOPIC.publisher.POLICY, or .subscription.POLICY'
    if found[4] not in POLICIES[found[2]]:
        return f'a {found[2]} has {", ".join(POLICIES[found[2]])}'
    return ''


def policies(given: Mapping[str, Any], topic: str, entity: str) -> list[QoSPolicyKind]:
    """Return the policies that parameters give for a topic.

    Args:
        given: value by name.
        topic: resolved name.
        entity: 'publisher' or 'subscription'.

    Raises:
        ParameterError: a value is none that the policy has.
    """
    start = f'{PREFIX}{topic}.{entity}.'
    kinds = []
    for name, value in given.items():
        policy = name.removeprefix(start)
        if policy != name and policy in POLICIES[entity]:
            _check(name, policy, value)
            kinds.append(QoSPolicyKind[policy.upper()])
    return kinds


def _check(name: str, policy: str, value: object) -> None:
    if policy in WORDS:
        words = [each.lower() for each in WORDS[policy].__members__ if each != 'UNKNOWN']
        if not (isinstance(value, str) and value.lower() in words):
            raise ParameterError(f'{name} is {value!r}: there are {", ".join(words)}')
    elif policy in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ParameterError(f'{name} is {value!r}: it takes a whole number from 0')
    elif not isinstance(value, bool):
        raise ParameterError(f'{name} is {value!r}: it takes true or false')


class OverridableNode(LifecycleNode):  # type: ignore[misc]
    """Gives its publishers and subscriptions what ``qos_overrides`` say of their topics."""

    def create_publisher(
        self, msg_type: type[Any], topic: str, qos_profile: Any, **options: Any
    ) -> Any:
        """Publish, as rclpy does.

        Raises:
            ParameterError: an override cannot be used.
        """
        more = self._overriding(topic, 'publisher')
        return super().create_publisher(msg_type, topic, qos_profile, **{**more, **options})

    def create_subscription(
        self, msg_type: type[Any], topic: str, callback: Any, qos_profile: Any, **options: Any
    ) -> Any:
        """Subscribe, as rclpy does.

        Raises:
            ParameterError: an override cannot be used.
        """
        more = self._overriding(topic, 'subscription')
        return super().create_subscription(
            msg_type, topic, callback, qos_profile, **{**more, **options}
        )

    def _overriding(self, topic: str, entity: str) -> dict[str, QoSOverridingOptions]:
        """Return what to give rclpy; only what is given is declared."""
        given = {name: each.value for name, each in self._parameter_overrides.items()}
        whole = self.resolve_topic_name(topic) if given else topic
        kinds = policies(given, whole, entity)
        if not kinds:
            return {}
        names = ', '.join(
            f'{kind.name.lower()} {given[f"{PREFIX}{whole}.{entity}.{kind.name.lower()}"]}'
            for kind in kinds
        )
        self.get_logger().info(f'{entity} of {whole}: {names}, as qos_overrides say')
        return {'qos_overriding_options': QoSOverridingOptions(kinds)}
