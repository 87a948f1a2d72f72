"""What a parameter is: name, type, default, range, description, and when it may change."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.parameter import Parameter

from mer_ros.ros.errors import ParameterError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar('Settings', bound='DataclassInstance')
Value = bool | int | float | str

TYPE_NAMES = {bool: 'bool', int: 'int', float: 'double', str: 'string'}
PARAMETER_TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
}


@dataclasses.dataclass(frozen=True)
class ParameterSpec:
    """One parameter, declared once.

    Attributes:
        name: as in YAML; a dot makes a group.
        default: its type is the parameter's type.
        description: one sentence.
        minimum: of a number, inclusive.
        maximum: of a number, inclusive.
        choices: of a string, when only these will do.
        dynamic: True when a change takes effect at once, also while the node is active.
    """

    name: str
    default: Value
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    dynamic: bool = False

    @property
    def type_name(self) -> str:
        """Return the type as ROS tools print it."""
        return TYPE_NAMES[type(self.default)]

    @property
    def parameter_type(self) -> Parameter.Type:
        """Return the type as rclpy knows it."""
        return PARAMETER_TYPES[type(self.default)]

    def limits(self) -> str:
        """Return the range or the choices in words, '' when there are none."""
        if self.choices:
            return ' | '.join(self.choices)
        if self.minimum is not None and self.maximum is not None:
            return f'{self.minimum:g} .. {self.maximum:g}'
        if self.minimum is not None:
            return f'>= {self.minimum:g}'
        return f'<= {self.maximum:g}' if self.maximum is not None else ''

    def check(self, value: object) -> Value:
        """Return the value in the parameter's type; an int will do for a double.

        Raises:
            ParameterError: the value is refused, and why.
        """
        wanted = type(self.default)
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            given = 'nothing' if value is None else f'{TYPE_NAMES.get(type(value), "a list")}'
            raise ParameterError(f'{self.name} must be a {self.type_name}, not {given} ({value!r})')
        assert isinstance(value, (bool, int, float, str))
        if self.choices and value not in self.choices:
            raise ParameterError(
                f'{self.name} must be one of {", ".join(self.choices)}, not {value!r}'
            )
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._check_range(value)
        return value

    def _check_range(self, value: float) -> None:
        if not math.isfinite(value):
            raise ParameterError(f'{self.name} must be a finite number, not {value}')
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if not low <= value <= high:
            raise ParameterError(f'{self.name} must be {self.limits()}, not {value:g}')

    def descriptor(self) -> ParameterDescriptor:
        """Return what ``ros2 param describe`` shows.

        A double is declared with dynamic typing so that ``max_rate: 10`` is taken as 10.0;
        :meth:`check` refuses every other type.
        """
        descriptor = ParameterDescriptor(
            name=self.name,
            type=self.parameter_type.value,
            description=self.description,
            additional_constraints=self._constraints(),
            dynamic_typing=isinstance(self.default, float),
        )
        if self.minimum is None or self.maximum is None:
            return descriptor
        if isinstance(self.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=self.minimum, to_value=self.maximum, step=0.0)
            ]
        else:
            descriptor.integer_range = [
                IntegerRange(from_value=int(self.minimum), to_value=int(self.maximum), step=1)
            ]
        return descriptor

    def _constraints(self) -> str:
        when = 'changes at once' if self.dynamic else 'can be set while the node is not active'
        shown_elsewhere = self.minimum is not None and self.maximum is not None
        return when if shown_elsewhere or not self.limits() else f'{self.limits()}; {when}'


class Values(Mapping[str, Value]):
    """The checked values of a node's parameters, read by type."""

    def __init__(self, specs: Iterable[ParameterSpec], given: Mapping[str, object]) -> None:
        """Check what is given; what is not given has its default.

        Raises:
            ParameterError: a value is refused.
        """
        self._values = {spec.name: spec.check(given.get(spec.name, spec.default)) for spec in specs}

    def __getitem__(self, name: str) -> Value:
        """Return the value of any type."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many parameters there are."""
        return len(self._values)

    def flag(self, name: str) -> bool:
        """Return a bool."""
        return bool(self._values[name])

    def integer(self, name: str) -> int:
        """Return an int."""
        return int(self._values[name])

    def number(self, name: str) -> float:
        """Return a double."""
        return float(self._values[name])

    def text(self, name: str) -> str:
        """Return a string."""
        return str(self._values[name])

    def settings(self, kind: type[Settings]) -> Settings:
        """Return a settings dataclass with the values that are named like its fields.

        Raises:
            FaceError, AudioError, FusionError: they do not go together.
        """
        names = {field.name for field in dataclasses.fields(kind)}
        chosen: dict[str, Any] = {name: value for name, value in self.items() if name in names}
        return kind(**chosen)


def from_settings(
    settings: type[Any],
    descriptions: Mapping[str, str] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    dynamic: Iterable[str] = (),
) -> tuple[ParameterSpec, ...]:
    """Return a parameter for each field of a settings dataclass, with the field's default.

    Args:
        settings: fields with metadata ``description``, and ``range`` or ``choices``.
        descriptions: by field name, where the metadata has none.
        ranges: by field name, where the metadata has none.
        dynamic: the fields that can change while the node is active.

    Raises:
        ParameterError: a field has no description.
    """
    chosen = set(dynamic)
    specs = []
    for field in dataclasses.fields(settings):
        if not isinstance(field.default, (bool, int, float, str)):
            continue  # lists are for programs that use the core directly
        text = str(field.metadata.get('description') or (descriptions or {}).get(field.name, ''))
        if not text:
            raise ParameterError(f'{settings.__name__}.{field.name} has no description')
        numeric = isinstance(field.default, (int, float)) and not isinstance(field.default, bool)
        given = field.metadata.get('range') or (ranges or {}).get(field.name) or (None, None)
        low, high = given if numeric else (None, None)
        specs.append(
            ParameterSpec(
                field.name,
                field.default,
                _sentence(text),
                minimum=low,
                maximum=high,
                choices=tuple(field.metadata.get('choices', ())),
                dynamic=field.name in chosen,
            )
        )
    return tuple(specs)


def _sentence(text: str) -> str:
    choice = text.split(' ', 1)[0].endswith(':')  # a value is written as it is set
    return (text if choice else text[0].upper() + text[1:]).rstrip('.') + '.'
