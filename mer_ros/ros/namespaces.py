"""Namespaces as launch files and command lines give them to our nodes."""

from __future__ import annotations

from collections.abc import Mapping

PUSHED = 'ros_namespace'
"""Launch configuration in which launch_ros keeps what PushRosNamespace has set."""


def inside(configurations: Mapping[str, str], namespace: str) -> str:
    """Return the whole namespace of a node of a launch file, ``/robot/head``; '' for the root.

    Args:
        configurations: of the launch context; a group around an included launch file may have
            pushed a namespace, as launch_ros does.
        namespace: that the node is given; absolute ones stay what they are.
    """
    outer = '' if namespace.startswith('/') else configurations.get(PUSHED, '')
    parts = [part for part in f'{outer}/{namespace}'.split('/') if part]
    return ''.join(f'/{part}' for part in parts)


def logger(namespace: str, node: str) -> str:
    """Return what a node's logger is called, for ``--log-level``: ``robot.head.face_emotion``."""
    return '.'.join([*filter(None, namespace.split('/')), node])
