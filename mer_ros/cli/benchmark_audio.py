"""Time one hop of the audio pipeline (0.5 s of sound, one window), beside the reference way.

Reference `afresh`: every window is taken as if it were the first: the speech activity hears all
of it again from a cold start, then the same classifier and descriptors, without the buffers,
filters and quality measures of the pipeline. With the classifier wav2vec2 the reference is
`float32`, the same network as transformers loads it.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.chunk import AudioChunk
from mer_ros.audio.features import extract
from mer_ros.audio.pipeline import AudioPipeline
from mer_ros.audio.settings import AudioSettings
from mer_ros.cli import timing
from mer_ros.cli.errors import CommandError
from mer_ros.models import registry

RATE = 16_000
CHUNK_S = 0.03
SETTLE_S = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--classifier', default='lite', metavar='NAME', help='default: lite')
    parser.add_argument('--runs', type=int, default=100, help='default: 100')


def run(args: argparse.Namespace) -> int:
    """Measure and print one line of JSON."""
    if args.runs < 1:
        raise CommandError('--runs must be 1 or more')
    classifier = registry.create('audio_classifier', args.classifier)
    activity = registry.create('speech_activity', 'silero')
    classifier.load()
    activity.load()
    pipeline = AudioPipeline(classifier, activity, AudioSettings(speech_threshold=0.0))
    speech = voice_like(SETTLE_S + 1.0)
    stream = _Stream(pipeline, speech)
    stream.settle()
    result = timing.compare(
        stream.hop, {_reference_name(args): _reference(args, classifier, speech)}, args.runs
    )
    hop_s = pipeline.settings.hop_s
    result |= {
        'models': list(pipeline.models),
        'window_s': pipeline.settings.window_s,
        'hop_s': hop_s,
        'share_of_hop': round(result['ms']['p50'] * 1e-3 / hop_s, 4),
    }
    print(json.dumps(result))
    return 0


def voice_like(seconds: float) -> NDArray[np.float32]:
    """Return a sound like a voice: a gliding pitch with formants, in syllables; (n,) float32."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    pitch = 140.0 + 30.0 * np.sin(2 * np.pi * 0.7 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = np.zeros_like(time_s)
    for harmonic in range(1, 40):
        frequency = harmonic * pitch
        weight = sum(
            np.exp(-(((frequency - formant) / width) ** 2))
            for formant, width in ((600, 150), (1200, 200), (2500, 300))
        )
        sound += weight * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 4 * time_s), 0.0, 1.0)
    return np.asarray(0.1 * sound * syllables, np.float32)


class _Stream:
    """Endless sound into a pipeline, a hop at a time."""

    def __init__(self, pipeline: AudioPipeline, sound: NDArray[np.float32]) -> None:
        self._pipeline = pipeline
        self._sound = sound
        self._position = 0

    def settle(self) -> None:
        """Push what comes before the first measured hop."""
        while self._position < SETTLE_S * RATE:
            self.hop(0)

    def hop(self, index: int) -> None:
        """Push half a second in blocks, pop the window and classify it."""
        settings = self._pipeline.settings
        end = self._position + round(settings.hop_s * RATE)
        while self._position < end:
            count = min(round(CHUNK_S * RATE), end - self._position)
            where = np.arange(self._position, self._position + count) % len(self._sound)
            stamp_ns = self._position * 1_000_000_000 // RATE
            self._pipeline.push(AudioChunk(stamp_ns, self._sound[where][:, None], RATE))
            self._position += count
        while (window := self._pipeline.pop()) is not None:
            self._pipeline.classify(window)


def _reference_name(args: argparse.Namespace) -> str:
    return 'float32' if args.classifier == 'wav2vec2' else 'afresh'


def _reference(args: argparse.Namespace, classifier: Any, sound: NDArray[np.float32]) -> Any:
    activity = registry.create('speech_activity', 'silero')
    activity.load()
    plain = classifier
    if args.classifier == 'wav2vec2':
        plain = registry.create('audio_classifier', 'wav2vec2', dtype='float32')
        plain.load()
    window = sound[:RATE]

    def afresh(index: int) -> None:
        activity.reset()
        activity.process(window)
        plain.classify(window[None])
        extract(window)

    return afresh
