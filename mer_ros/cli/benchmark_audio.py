"""Time one hop of the audio pipeline (0.5 s of sound, one window), beside the reference way.

Reference `afresh`: every window is taken as if it were the first: the speech activity hears all
of it again from a cold start, then the same classifier and descriptors, without the buffers,
filters and quality measures of the pipeline. With the classifier wav2vec2 the reference is
`transformers`: the same with the network as that library runs it, in float32.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio import wav2vec2_checkpoint
from mer_ros.audio.chunk import AudioChunk
from mer_ros.audio.features import extract
from mer_ros.audio.pipeline import AudioPipeline
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.wav2vec2 import DEVICES, DTYPES
from mer_ros.cli import timing
from mer_ros.cli.number_arguments import whole
from mer_ros.models import registry, store

RATE = 16_000
CHUNK_S = 0.03
SETTLE_S = 3.0
OPTIONS: Mapping[str, Sequence[Any]] = {
    'dtype': DTYPES,
    'device': DEVICES,
    'threads': range(1, 17),
}
"""Of a classifier that runs in several ways: what the node's parameters of these names take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--classifier', default='lite', metavar='NAME', help='default: lite')
    parser.add_argument('--runs', type=whole(1), default=100, help='default: 100')
    for option, values in OPTIONS.items():
        parser.add_argument(
            f'--{option}',
            type=type(values[0]),
            choices=values,
            metavar=option.upper(),
            help=f'{_shown(values)}: of the classifier, where it has it',
        )


def run(args: argparse.Namespace) -> int:
    """Measure and print one line of JSON."""
    classifier = registry.create('audio_classifier', args.classifier, **_options(args))
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
        'runs_on': pipeline.chosen,
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


def _shown(values: Sequence[Any]) -> str:
    if isinstance(values, range):
        return f'{values[0]} .. {values[-1]}'
    return ' | '.join(values)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the given options that the classifier has, and say which it has not."""
    named = {option: getattr(args, option) for option in OPTIONS}
    given = {option: value for option, value in named.items() if value is not None}
    taken = registry.accepted('audio_classifier', args.classifier, given)
    for option in given.keys() - taken.keys():
        print(
            f'mer benchmark audio: {args.classifier} has no --{option}, it is left out',
            file=sys.stderr,
        )
    return taken


def _reference_name(args: argparse.Namespace) -> str:
    return 'transformers' if args.classifier == 'wav2vec2' else 'afresh'


def _reference(args: argparse.Namespace, classifier: Any, sound: NDArray[np.float32]) -> Any:
    activity = registry.create('speech_activity', 'silero')
    activity.load()
    classify = classifier.classify
    if args.classifier == 'wav2vec2':
        classify = _transformers(args.threads or 2)
    window = sound[:RATE]

    def afresh(index: int) -> None:
        activity.reset()
        activity.process(window)
        classify(window[None])
        extract(window)

    return afresh


def _transformers(threads: int) -> Callable[[NDArray[np.float32]], object]:
    import torch
    from transformers import Wav2Vec2FeatureExtractor

    body, head = wav2vec2_checkpoint.read(store.find('wav2vec2'), fold=False)
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True)
    torch.set_num_threads(threads)

    def classify(windows: NDArray[np.float32]) -> object:
        values = extractor(list(windows), sampling_rate=RATE, return_tensors='pt').input_values
        with torch.inference_mode():
            return torch.softmax(head(body(values).last_hidden_state.mean(dim=1)), dim=1)

    return classify
