"""Run the whole graph on a clip: live fused results, two pictures, and one line of JSON.

Without --source the clip is made on the spot: a portrait that moves, and a synthetic voice.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mer_ros.cli.errors import CommandError
from mer_ros.cli.graph import (
    NODES,
    SOURCE,
    Graph,
    environment,
    require_ros,
)
from mer_ros.cli.number_arguments import positive
from mer_ros.cli.playback import Clip, look_at, playing
from mer_ros.cli.processes import Processes, interrupt_on_termination
from mer_ros.cli.up import add_backends, backends, check_backends

if TYPE_CHECKING:
    from mer_ros.cli.observer import Arrival, Observer

START_S = 60.0
"""A graph that is not active by then will not be."""

DRAIN_S = 5.0
QUIET_S = 1.2
"""More than a period of the diagnostics, whose last counts are wanted."""

SETTLE_S = 0.3
"""What we see of the graph the nodes themselves see a little later."""

LOOKS_AT, LOOK_S = (0.15, 0.55), 2.0
"""When, in parts of the clip, and how long the debug image is looked at: always would cost CPU."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--source', metavar='FILE|DIR|webcam:N', help='instead of the demo clip')
    parser.add_argument('--mic', action='store_true', help='take the sound from the microphone')
    parser.add_argument('--duration', type=positive, metavar='S', help='end after so many seconds')
    parser.add_argument(
        '--output', type=Path, default=Path('demo_output'), help='folder of the pictures'
    )
    parser.add_argument('--quiet', action='store_true', help='only the last line')
    add_backends(parser)


def run(args: argparse.Namespace) -> int:
    """Run the graph on the clip and report."""
    require_ros()
    check_backends(args)
    clip = look_at(args)
    if args.output.exists() and not args.output.is_dir():
        raise CommandError(f'{args.output} is a file: choose another --output')
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=args.output):
            pass  # or the figures would be lost with the pictures at the end
    except OSError as error:
        raise CommandError(
            f'cannot write into {args.output}: {error.strerror}; choose another --output'
        ) from error
    parameters = backends(args)
    parameters[SOURCE] = {**playing(clip, args.mic)}
    with interrupt_on_termination():
        summary = watch(
            Graph(parameters=parameters, log_level='warn'),
            clip,
            args.output,
            args.duration,
            not args.quiet,
        )
    print(json.dumps(summary), flush=True)
    trouble = silence(summary, clip)
    if trouble:
        raise CommandError(trouble)
    return 0


def watch(
    graph: Graph, clip: Clip, output: Path, duration_s: float | None, talk: bool
) -> dict[str, Any]:
    """Run a graph on a clip to its end, or to Ctrl-C, and return the figures.

    Args:
        graph: what is started; media_source must not start by itself.
        clip: what it plays.
        output: where the pictures go.
        duration_s: end after this long, if given.
        talk: print a line for each fused result.

    Raises:
        CommandError: the graph does not come up, or a node dies.
        BrokenPipeError: who reads our output has gone.
    """
    begun = time.monotonic()
    # Children come before any thread of ours: they are forked.
    with (
        tempfile.TemporaryDirectory(prefix='mer_') as folder,
        Processes(environment()) as processes,
    ):
        for node in (*NODES, SOURCE):
            processes.start(node, graph.command(node, Path(folder)))
        from mer_ros.cli.observer import Observer
        from mer_ros.cli.usage import Usage
        from mer_ros.ros import transport

        transport.prepare()
        starts: list[int] = []

        def tell(arrival: Arrival) -> None:
            starts.append(arrival.array.stamp_ns)
            if talk:
                from mer_ros.cli.report import line

                print(line(arrival.array, starts[0]), flush=True)

        with Observer(graph.namespace, tell) as observer:
            _await_graph(processes, observer)
            usage = Usage({child.name: child.process.pid for child in processes.children})
            try:
                _play(processes, observer, clip, duration_s)
            except KeyboardInterrupt:
                print('mer: stopping', file=sys.stderr)
                observer.stop(SOURCE)
                time.sleep(QUIET_S)
            load = usage.since_start()
            return _summary(observer, clip, output, begun, load)


