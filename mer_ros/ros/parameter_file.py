"""The text of config/mer.yaml: every parameter of every node with its default, commented.

python3 -m mer_ros.ros.parameter_file > config/mer.yaml
"""

from __future__ import annotations

import argparse
import json
import textwrap

from mer_ros.ros.parameter_spec import ParameterSpec, Value
from mer_ros.ros.parameters import NODES

HEAD = """\
# Every parameter of the nodes of mer_ros, with its default. Written by
# `python3 -m mer_ros.ros.parameter_file`; a test holds it to the declarations.
#
# `/**/` fits a node in any namespace. "live": changes while the node is active
# (ros2 param set); the others want it deactivated first.
"""
WIDTH = 96


def text() -> str:
    """Return the file."""
    return HEAD + ''.join(
        f'\n/**/{node}:\n  ros__parameters:\n' + ''.join(map(_entry, specs))
        for node, specs in NODES.items()
    )


def _entry(spec: ParameterSpec) -> str:
    facts = [fact for fact in (spec.limits(), 'live' if spec.dynamic else '') if fact]
    comment = spec.description + (f' [{"; ".join(facts)}]' if facts else '')
    lines = textwrap.wrap(comment, WIDTH, initial_indent='    # ', subsequent_indent='    # ')
    return '\n'.join([*lines, f'    {spec.name}: {_scalar(spec.default)}', ''])


def _scalar(value: Value) -> str:
    """Return a value as YAML; JSON's strings, numbers and truth values are YAML's."""
    return json.dumps(value)


if __name__ == '__main__':
    argparse.ArgumentParser(
        prog='python3 -m mer_ros.ros.parameter_file', description=__doc__
    ).parse_args()
    print(text(), end='')
