"""A parameter file of a few values that goes over every other one a node is started with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

Value = bool | int | float | str


def write(path: Path, node: str, values: Mapping[str, Value]) -> Path:
    """Write the file; it has to be the last of the node's ``--params-file``.

    rcl keeps the sections of all files in the order in which each name came first, and the last
    that fits a node wins. So `-p` (the section ``/**``) and even the node's full name lose where
    an earlier file has them above another section that fits. This name no file has, and it fits
    the node in every namespace.

    Args:
        path: where to; it has to outlive the start of the node.
        node: its name, without a namespace.
        values: by the name of the parameter.
    """
    lines = [f'/**/**/{node}:', '  ros__parameters:']
    lines += [f'    {name}: {as_yaml(value)}' for name, value in values.items()]
    path.write_text('\n'.join([*lines, '']), encoding='utf-8', errors='surrogateescape')
    return path


def as_yaml(value: Value) -> str:
    """Return a value as YAML: JSON is, and its quoted strings stay strings whatever they hold."""
    return json.dumps(value, ensure_ascii=False)
