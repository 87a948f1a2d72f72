"""Runs a launch file where `launch` is not installed: what it would start is kept, not started."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

MODULES = (
    'launch',
    'launch.actions',
    'launch.event_handlers',
    'launch.launch_description_sources',
    'launch.substitutions',
    'launch_ros',
    'launch_ros.actions',
)


class Entity:
    """Stands in for every class of launch: keeps what it is made with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs

    def perform(self, context: Any) -> str:
        return str(context.launch_configurations[self.args[0]])


@pytest.fixture
def launched(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[dict[str, Any]]]:
    """Return what runs a launch file: what it starts, each as the keywords it is made with."""
    for name in MODULES:
        module = ModuleType(name)
        module.__getattr__ = lambda _: Entity  # type: ignore[method-assign]
        monkeypatch.setitem(sys.modules, name, module)

    def run(file: str, **given: str) -> list[dict[str, Any]]:
        return twice(file, given)[0]

    def twice(file: str, *every: dict[str, str]) -> list[list[dict[str, Any]]]:
        """Include one launch description as often as there are arguments, as launch does."""
        made = runpy.run_path(str(repository / 'launch' / file))
        results = []
        for given in every:
            (entities,) = made['generate_launch_description']().args
            defaults = {
                each.args[0]: each.kwargs['default_value']
                for each in entities
                if 'default_value' in each.kwargs
            }
            context = SimpleNamespace(launch_configurations={**defaults, 'namespace': '', **given})
            results.append(list(_flat(entities[-1].kwargs['function'](context))))
        return results

    run.twice = twice  # type: ignore[attr-defined]
    return run


def _flat(actions: list[Entity]) -> Iterator[dict[str, Any]]:
    for action in actions:
        yield action.kwargs
        yield from _flat(action.kwargs.get('actions', []))


@pytest.fixture(scope='session')
def ros_context() -> Iterator[Any]:
    """Return a ROS of its own in a domain of this test session's own, as in test/ros."""
    rclpy = pytest.importorskip('rclpy', reason='no rclpy: run `make build` first')
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=1 + os.getpid() % 100)
    yield context
    context.try_shutdown()
