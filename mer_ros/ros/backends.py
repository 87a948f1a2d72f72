"""Makes the backend that a node's parameters name, with the options that it knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rclpy.node import Node

from mer_ros.models import registry
from mer_ros.ros.parameter_spec import ParameterSpec, Values


def create(
    node: Node, values: Values, task: str, name: str, options: Iterable[ParameterSpec]
) -> Any:
    """Return a backend with those options that were set; one that it lacks is a warning.

    Args:
        node: that logs.
        values: of the node's parameters.
        task: as in :func:`mer_ros.models.registry.create`.
        name: of the backend.
        options: parameters that are handed on where they differ from their default.

    Raises:
        ModelError: there is no such backend, or it refuses a value.
    """
    given = {each.name: values[each.name] for each in options if values[each.name] != each.default}
    taken = registry.accepted(task, name, given)
    for option in given.keys() - taken.keys():
        node.get_logger().warning(f'{option} has no effect: the {task} {name} has no such option')
    return registry.create(task, name, **taken)
