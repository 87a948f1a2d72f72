"""Declares a node's parameters and answers when someone sets them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from mer_ros.ros import qos_overrides
from mer_ros.ros.errors import EXPECTED, ParameterError
from mer_ros.ros.parameter_spec import ParameterSpec, Values

FOREIGN = ('use_sim_time', 'start_type_description_service')


class ParameterServer:
    """The parameters of one node.

    Attributes:
        values: the checked values in force.
    """

    def __init__(
        self,
        node: Node,
        specs: Iterable[ParameterSpec],
        check: Callable[[Values], None],
        frozen: Callable[[], str],
        changed: Callable[[set[str]], None],
    ) -> None:
        """Declare every parameter and take what the command line or a file gave.

        Args:
            node: whose parameters they are.
            specs: what they are.
            check: raises any error whose message says why values do not go together.
            frozen: why a parameter that is not dynamic cannot change now, '' when it can.
            changed: called with the names after values have changed.

        Raises:
            ParameterError: a given value is refused.
        """
        self._specs = {spec.name: spec for spec in specs}
        self._check = check
        self._frozen = frozen
        self._changed = changed
        given = {name: self._declare(node, spec) for name, spec in self._specs.items()}
        self.values = self._checked(given)
        node.add_on_set_parameters_callback(self._on_set)

    def _declare(self, node: Node, spec: ParameterSpec) -> Any:
        try:
            return node.declare_parameter(spec.name, spec.default, spec.descriptor()).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            override = node._parameter_overrides.get(spec.name)
            spec.check(None if override is None else override.value)
            raise ParameterError(f'{spec.name} is refused: {error}') from error

    def _checked(self, given: Mapping[str, object]) -> Values:
        values = Values(self._specs.values(), given)
        try:
            self._check(values)
        except EXPECTED as error:
            raise ParameterError(str(error)) from error
        return values

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        ours = {each.name: each.value for each in parameters if each.name in self._specs}
        if not ours:
            return SetParametersResult(successful=True)
        try:
            values = self._checked({**self.values, **ours})
            different = {name for name in ours if values[name] != self.values[name]}
            self._refuse_frozen(different)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.values = values
        if different:
            self._changed(different)
        return SetParametersResult(successful=True)

    def _refuse_frozen(self, names: Collection[str]) -> None:
        static = sorted(name for name in names if not self._specs[name].dynamic)
        reason = self._frozen()
        if static and reason:
            raise ParameterError(f'{", ".join(static)} cannot change now: {reason}')


def misspelt(
    given: Iterable[str], specs: Iterable[ParameterSpec], others: Iterable[str]
) -> list[str]:
    """Return a warning for each given parameter that no node of ours has.

    Args:
        given: names that the command line or a file sets for this node.
        specs: what this node has.
        others: names that other nodes of ours have; a file may set them for all.
    """
    names = [spec.name for spec in specs]
    known = {*names, *others, *FOREIGN}
    warnings = []
    for name in sorted(given):
        if name in known:
            continue
        if name.startswith(qos_overrides.PREFIX):
            if why := qos_overrides.why_useless(name):
                warnings.append(f'{name} does nothing: {why}')
            continue
        near = difflib.get_close_matches(name, names, 1)
        hint = f'; did you mean {near[0]}?' if near else ''
        warnings.append(f'no parameter is called {name}: it does nothing{hint}')
    return warnings
