"""Backends by name: ours from the catalogue, other packages' from entry points.

A package adds one by an entry point of the group ``mer_ros.backends`` whose name is
``task.name`` and whose value is the class::

    [project.entry-points.'mer_ros.backends']
    'face_detector.mine' = 'my_package.detector:MyDetector'

Nothing is imported before it is asked for, so a heavy library costs only those who use it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mer_ros.models import catalogue
from mer_ros.models.errors import ModelError, UnknownNameError

GROUP = 'mer_ros.backends'


def _third_party(task: str) -> dict[str, EntryPoint]:
    prefix = f'{task}.'
    return {
        point.name.removeprefix(prefix): point
        for point in entry_points(group=GROUP)
        if point.name.startswith(prefix)
    }


def tasks() -> tuple[str, ...]:
    """Return the tasks that have backends, in the catalogue's order."""
    return tuple(catalogue.backends())


def names(task: str) -> tuple[str, ...]:
    """Return the names of a task's backends: ours first, then other packages'.

    Raises:
        ModelError: there is no such task.
    """
    if task not in catalogue.backends():
        raise ModelError(f'no task is called {task!r}; there are {", ".join(tasks())}')
    return tuple(dict.fromkeys((*catalogue.backends()[task], *_third_party(task))))


def create(task: str, name: str, **options: Any) -> Any:
    """Make a backend; its ``load()`` is left to the caller.

    Args:
        task: ``face_detector``, ``face_classifier``, ``face_landmarks``, ``face_embedder``,
            ``audio_classifier`` or ``speech_activity``.
        name: one of :func:`names`.
        options: passed to the class.

    Raises:
        ModelError: task, name or an option is not known, or the class cannot be imported.
    """
    backend = _known(task, name)
    try:
        inspect.signature(backend).bind(**options)
    except TypeError as error:
        raise ModelError(f'{task} {name!r}: {error}; see its class for the options') from error
    return backend(**options)


def accepted(task: str, name: str, offered: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the offered options that a backend's constructor has by name.

    Backends need no options; those that choose a number format or a device name them alike.

    Raises:
        ModelError: task or name is not known, or the class cannot be imported.
    """
    return {
        option: value
        for option, value in offered.items()
        if option in inspect.signature(_known(task, name)).parameters
    }


def _known(task: str, name: str) -> Any:
    if name not in names(task):
        raise UnknownNameError(f'no {task} is called {name!r}; there are {", ".join(names(task))}')
    return _class(task, name)


def _class(task: str, name: str) -> Any:
    built_in = catalogue.backends()[task].get(name)
    try:
        if built_in is None:
            return _third_party(task)[name].load()
        module, _, attribute = built_in.partition(':')
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f'{task} {name!r} cannot be imported: {error}; install what it needs'
        ) from error
