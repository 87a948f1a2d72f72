"""Namespaces, topics and remap rules, held to ROS's rules before a node has them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mer_ros.cli.errors import UsageError

SCHEME = re.compile(r'^ros(topic|service)://')
OF_ONE_NODE = re.compile(r'^([^:/]*):(?!//)')


def namespace(text: str) -> str:
    """Return a namespace as nodes take it, ``/robot`` for robot, /robot and /robot/; '' for ''.

    Raises:
        UsageError: ROS does not allow it.
    """
    if not text:
        return ''
    from rclpy.exceptions import NameValidationException
    from rclpy.validate_namespace import validate_namespace

    name = f'/{text.strip("/")}'
    try:
        validate_namespace(name)
    except NameValidationException as error:
        raise UsageError(f'--namespace {text!r}: {_cause(error)}') from error
    return name


def check_topics(topics: Iterable[str], node: str, node_namespace: str) -> None:
    """Refuse topic names that a node could not resolve.

    Args:
        topics: absolute or relative.
        node: its name.
        node_namespace: as :func:`namespace` returns it.

    Raises:
        UsageError: ROS does not allow one of them.
    """
    from rclpy.exceptions import NameValidationException
    from rclpy.expand_topic_name import expand_topic_name
    from rclpy.validate_full_topic_name import validate_full_topic_name
    from rclpy.validate_topic_name import validate_topic_name

    for topic in topics:
        try:
            validate_topic_name(topic)
            # Only the whole name shows a doubled slash and a substitution that there is not.
            validate_full_topic_name(expand_topic_name(topic, node, node_namespace or '/'))
        except (NameValidationException, ValueError) as error:
            raise UsageError(f'topic {topic!r}: {_cause(error)}') from error


def check_remaps(rules: Iterable[str], node_namespace: str) -> None:
    """Refuse remap rules that would end every node.

    Args:
        rules: ``FROM:=TO``, also of one node (``face_emotion:FROM:=TO``).
        node_namespace: as :func:`namespace` returns it.

    Raises:
        UsageError: ROS does not allow one of them, or it would rename the nodes.
    """
    for rule in rules:
        before, arrow, after = rule.partition(':=')
        if not arrow:
            raise UsageError(f'--remap {rule} lacks the arrow: FROM:=TO')
        if before.rpartition(':')[2] in ('__ns', '__node', '__name'):
            raise UsageError(f'--remap {rule} renames nodes: give --namespace instead')
        if of_one := OF_ONE_NODE.match(before):
            _check_node(of_one[1], rule)
            before = before[of_one.end() :]
        names = (SCHEME.sub('', before), after)
        try:
            check_topics(names, 'node', node_namespace)
            # Names may have them, rules may not.
            if any('{' in name or '__' in name for name in names):
                raise UsageError('a rule takes neither braces nor two underscores in a row')
        except UsageError as error:
            raise UsageError(f'--remap {rule!r}: {error}') from error


def _check_node(name: str, rule: str) -> None:
    from rclpy.exceptions import NameValidationException
    from rclpy.validate_node_name import validate_node_name

    try:
        validate_node_name(name)
    except (NameValidationException, ValueError) as error:
        raise UsageError(f'--remap {rule!r}: node {name!r}: {_cause(error)}') from error


def _cause(error: Exception) -> str:
    """Return the rule alone: rclpy adds a drawing of the place, rcl its line of source."""
    first = str(error).splitlines()[0].partition(', at /')[0]
    return first.partition(': ')[2].rstrip(':')
