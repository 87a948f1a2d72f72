"""The nodes of the graph as command lines: what `mer up`, `mer demo` and the benchmark start."""

from __future__ import annotations

import difflib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mer_ros
from mer_ros.cli.errors import CommandError
from mer_ros.ros import namespaces, parameter_overrides
from mer_ros.ros.parameter_overrides import Value

NODES = ('face_emotion', 'audio_emotion', 'emotion_fusion')
SOURCE = 'media_source'
ANY_NODE, PARAMETERS = '/**', 'ros__parameters'


@dataclass(frozen=True)
class Graph:
    """What is started, and how.

    Attributes:
        parameters: of single nodes, over those of the file: ``{'face_emotion': {'detector': ..}}``.
        fallbacks: of single nodes, over config/mer.yaml but under a file of the user's.
        params_file: a ROS parameter file; None takes config/mer.yaml of this package.
        namespace: of all nodes, '' for none.
        remaps: ``from:=to`` for all nodes.
        use_sim_time: whether the nodes follow /clock; False leaves it to the parameter file.
        log_level: debug, info, warn, error or fatal.
    """

    parameters: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    fallbacks: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    params_file: Path | None = None
    namespace: str = ''
    remaps: tuple[str, ...] = ()
    use_sim_time: bool = False
    log_level: str = 'info'

    def command(self, node: str, folder: Path) -> list[str]:
        """Return the command line of a node.

        Args:
            node: one of :data:`NODES` or :data:`SOURCE`.
            folder: where the file of its parameters is written; it has to outlive the node.
        """
        argv = [sys.executable, '-m', f'mer_ros.ros.{node}', '--ros-args']
        argv += ['--log-level', f'{namespaces.logger(self.namespace, node)}:={self.log_level}']
        if self.namespace:
            argv += ['-r', f'__ns:=/{self.namespace.strip("/")}']
        for rule in self.remaps:
            argv += ['-r', rule]
        values = dict(self.fallbacks.get(node, {}))
        if self.params_file is not None:
            # Before the file, which thus goes over what stands here.
            for name, value in values.items():
                argv += ['-p', f'{name}:={parameter_overrides.as_yaml(value)}']
            values = {}
        argv += ['--params-file', str(self.params_file or default_params_file())]
        if self.use_sim_time:
            values['use_sim_time'] = True
        values |= self.parameters.get(node, {})
        if values:
            path = parameter_overrides.write(folder / f'{node}.yaml', node, values)
            argv += ['--params-file', str(path)]
        return argv


def default_params_file() -> Path:
    """Return config/mer.yaml: of the source tree, else of the installed package.

    Raises:
        CommandError: there is none.
    """
    beside = Path(mer_ros.__file__).resolve().parent.parent / 'config' / 'mer.yaml'
    found = [beside]
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            found.append(Path(prefix) / 'share' / 'mer_ros' / 'config' / 'mer.yaml')
    for path in found:
        if path.is_file():
            return path
    raise CommandError(
        'config/mer.yaml is not found: source install/setup.bash, or give --params FILE'
    )


def environment() -> dict[str, str]:
    """Return the environment of the nodes: ours, with room for images in Fast DDS's sockets."""
    from mer_ros.ros import transport

    values = dict(os.environ)
    transport.prepare(values)
    return values


def require_ros() -> None:
    """Check that nodes can run here.

    Raises:
        ModuleNotFoundError: names what is missing; the command line says how to mend it.
        CommandError: see :func:`check_log_folder`.
    """
    for name in ('rclpy', 'mer_ros.msg', 'audio_common_msgs'):
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
    check_log_folder()


def check_log_folder() -> None:
    """Refuse to start what rcl would end: it takes the home from HOME alone.

    Raises:
        CommandError: no variable says where the logs go.
    """
    where = os.environ.get('ROS_LOG_DIR') or os.environ.get('ROS_HOME') or os.environ.get('HOME')
    if where is None:
        raise CommandError('ROS has no folder for its logs: set HOME or ROS_LOG_DIR')


def check_params_file(path: Path | None) -> None:
    """Refuse a parameter file that no node could read.

    Raises:
        CommandError: it is missing, is no YAML, or holds nothing for any of our nodes.
    """
    if path is None:
        return
    import yaml

    if not path.is_file():
        raise CommandError(f'{path}: no such parameter file')
    try:
        tree = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CommandError(f'{path} is no YAML file: {error}') from error
    if not isinstance(tree, dict) or not tree:
        raise CommandError(f'{path} holds no parameters; config/mer.yaml shows the layout')
    sections = dict(_sections(tree))
    ours = {*NODES, SOURCE, ANY_NODE}
    for name, content in sections.items():
        if name in ours and not isinstance(content, dict):
            raise CommandError(
                f'{path}: what {name} has stands under no ros__parameters; config/mer.yaml shows '
                'the layout'
            )
    if not ours & sections.keys():
        raise CommandError(
            f'{path} has parameters for {", ".join(map(str, tree))} but for none of '
            f'{", ".join((*NODES, SOURCE))}; config/mer.yaml shows the layout'
        )
    for name in sections.keys() - ours:
        # Other nodes may have sections, too: a camera's.
        if near := difflib.get_close_matches(name, (*NODES, SOURCE), 1, 0.8):
            print(
                f'mer: {path} has parameters for {name}, which no node is called: did you mean '
                f'{near[0]}?',
                file=sys.stderr,
            )


def names_source(path: Path | None) -> bool:
    """Say whether a parameter file, which :func:`check_params_file` has passed, names a source."""
    if path is None:
        return False
    import yaml

    sections = dict(_sections(yaml.safe_load(path.read_text(encoding='utf-8'))))
    given = sections.get(SOURCE)
    return isinstance(given, dict) and bool(given.get('source') or given.get('microphone'))


def _sections(tree: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the nodes of a parameter file by name and what stands under their ros__parameters.

    Namespaces may be written into the name (/robot/face_emotion) or around it. What has no
    ros__parameters gives None.
    """
    for key, content in tree.items():
        name = str(key)
        last = name if name == ANY_NODE else name.rsplit('/', 1)[-1]
        if isinstance(content, dict) and PARAMETERS in content:
            yield last, content[PARAMETERS] or {}
        elif last in (*NODES, SOURCE) or not isinstance(content, dict):
            yield last, None
        else:
            yield from _sections(content)
