"""Message types by name: the Python class, and the definition with its hash for a bag."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.base import TypesysError
from rosbags.typesys.store import Typestore

from mer_ros.ros.errors import NodeError


class InterfaceError(NodeError):
    """A message type that is not installed here."""


def split(type_name: str) -> tuple[str, str]:
    """Return (package, name) of ``package/msg/Name``.

    Raises:
        InterfaceError: it is no message type.
    """
    parts = type_name.split('/')
    if len(parts) != 3 or parts[1] != 'msg' or not all(parts):
        raise InterfaceError(f'{type_name} is no message type (package/msg/Name)', 'message_type')
    return parts[0], parts[2]


def message_class(type_name: str) -> Any:
    """Return the Python class of a message type.

    Raises:
        InterfaceError: its package is not installed, or has no such message.
    """
    package, name = split(type_name)
    try:
        return getattr(importlib.import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise InterfaceError(
            f'{type_name} is not installed here: build or install the package {package}',
            'message_type',
        ) from error


class Definitions:
    """Reads the ``.msg`` files of the installation into one type store."""

    def __init__(self) -> None:
        """Know no type yet."""
        self.typestore: Typestore = get_typestore(Stores.EMPTY)

    def add(self, type_name: str) -> None:
        """Make the type store know a type and all that it is made of.

        Raises:
            InterfaceError: a definition is not installed or can't be read.
        """
        if type_name in self.typestore.fielddefs:
            return
        package, name = split(type_name)
        try:
            share = Path(get_package_share_directory(package))
            text = (share / 'msg' / f'{name}.msg').read_text(encoding='utf-8')
        except (PackageNotFoundError, OSError) as error:
            raise InterfaceError(
                f'the definition of {type_name} is not installed: install the package {package}',
                'message_type',
            ) from error
        try:
            types = get_types_from_msg(text, type_name)
        except TypesysError as error:
            raise InterfaceError(
                f'the definition of {type_name} cannot be read: {error}', 'message_type'
            ) from error
        for used in _names(types):
            if used not in types and used != type_name:
                self.add(used)
        self.typestore.register(types)


def _names(tree: object) -> set[str]:
    """Return the message types that field definitions name, however deep."""
    if isinstance(tree, str):
        return {tree} if tree.count('/') == 2 else set()
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, (list, tuple)):
        return set().union(*(_names(branch) for branch in tree)) if tree else set()
    return set()
