"""Measure an audio classifier on labelled clips, through the pipeline that the node runs.

Each clip is decoded, pushed in blocks, resampled, filtered, cut into windows of 1 s every 0.5 s
and classified. A clip's answer is the normalised geometric mean of its windows with speech (of
all its windows where no speech is detected). Prints one JSON line.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mer_ros.audio.chunk import AudioChunk, Samples
from mer_ros.audio.decoding import decode_s16le
from mer_ros.audio.pipeline import AudioPipeline, speech_probability
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.windows import Window
from mer_ros.cli.errors import CommandError
from mer_ros.emotions import ALIASES
from mer_ros.media.sources import AudioBlock
from mer_ros.media.video_file import VideoFileSource
from mer_ros.metrics import score
from mer_ros.models import registry

_BLOCK_S = 0.1
_BATCH = 64
"""Windows a call of the network: more brings nothing on a CPU."""
_FLOOR = 1e-6


@dataclass(frozen=True)
class Clip:
    """A row of labels.csv that has an emotion."""

    corpus: str
    path: Path
    speaker: str
    label: int


@dataclass(frozen=True)
class Heard:
    """Windows of a clip that count, and whether there was speech in them."""

    windows: tuple[Window, ...]
    speech: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--data', type=Path, required=True, metavar='DIR', help='folder with labels.csv and clips'
    )
    parser.add_argument('--classifier', default='lite', metavar='NAME', help='default: lite')
    parser.add_argument('--activity', default='silero', metavar='NAME', help='default: silero')
    parser.add_argument(
        '--model', type=Path, metavar='FILE', help="another file than the classifier's own"
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


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the JSON line.

    Raises:
        CommandError: labels.csv is missing or malformed, or nothing is left to evaluate.
        ModelError, AudioError, MediaError: a model or a clip cannot be used.
    """
    clips = read_labels(args.data)
    clips = select(clips, _words(args.speakers), _words(args.exclude), _words(args.corpora))
    options = {'path': args.model} if args.model else {}
    classifier = registry.create('audio_classifier', args.classifier, **options)
    activity = registry.create('speech_activity', args.activity)
    classifier.load()
    activity.load()
    settings = AudioSettings(noise_reduction=args.noise_reduction)
    pipeline = AudioPipeline(classifier, activity, settings)
    print(json.dumps(evaluate(pipeline, clips)))
    return 0


def read_labels(folder: Path) -> list[Clip]:
    """Return the rows of DIR/labels.csv that have an emotion.

    Raises:
        CommandError: the file or a column is missing, or an emotion is not one of ours.
    """
    path = folder / 'labels.csv'
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(
            f'cannot read {path}: {error}; --data is a folder with labels.csv and the clips'
        ) from error
    clips = []
    for number, row in enumerate(rows, start=2):
        missing = [key for key in ('corpus', 'file', 'speaker', 'emotion') if row.get(key) is None]
        if missing:
            raise CommandError(f'{path} line {number} has no {", ".join(missing)}; add the column')
        word = row['emotion'].strip().lower()
        if not word:
            continue
        if word not in ALIASES:
            raise CommandError(
                f'{path} line {number}: no emotion of ours is called {word!r}; leave it empty to '
                'skip the clip'
            )
        clips.append(Clip(row['corpus'], folder / row['file'], row['speaker'], int(ALIASES[word])))
    return clips


def select(
    clips: Sequence[Clip],
    speakers: Collection[str],
    exclude: Collection[str],
    corpora: Collection[str],
) -> list[Clip]:
    """Return the clips of these speakers (all when empty), of these corpora, without those.

    Raises:
        CommandError: a name is in no row, or no clip is left.
    """
    for what, names, known in (
        ('speaker', (*speakers, *exclude), {clip.speaker for clip in clips}),
        ('corpus', corpora, {clip.corpus for clip in clips}),
    ):
        unknown = sorted(set(names) - known)
        if unknown:
            raise CommandError(f'no clip is of {what} {", ".join(unknown)}')
    chosen = [
        clip
        for clip in clips
        if (not speakers or clip.speaker in speakers)
        and clip.speaker not in exclude
        and (not corpora or clip.corpus in corpora)
    ]
    if not chosen:
        raise CommandError('no clip with an emotion is left; choose fewer restrictions')
    return chosen


def evaluate(pipeline: AudioPipeline, clips: Sequence[Clip]) -> dict[str, Any]:
    """Return the fields of the JSON line: overall, per corpus, and single windows."""
    started = time.perf_counter()
    pooled: list[Samples] = []
    single: list[Samples] = []
    owners: list[int] = []
    silent = 0
    waiting: list[Heard] = []
    for index, clip in enumerate(clips):
        waiting.append(hear(pipeline, clip.path))
        if index + 1 < len(clips) and sum(len(each.windows) for each in waiting) < _BATCH:
            continue
        for heard, probabilities in _classified(pipeline, waiting):
            owners += [len(pooled)] * len(probabilities)
            pooled.append(pool(probabilities))
            single.append(probabilities)
            silent += not heard.speech
        waiting = []
        _progress(index + 1, len(clips))
    truth = np.array([clip.label for clip in clips])
    table = np.stack(pooled)
    names = np.array([clip.corpus for clip in clips])
    corpora = {
        str(name): score(truth[names == name], table[names == name])
        for name in dict.fromkeys(names.tolist())
    }
    seconds = time.perf_counter() - started
    return {
        **score(truth, table),
        'corpora': corpora,
        'uar_mean_of_corpora': float(np.mean([each['uar'] for each in corpora.values()])),
        'single_window': score(truth[owners], np.concatenate(single)),
        'speakers': len({clip.speaker for clip in clips}),
        'clips_without_speech': silent,
        'models': list(pipeline.models),
        'clips_per_second': len(clips) / seconds,
    }


def hear(pipeline: AudioPipeline, path: Path) -> Heard:
    """Return the windows of a clip that count.

    Raises:
        MediaError, AudioError: the clip cannot be used.
    """
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
    threshold = pipeline.settings.speech_threshold
    speech = [window for window in windows if speech_probability(window) >= threshold]
    return Heard(tuple(speech or windows), bool(speech))


def pool(probabilities: Samples) -> Samples:
    """Return the (7,) normalised geometric mean of (W, 7) probabilities."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), _FLOOR)).mean(axis=0)
    powers = np.exp(logs - logs.max())
    return np.asarray(powers / powers.sum(), np.float32)


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


def _classified(pipeline: AudioPipeline, clips: Sequence[Heard]) -> Iterator[tuple[Heard, Samples]]:
    """Give each clip its windows' probabilities, classified together."""
    windows = [window for clip in clips for window in clip.windows]
    parts = [
        pipeline.probabilities(windows[start : start + _BATCH])
        for start in range(0, len(windows), _BATCH)
    ]
    table = np.concatenate(parts)
    first = 0
    for clip in clips:
        yield clip, table[first : first + len(clip.windows)]
        first += len(clip.windows)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or '').split(',') if word.strip())


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = '\n' if done == total else ''
        print(f'\r{done} of {total} clips', end=end, file=sys.stderr, flush=True)
