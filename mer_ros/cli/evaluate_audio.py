"""Measure an audio classifier on labelled clips, through the pipeline that the node runs.

Each clip is decoded, pushed in blocks, resampled, filtered, cut into windows of 1 s every 0.5 s
and classified. A clip's answer is the normalised geometric mean of its windows with speech (of
all its windows where no speech is detected), at the clip temperature of the model's card. Prints
one JSON line: each clip by itself and, of a classifier that adapts to a voice, under `adapted`
each beside the clips of its speaker that came before it in an order drawn by chance.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.chunk import AudioChunk, AudioError, Samples
from mer_ros.audio.decoding import decode_s16le
from mer_ros.audio.pipeline import AudioPipeline, speech_probability
from mer_ros.audio.pooling import pool_clips
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.windows import Window
from mer_ros.cli.errors import UsageError
from mer_ros.cli.evaluate_face import intervals, per_class, write_report
from mer_ros.cli.labelled_clips import Clip, read_labels, select, words
from mer_ros.cli.number_arguments import whole
from mer_ros.emotions import COUNT
from mer_ros.media.sources import AudioBlock
from mer_ros.media.video_file import VideoFileSource
from mer_ros.metrics import score
from mer_ros.models import registry

_BLOCK_S = 0.1
_ORDER = 0
"""Seed of the order that clips are heard in."""


@dataclass(frozen=True)
class Heard:
    """Windows of a clip that count, and whether there was speech in them."""

    windows: tuple[Window, ...]
    speech: bool


@dataclass(frozen=True)
class Answers:
    """What was said of C clips.

    Attributes:
        clips: (C, 7) float32, pooled.
        windows: (W, 7) float32, those that count.
        owner: (W,) int64, the clip of each window.
        silent: clips without detected speech.
        adapted: (C, 7) float32, pooled, beside what was heard of the speaker before; None from a
            classifier that does not adapt.
    """

    clips: Samples
    windows: Samples
    owner: NDArray[np.int64]
    silent: int
    adapted: Samples | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--data', type=Path, required=True, metavar='DIR', help='folder with labels.csv and clips'
    )
    parser.add_argument('--classifier', default='lite', metavar='NAME', help='default: lite')
    parser.add_argument('--activity', default='silero', metavar='NAME', help='default: silero')
    parser.add_argument(
        '--model',
        type=Path,
        metavar='FILE',
        help="another file than the classifier's own; the card of an .onnx (.json) lies beside it",
    )
    parser.add_argument(
        '--speakers', metavar='A,B', help='only these speakers (as in the column speaker)'
    )
    parser.add_argument('--exclude', metavar='A,B', help='all but these speakers')
    parser.add_argument(
        '--corpora', metavar='A,B', help='only these corpora (as in the column corpus)'
    )
    parser.add_argument(
        '--noise-reduction', action='store_true', help='with noise reduction, as the parameter'
    )
    parser.add_argument(
        '--report', type=Path, metavar='DIR', help='write confusion.png and reliability.png there'
    )
    parser.add_argument(
        '--bootstrap',
        type=whole(0),
        default=1000,
        metavar='N',
        help='resamplings of clips for the 95 %% intervals, 0 for none (default: 1000)',
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the JSON line.

    Raises:
        UsageError: the classifier has no choice of files.
        CommandError: labels.csv is missing or malformed, or nothing is left to evaluate.
        ModelError, AudioError, MediaError: a model or a clip cannot be used.
        RenderError: a picture cannot be written.
    """
    clips = read_labels(args.data)
    clips = select(clips, words(args.speakers), words(args.exclude), words(args.corpora))
    offered = {'path': args.model, 'model': args.model} if args.model else {}
    options = registry.accepted('audio_classifier', args.classifier, offered)
    if offered and not options:
        raise UsageError(f'--model: {args.classifier} takes no file of another')
    classifier = registry.create('audio_classifier', args.classifier, **options)
    activity = registry.create('speech_activity', args.activity)
    classifier.load()
    activity.load()
    settings = AudioSettings(noise_reduction=args.noise_reduction)
    pipeline = AudioPipeline(classifier, activity, settings)
    started = time.perf_counter()
    # Only the card of a model that was calibrated on clips as well says what they take.
    answers = listen(pipeline, clips, getattr(classifier, 'clip_temperature', 1.0))
    seconds = time.perf_counter() - started
    result = {
        **figures(clips, answers, args.bootstrap),
        'models': list(pipeline.models),
        'clips_per_second': len(clips) / seconds,
    }
    print(json.dumps(result, allow_nan=False), flush=True)
    if args.report:
        truth = np.array([clip.label for clip in clips], np.int64)
        write_report(args.report, truth, answers.clips, f'{pipeline.models[0]} on {args.data.name}')
    return 0


