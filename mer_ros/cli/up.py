"""Run the graph without ros2 launch: the same nodes and parameters, ended together by Ctrl-C."""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
import tempfile
import time
from pathlib import Path

from mer_ros.cli import ros_names
from mer_ros.cli.errors import CommandError, UsageError
from mer_ros.cli.graph import (
    NODES,
    SOURCE,
    Graph,
    check_params_file,
    environment,
    names_source,
    require_ros,
)
from mer_ros.cli.number_arguments import within
from mer_ros.cli.processes import Child, Processes, interrupt_on_termination
from mer_ros.media.sources import CAMERAS, MICROPHONES, is_device
from mer_ros.ros.parameter_overrides import Value

POLL_S = 0.1
CANNOT, NOT_BEGUN = re.compile(r': (cannot (configure|activate): .*)'), ': has not begun: '
"""Stand in what a node logs that goes on without having begun (mer_ros/ros/node.py); the first
alone in that of one that was given another model later, which has no use for it."""

WAIT_FOR_SUBSCRIBERS_S = 20.0
"""A film that is started beside what listens to it begins when that listens."""

RETINAFACE = 'retinaface'
"""The one backend that needs its package at every start; wav2vec2 may run from its int8 copy."""

DRAIN_S = 2.0
"""How long the graph goes on after the end of a file: the last frames are still on their way."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--source',
        metavar='FILE|DIR|webcam:N',
        help='a video file, a folder of images or a camera; without it the graph listens to '
        'what others publish on image_raw and audio',
    )
    parser.add_argument('--mic', action='store_true', help='take the sound from the microphone')
    parser.add_argument('--params', type=Path, metavar='FILE', help='parameters (config/mer.yaml)')
    parser.add_argument('--loop', action='store_true', help='begin the file again at its end')
    parser.add_argument(
        '--rate',
        type=within(0.05, 50),
        help='speed of a file (default: as in the parameter file); given here and not 1.0, the '
        'nodes follow its /clock (a parameter file with a rate has to set publish_clock and '
        'use_sim_time as well)',
    )
    parser.add_argument('--namespace', default='', help='namespace of all nodes')
    parser.add_argument(
        '--remap',
        action='append',
        default=[],
        metavar='FROM:=TO',
        help='for example image_raw:=/camera/image_raw; may be given more than once',
    )
    add_backends(parser)
    parser.add_argument(
        '--image-transport', choices=('raw', 'compressed'), help='how images travel'
    )
    parser.add_argument('--use-sim-time', action='store_true', help='follow /clock')
    parser.add_argument(
        '--log-level', choices=('debug', 'info', 'warn', 'error', 'fatal'), default='info'
    )


def add_backends(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that choose backends, as the launch file calls them."""
    parser.add_argument('--face-detector', metavar='NAME', help='see mer models list')
    parser.add_argument('--face-classifier', metavar='NAME', help='see mer models list')
    parser.add_argument('--audio-classifier', metavar='NAME', help='see mer models list')


def backends(args: argparse.Namespace) -> dict[str, dict[str, Value]]:
    """Return the parameters that the arguments of :func:`add_backends` set."""
    wanted = {
        'face_emotion': {'detector': args.face_detector, 'classifier': args.face_classifier},
        'audio_emotion': {'classifier': args.audio_classifier},
    }
    return {
        node: {name: value for name, value in values.items() if value is not None}
        for node, values in wanted.items()
    }


def check_backends(args: argparse.Namespace) -> None:
    """Refuse what :func:`add_backends` took when the nodes could only say so later.

    Raises:
        UsageError: no backend has that name.
        ModelError: its model is missing or damaged; the message says how to get it.
        CommandError: its Python package is missing.
    """
    from mer_ros.models import catalogue, registry, store

    for task in ('face_detector', 'face_classifier', 'audio_classifier'):
        name = getattr(args, task)
        if name is None:
            continue
        if name not in registry.names(task):
            option = f'--{task.replace("_", "-")}'
            raise UsageError(f'{option} {name}: there are {", ".join(registry.names(task))}')
        model = catalogue.load().get(name)
        if model is not None and model.task == task:
            store.find(name)
        if name == RETINAFACE and importlib.util.find_spec(name) is None:
            raise CommandError(
                f"{name} needs the Python package retina-face: pip install 'mer_ros[deepface]'"
            )