def silence(summary: dict[str, Any], clip: Clip) -> str:
    """Return what should have spoken and did not, '' when all did."""
    if not summary['fused']['count']:
        return "there was no fused result: see the nodes' messages above, or run mer doctor"
    if clip.frame_rate and not summary['face']['count']:
        return f'face_emotion said nothing about {clip.source}'
    if clip.sound and not summary['audio']['count']:
        return f'audio_emotion said nothing about {clip.source}'
    return ''


def _await_graph(processes: Processes, observer: Observer) -> None:
    """Wait until the nodes are active and heard, then start the source.

    Raises:
        CommandError: a node dies or does not become active.
    """
    end = time.monotonic() + START_S
    waiting = set(NODES)
    while waiting or not observer.is_connected():
        _check_alive(processes, observer)
        waiting = {node for node in waiting if not observer.is_active(node)}
        for node in waiting:
            diagnosis = observer.diagnosis(node)
            if diagnosis.level == 2:
                raise CommandError(f'{node}: {diagnosis.message}')
        if time.monotonic() > end:
            raise CommandError(
                f'{", ".join(sorted(waiting)) or "no result topic"} not active within '
                f'{START_S:.0f} s: run mer doctor'
            )
        time.sleep(0.02)
    time.sleep(SETTLE_S)
    if not observer.start(SOURCE):
        raise CommandError(f'{SOURCE}: {observer.diagnosis(SOURCE).message or "did not start"}')


def _play(processes: Processes, observer: Observer, clip: Clip, duration_s: float | None) -> None:
    """Wait for the end of the clip and of its results.

    Raises:
        CommandError: a node dies meanwhile, or the source fails.
    """
    begun = time.monotonic()
    while duration_s is None or time.monotonic() - begun < duration_s:
        _check_alive(processes, observer)
        diagnosis = observer.diagnosis(SOURCE)
        if diagnosis.values.get('ended') == 'True':
            break
        # A device may come back: media_source says that it is missing, and goes on trying.
        if diagnosis.level == 2 and clip.duration_s and not clip.microphone:
            raise CommandError(f'{SOURCE}: {diagnosis.message}')
        second, length_s = time.monotonic() - begun, duration_s or clip.duration_s or 20.0
        looks = (second - part * length_s for part in LOOKS_AT)
        observer.watch_debug_image(any(0 <= each < LOOK_S for each in looks))
        time.sleep(0.05)
    else:
        observer.stop(SOURCE)
    observer.watch_debug_image(False)
    end = time.monotonic() + DRAIN_S
    count, since = -1, time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < QUIET_S:
        observer.check()
        now = sum(map(len, observer.results.values()))
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.05)


def _check_alive(processes: Processes, observer: Observer) -> None:
    observer.check()
    for child in processes.ended():
        raise CommandError(child.reason())


def _summary(
    observer: Observer, clip: Clip, output: Path, begun: float, load: dict[str, Any]
) -> dict[str, Any]:
    from mer_ros.cli import demo_pictures, report

    fused = observer.results['fused']
    source, face = observer.diagnosis(SOURCE).values, observer.diagnosis('face_emotion').values
    return {
        **{name: report.figures(arrivals) for name, arrivals in observer.results.items()},
        'image': {
            'published': int(source.get('images', 0)),
            'received': int(face.get('received', 0)),
        },
        'startup_s': round(observer.first_fused - begun, 2) if fused else None,
        'source': {
            'name': clip.source,
            'frame_rate': round(clip.frame_rate, 2),
            'sound': clip.sound,
        },
        'audio_evidence_age_s': report.quantiles(report.audio_age_s(fused)),
        'labels': report.labels(fused),
        'debug_images': observer.debug_count,
        'usage': load,
        'files': demo_pictures.write(observer, output),
    }