def listen(
    pipeline: AudioPipeline, clips: Sequence[Clip], clip_temperature: float = 1.0
) -> Answers:
    """Classify clips, N >= 1 of them.

    Raises:
        ModelError, AudioError, MediaError: a model or a clip cannot be used.
    """
    alone: list[Samples] = [np.empty((0, COUNT), np.float32)] * len(clips)
    adapted = list(alone)
    voices = {clip.speaker: pipeline.adaptation() for clip in clips}
    silent = 0
    order = np.random.default_rng(_ORDER).permutation(len(clips))
    for done, index in enumerate(order, start=1):
        heard = hear(pipeline, clips[index].path)
        alone[index] = pipeline.probabilities(heard.windows)
        silent += not heard.speech
        voice = voices[clips[index].speaker]
        if voice is not None:
            adapted[index] = voice.adapt(alone[index])
            if heard.speech:
                voice.add(alone[index], 0)
        _progress(done, len(clips))
    owner = np.repeat(np.arange(len(alone)), [len(table) for table in alone])
    windows = np.concatenate(alone)

    def pooled(table: Samples) -> Samples:
        return pool_clips(table, owner, len(clips), clip_temperature)

    known = pooled(np.concatenate(adapted)) if None not in voices.values() else None
    return Answers(pooled(windows), windows, owner, silent, known)


def figures(clips: Sequence[Clip], answers: Answers, rounds: int) -> dict[str, Any]:
    """Return the scores: overall, by corpus, class and speaker, and of single windows.

    Args:
        clips: what was classified.
        answers: of :func:`listen`.
        rounds: resamplings of clips for the intervals, which hold the speakers as they are: with
            few of them the rows by speaker say more about what a new one may expect.
    """
    truth = np.array([clip.label for clip in clips], np.int64)
    overall = score(truth, answers.clips)
    corpora = _grouped(truth, answers.clips, [clip.corpus for clip in clips])
    speakers = _grouped(truth, answers.clips, [clip.speaker for clip in clips])
    known = {}
    if answers.adapted is not None:
        names = [clip.corpus for clip in clips]
        known['adapted'] = {
            **score(truth, answers.adapted),
            'corpora': _grouped(truth, answers.adapted, names),
            'intervals_95': intervals(truth, answers.adapted, rounds),
        }
    return {
        **overall,
        'corpora': corpora,
        'uar_mean_of_corpora': float(np.mean([each['uar'] for each in corpora.values()])),
        'per_class': per_class(np.array(overall['confusion'])),
        'per_speaker': {
            name: {key: each[key] for key in ('n', 'accuracy', 'uar', 'ece')}
            for name, each in speakers.items()
        },
        'intervals_95': intervals(truth, answers.clips, rounds),
        'single_window': score(truth[answers.owner], answers.windows),
        'speakers': len(speakers),
        'clips_without_speech': answers.silent,
        **known,
    }


def _grouped(
    truth: NDArray[np.int64], table: Samples, names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return the scores of the clips of each name, in order of appearance."""
    groups = np.array(names)
    return {
        str(name): score(truth[groups == name], table[groups == name])
        for name in dict.fromkeys(names)
    }


def hear(pipeline: AudioPipeline, path: Path) -> Heard:
    """Return the windows of a clip that count.

    Raises:
        MediaError, AudioError: the clip cannot be used; the message names it.
    """
    try:
        windows = _windows(pipeline, path)
    except AudioError as error:  # the pipeline does not know where its sound is from
        raise AudioError(f'{path}: {error}') from error
    threshold = pipeline.settings.speech_threshold
    speech = [window for window in windows if speech_probability(window) >= threshold]
    return Heard(tuple(speech or windows), bool(speech))


def _windows(pipeline: AudioPipeline, path: Path) -> list[Window]:
    pipeline.reset()
    windows: list[Window] = []
    end: AudioChunk | None = None
    for chunk in _chunks(path):
        pipeline.push(chunk)
        windows += _popped(pipeline)
        end = chunk
    if end is not None and not windows:
        # Shorter than a window. A little more than the rest: the resampler looks ahead.
        count = round((pipeline.settings.window_s + 0.05) * end.sample_rate)
        silence = np.zeros((count, end.samples.shape[1]), np.float32)
        after_ns = end.stamp_ns + round(end.seconds * 1e9)
        pipeline.push(AudioChunk(after_ns, silence, end.sample_rate))
        windows += _popped(pipeline)[:1]
    return windows


def _chunks(path: Path) -> Iterator[AudioChunk]:
    source = VideoFileSource(path, video=False, audio_rate=None, block_s=_BLOCK_S)
    for block in source:
        if isinstance(block, AudioBlock):
            yield decode_s16le(
                block.samples.tobytes(),
                block.samples.shape[1],
                block.rate,
                round(block.stamp_s * 1e9),
                coding_format='wave',
            )


def _popped(pipeline: AudioPipeline) -> list[Window]:
    return list(iter(pipeline.pop, None))


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = '\n' if done == total else ''
        print(f'\r{done} of {total} clips', end=end, file=sys.stderr, flush=True)
