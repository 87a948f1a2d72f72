"""Writes docs/parameters.md from the declarations.

``python3 -m mer_ros.ros.parameter_docs > docs/parameters.md``; a test holds the file to it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping

from mer_ros.ros.parameter_spec import ParameterSpec
from mer_ros.ros.parameters import NODES

HEAD = """# Parameters

Written by `python3 -m mer_ros.ros.parameter_docs`. A parameter that is *live* changes at once
(`ros2 param set`); any other is refused while the node is active: deactivate, set, activate
(`ros2 lifecycle set /face_emotion deactivate`), and the models are loaded anew where needed.
A value out of its range is refused with the reason, at start as well.
`config/mer.yaml` has them all with their defaults.
"""


def markdown(nodes: Mapping[str, Iterable[ParameterSpec]] = NODES) -> str:
    """Return the page: a table for each node."""
    return '\n'.join([HEAD, *(_section(name, specs) for name, specs in nodes.items())])


def _section(node: str, specs: Iterable[ParameterSpec]) -> str:
    rows = [
        f'## {node}\n',
        '| name | type | default | range | live | what it does |',
        '|---|---|---|---|---|---|',
    ]
    for spec in specs:
        limits = spec.limits().replace('|', '\\|')
        live = 'live' if spec.dynamic else ''
        rows.append(
            f'| `{spec.name}` | {spec.type_name} | {_shown(spec)} | {limits} | {live} '
            f'| {spec.description} |'
        )
    return '\n'.join([*rows, ''])


def _shown(spec: ParameterSpec) -> str:
    if isinstance(spec.default, bool):
        return f'`{str(spec.default).lower()}`'
    return f'`{spec.default!r}`'.replace("'", '"')


if __name__ == '__main__':
    argparse.ArgumentParser(
        prog='python3 -m mer_ros.ros.parameter_docs', description=__doc__
    ).parse_args()
    sys.stdout.write(markdown())
