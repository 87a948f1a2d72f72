"""Time the running graph, stamp to fused result, beside the same work in one loop without ROS.

The reference `one_loop` plays the same clip in real time through the same pipelines in one
process: face, then whatever audio is due, then fusion. It has no transport to pay for, but a
window of audio makes the next images wait.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from mer_ros.cli import demo, playback, timing
from mer_ros.cli.errors import CommandError
from mer_ros.cli.graph import SOURCE, Graph, require_ros
from mer_ros.cli.number_arguments import positive
from mer_ros.cli.processes import interrupt_on_termination
from mer_ros.cli.up import add_backends, backends, check_backends


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--source', metavar='FILE', help='instead of the demo clip')
    parser.add_argument('--duration', type=positive, default=15.0, help='seconds (default: 15)')
    add_backends(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print one line of JSON."""
    require_ros()
    check_backends(args)
    args.mic = False
    clip = playback.look_at(args)
    parameters = backends(args)
    parameters[SOURCE] = playback.playing(clip, False)
    with interrupt_on_termination(), tempfile.TemporaryDirectory() as folder:
        summary = demo.watch(
            Graph(parameters=parameters, log_level='warn'),
            clip,
            Path(folder),
            args.duration,
            talk=False,
        )
        trouble = demo.silence(summary, clip)
        if trouble:
            raise CommandError(trouble)
        reference = one_loop(clip.source, parameters, args.duration)
    summary.pop('files')
    ours = summary['fused']['latency_ms']
    usage = summary['usage'].values()
    result = {
        'ms': ours,
        'reference_ms': reference['ms'],
        'ratio': timing.ratio(reference['ms']['p50'], ours['p50']),
        'reference': 'one_loop',
        'references': {
            'one_loop': {
                **reference,
                'ratio': timing.ratio(reference['ms']['p50'], ours['p50']),
            }
        },
        'cpu': round(sum(each['cpu'] for each in usage), 3),
        'rss_mb': round(sum(each['rss_mb'] for each in usage), 1),
        **summary,
    }
    print(json.dumps(result))
    return 0


def one_loop(source: str, parameters: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Play a clip through the pipelines in this process; return ``ms``, ``rate_hz``, ``cpu``."""
    from mer_ros.audio.chunk import AudioChunk
    from mer_ros.audio.pipeline import AudioPipeline
    from mer_ros.face.pipeline import FacePipeline
    from mer_ros.fusion.engine import FusionEngine
    from mer_ros.fusion.parameters import ParameterTable
    from mer_ros.fusion.settings import FusionSettings
    from mer_ros.media.opener import open_source
    from mer_ros.media.sources import AudioBlock
    from mer_ros.models import registry, store
    from mer_ros.ros.playout import in_due_order
    from mer_ros.ros.read_ahead import ReadAhead

    face_names, audio_names = parameters['face_emotion'], parameters['audio_emotion']
    face = FacePipeline(
        registry.create('face_detector', face_names.get('detector', 'haar')),
        registry.create('face_classifier', face_names.get('classifier', 'lite')),
    )
    classifier = registry.create('audio_classifier', audio_names.get('classifier', 'lite'))
    activity = registry.create('speech_activity', 'silero')
    for each in (face, classifier, activity):
        each.load()
    audio = AudioPipeline(classifier, activity)
    engine = FusionEngine(FusionSettings(), ParameterTable.read(store.find('fusion')))
    latencies: list[float] = []
    results = 0
    busy = time.process_time()
    with ReadAhead(in_due_order(open_source(source))) as items:
        begun = time.monotonic()
        for due_s, item in items:
            if due_s > seconds:
                break
            time.sleep(max(begun + due_s - time.monotonic(), 0.0))
            stamp_ns = round(item.stamp_s * 1e9)
            if isinstance(item, AudioBlock):
                samples = (item.samples / 32768.0).astype(np.float32)
                audio.push(AudioChunk(stamp_ns, samples, item.rate))
                while (window := audio.pop()) is not None:
                    results += len(engine.add_audio(audio.classify(window)[0]))
                continue
            fused = engine.add_face(face.process(item.image_bgr, stamp_ns))
            if fused:
                results += len(fused)
                latencies.append(time.monotonic() - begun - due_s)
        spent = time.monotonic() - begun
    if not latencies:
        raise CommandError(f'{source} has no pictures to compare with')
    return {
        'ms': timing.quantiles_ms(latencies),
        'rate_hz': round(results / spent, 2),
        'cpu': round((time.process_time() - busy) / spent, 3),
        'rss_mb': round(psutil.Process().memory_info().rss / 2**20, 1),
    }