def run(args: argparse.Namespace) -> int:
    """Start the nodes and wait for Ctrl-C, for the end of the file, or for one that dies."""
    graph = graph_of(args)
    require_ros()
    ros_names.check_remaps(args.remap, ros_names.namespace(args.namespace))
    check_backends(args)
    check_source(args.source)
    with (
        interrupt_on_termination(),
        tempfile.TemporaryDirectory(prefix='mer_') as folder,
        Processes(environment()) as processes,
    ):
        try:
            for node in NODES:
                processes.start(node, graph.command(node, Path(folder)))
            if SOURCE in graph.parameters:
                processes.start(SOURCE, graph.command(SOURCE, Path(folder)))
            return _watch(processes)
        except KeyboardInterrupt:
            print('mer up: stopping', file=sys.stderr)
            return 0


def check_source(source: str | None) -> None:
    """Refuse a file or folder that media_source could only refuse once everything runs.

    Raises:
        MediaError: it holds no pictures and no sound.
    """
    if source is not None and not is_device(source):
        from mer_ros.media.opener import open_source

        open_source(source).close()


def graph_of(args: argparse.Namespace) -> Graph:
    """Return the graph that the arguments describe.

    Raises:
        UsageError: the arguments are wrong, alone or beside each other.
        CommandError: a file is not there or can't be used.
    """
    _check_playing(args)
    check_params_file(args.params)
    parameters = backends(args)
    if args.image_transport:
        for node in ('face_emotion', 'emotion_fusion'):
            parameters.setdefault(node, {})['image_transport'] = args.image_transport
    source = source_parameters(args.source, args.mic)
    own_time = bool(source) and args.rate not in (None, 1.0)
    if not source and names_source(args.params):
        parameters[SOURCE] = {'exit_at_end': True}
    if source:
        given: dict[str, Value | None] = {
            **source,
            'exit_at_end': True,
            # Only where they are asked for: the parameter file may have them too.
            'loop': args.loop or None,
            'rate': args.rate,
            'publish_clock': own_time or None,
            'compressed': args.image_transport == 'compressed' or None,
        }
        parameters[SOURCE] = {name: value for name, value in given.items() if value is not None}
    fallbacks: dict[str, dict[str, Value]] = {}
    if SOURCE in parameters:
        fallbacks = {SOURCE: {'wait_for_subscribers': WAIT_FOR_SUBSCRIBERS_S}}
    return Graph(
        parameters=parameters,
        fallbacks=fallbacks,
        params_file=args.params,
        namespace=args.namespace,
        remaps=tuple(args.remap),
        use_sim_time=args.use_sim_time or own_time,
        log_level=args.log_level,
    )


def _check_playing(args: argparse.Namespace) -> None:
    """Refuse --rate and --loop where there is no file or folder that they could be of."""
    device = args.source is None or is_device(args.source)
    faster = args.rate not in (None, 1.0)
    for option, given in (('--rate', faster), ('--loop', args.loop)):
        if given and device:
            raise UsageError(f'{option} is for a file or folder: name one with --source')
    if faster and args.mic:
        raise UsageError('--rate is not for a microphone: leave out --mic or --rate')


def source_parameters(source: str | None, microphone: bool) -> dict[str, Value]:
    """Return media_source's parameters for a source; none when there is none to start.

    Raises:
        UsageError: it is no source.
        CommandError: a file or folder is not there.
    """
    values: dict[str, Value] = {}
    if source is not None:
        kind, _, device = source.partition(':')
        if kind in CAMERAS:
            if not (device.isdecimal() or device.startswith('/dev/')):
                raise UsageError(f'--source {source}: write webcam:0 or webcam:/dev/video0')
        elif kind not in MICROPHONES:
            try:
                path = Path(source).expanduser()
            except RuntimeError as error:  # pathlib: no such user, or one without a home
                raise CommandError(
                    f'--source {source}: there is no such home; write the whole path'
                ) from error
            if not path.exists():
                raise CommandError(f'--source {source}: no such file or folder')
            source = str(path.resolve())
        values['source'] = source
    if microphone:
        values['microphone'] = True
    return values


def _watch(processes: Processes) -> int:
    """Wait until a child ends, or says that it cannot begin.

    Raises:
        CommandError: a node has ended, or lives on without having begun.
    """
    while True:
        for child in processes.ended():
            return _after(child)
        for child in processes.children:
            lines = child.lines.copy()
            if not any(NOT_BEGUN in line for line in lines):
                continue
            for failure in filter(None, map(CANNOT.search, lines)):
                raise CommandError(f'{child.name}: {failure[1]}; the other nodes were stopped')
        time.sleep(POLL_S)


def _after(child: Child) -> int:
    """Return the exit status once a child has ended: only a file may come to its end."""
    if child.name == SOURCE and child.process.returncode == 0:
        time.sleep(DRAIN_S)
        print('mer up: the source has come to its end', file=sys.stderr)
        return 0
    raise CommandError(f'{child.reason()}; the other nodes were stopped')
