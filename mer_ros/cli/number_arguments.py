"""Numbers on the command line: types for argparse that refuse what would make no sense."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable


def positive(text: str) -> float:
    """Return a finite number above 0."""
    value = _finite(text)
    if value <= 0:
        raise ArgumentTypeError(f'{text} is not above 0')
    return value


def not_negative(text: str) -> float:
    """Return a finite number, 0 or more."""
    value = _finite(text)
    if value < 0:
        raise ArgumentTypeError(f'{text} is below 0')
    return value


def within(least: float, most: float) -> Callable[[str], float]:
    """Return a type of the numbers from ``least`` to ``most``, both included."""

    def number(text: str) -> float:
        value = _finite(text)
        if not least <= value <= most:
            raise ArgumentTypeError(f'{text} is not within {least:g} .. {most:g}')
        return value

    return number


def whole(least: int) -> Callable[[str], int]:
    """Return a type of the whole numbers from ``least``."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError as error:
            raise ArgumentTypeError(f'{text!r} is no whole number') from error
        if value < least:
            raise ArgumentTypeError(f'{text} is not {least} or more')
        return value

    return number


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ArgumentTypeError(f'{text!r} is no number') from error
    if not math.isfinite(value):
        raise ArgumentTypeError(f'{text} is no finite number')
    return value
