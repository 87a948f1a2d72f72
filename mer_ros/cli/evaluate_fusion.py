"""Measure the fusion on what a face and an audio backend said of labelled clips.

The parameters are fitted on another table, or on the other folds of the same one; then the
clips are fused as one recording: how far the voices are trusted and how the faces are biased is
estimated from the clips themselves, without their labels (docs/fusion.md). Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.cli.evaluate_face import intervals, write_report
from mer_ros.emotions import LABELS
from mer_ros.fusion.clips import ClipTable, read
from mer_ros.fusion.comparison import dempster_shafer, maximum, mean, product
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import temper
from mer_ros.fusion.recording import (
    RecordingContext,
    agreement_of,
    fuse_recording,
    learn_baselines,
    learn_trust,
    no_context,
)
from mer_ros.metrics import score

Table = NDArray[np.float64]

FACE_BACKENDS = ('face_mlp', 'face_bilstm')
Way = Callable[['Part', Table, Table], Table]
"""Fuses the (N, 7) faces and voices of a part."""

_FIELDS = ('accuracy', 'uar', 'ece')


@dataclass(frozen=True)
class Part:
    """Clips that are fused with the same parameters: ``rows`` (N,) bool, and who fitted them."""

    rows: NDArray[np.bool_]
    parameters: FusionParameters
    fitted_on: ClipTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        metavar='F.csv',
        help='clips: label, actor, fold, speech_<emotion>, <face>_<emotion>',
    )
    parser.add_argument(
        '--fit',
        type=Path,
        metavar='G.csv',
        help='fit the parameters on these clips (default: on the other folds of F)',
    )
    parser.add_argument(
        '--face',
        default=FACE_BACKENDS[0],
        metavar='|'.join(FACE_BACKENDS),
        help='columns <face>_<emotion> of the table (default: %(default)s)',
    )
    parser.add_argument(
        '--clip-by-clip',
        action='store_true',
        help='learn nothing from the other clips of the recording: trust and baselines stay as '
        'they were fitted',
    )
    parser.add_argument(
        '--methods', action='store_true', help='add other ways of fusing, as "methods"'
    )
    parser.add_argument(
        '--report', type=Path, metavar='DIR', help='write confusion.png and reliability.png there'
    )
    parser.add_argument(
        '--bootstrap',
        type=int,
        default=1000,
        metavar='N',
        help='resamplings for the 95 %% intervals, 0 for none (default: 1000)',
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the JSON line.

    Raises:
        FusionError: a table cannot be used.
        CommandError: the report's folder cannot be made.
        RenderError: a picture cannot be written.
    """
    clips = read(args.data, args.face)
    parts = fitted_parts(clips, read(args.fit, args.face) if args.fit else None)
    order = swapped_rows(len(clips.labels))
    foreign = clips.audio[order]
    fused, trust = fuse(clips, clips.audio, parts, args.clip_by_clip)
    fused_swapped, trust_swapped = fuse(clips, foreign, parts, args.clip_by_clip)
    tables = {
        'face': clips.face,
        'audio': clips.audio,
        'mean': mean(clips.face, clips.audio),
        'fused': fused,
        'mean_swapped': mean(clips.face, foreign),
        'fused_swapped': fused_swapped,
        'face_calibrated': _in_parts(
            lambda part, face, _: temper(face, part.parameters.face_temperature),
            clips,
            clips.audio,
            parts,
        ),
        'audio_calibrated': _in_parts(
            lambda part, _, audio: temper(audio, part.parameters.audio_temperature),
            clips,
            clips.audio,
            parts,
        ),
    }
    result: dict[str, Any] = {name: _scores(clips, table) for name, table in tables.items()}
    result |= {
        'n': len(clips.labels),
        'face_backend': args.face,
        'fitted_on': str(args.fit.name) if args.fit else 'other folds',
        'context': 'none' if args.clip_by_clip else 'recording',
        'trust': {'fused': trust, 'fused_swapped': trust_swapped},
        'confusion': score(clips.labels, fused)['confusion'],
        'per_class': per_class(clips, fused, args.bootstrap),
        'intervals_95': {
            name: intervals(clips.labels, tables[name].astype(np.float32), args.bootstrap)
            for name in ('face', 'audio', 'mean', 'fused', 'mean_swapped', 'fused_swapped')
        },
    }
    if args.methods:
        result['methods'] = methods(clips, foreign, parts)
    if args.report:
        title = f'fused {args.face} + speech on {args.data.name}'
        write_report(args.report, clips.labels, fused.astype(np.float32), title)
    print(json.dumps(result, allow_nan=False))
    return 0


def fitted_parts(clips: ClipTable, other: ClipTable | None) -> list[Part]:
    """Return the parts of the clips with parameters fitted on others.

    Raises:
        FusionError: there is nothing to fit on.
    """
    from mer_ros.fusion.fitting import fit  # loads scipy

    if other is not None:
        everything = np.ones(len(clips.labels), np.bool_)
        return [Part(everything, fit(other.face, other.audio, other.labels, other.subjects), other)]
    folds = np.unique(clips.folds)
    if folds.size < 2:
        raise FusionError('all clips are in one fold: give --fit with clips of other people')
    parts = []
    for fold in folds:
        rows = clips.folds == fold
        rest = ClipTable(
            clips.face[~rows],
            clips.audio[~rows],
            clips.labels[~rows],
            clips.subjects[~rows],
            clips.folds[~rows],
        )
        parts.append(Part(rows, fit(rest.face, rest.audio, rest.labels, rest.subjects), rest))
    return parts


def swapped_rows(count: int) -> NDArray[np.int64]:
    """Return (count,) rows to take the voice from: half of them are another clip's."""
    chosen = np.random.default_rng(0).permutation(count)[: count // 2]
    order = np.arange(count)
    order[chosen] = np.roll(chosen, 1)
    return order


def fuse(
    clips: ClipTable, audio: Table, parts: list[Part], clip_by_clip: bool
) -> tuple[Table, float]:
    """Return (N, 7) fused probabilities of the clips with these voices, and the trust in them."""
    baselines, agreements = [], []
    for part in parts:
        face, voice = clips.face[part.rows], audio[part.rows]
        learned = learn_baselines(face, voice, clips.subjects[part.rows], part.parameters)
        baselines.append(learned)
        agreements.append(agreement_of(face, voice, part.parameters, learned))
    trust = learn_trust(agreements, [part.parameters for part in parts])
    fused = np.empty_like(clips.face)
    for part, learned in zip(parts, baselines, strict=True):
        context = RecordingContext(trust, learned)
        if clip_by_clip:
            context = no_context(int(part.rows.sum()), part.parameters)
            trust = context.trust
        fused[part.rows] = fuse_recording(
            clips.face[part.rows], audio[part.rows], part.parameters, context
        )
    return fused, trust


def per_class(clips: ClipTable, fused: Table, rounds: int) -> dict[str, dict[str, Any]]:
    """Return each class's recall by face, audio and fused, and how far fused is ahead.

    ``ahead_95`` is the paired bootstrap interval of the recall of fused less that of the better
    single modality of the class.
    """
    right = {
        name: table.argmax(axis=1) == clips.labels
        for name, table in (('face', clips.face), ('audio', clips.audio), ('fused', fused))
    }
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, Any]] = {}
    for label, name in enumerate(LABELS):
        rows = np.flatnonzero(clips.labels == label)
        if not rows.size:
            continue
        recall = {kind: float(hits[rows].mean()) for kind, hits in right.items()}
        better = 'face' if recall['face'] > recall['audio'] else 'audio'
        found[name] = {'n': int(rows.size), **recall, 'ahead': recall['fused'] - recall[better]}
        if rounds > 0:
            gain = right['fused'][rows].astype(np.float64) - right[better][rows]
            drawn = gain[rng.integers(0, rows.size, (rounds, rows.size))].mean(axis=1)
            found[name]['ahead_95'] = np.percentile(drawn, [2.5, 97.5]).tolist()
    return found


def methods(clips: ClipTable, foreign: Table, parts: list[Part]) -> dict[str, dict[str, Any]]:
    """Return the scores of other ways of fusing, on the own and on half-swapped voices."""

    def best_single(part: Part, face: Table, audio: Table) -> Table:
        believed = _accuracies(part.fitted_on)
        return audio if believed[1] >= believed[0] else face

    def belief(part: Part, face: Table, audio: Table) -> Table:
        return dempster_shafer(face, audio, *_accuracies(part.fitted_on))

    def calibrated_product(part: Part, face: Table, audio: Table) -> Table:
        fitted = part.parameters
        return product(
            temper(face, fitted.face_temperature), temper(audio, fitted.audio_temperature)
        )

    ways: dict[str, Way] = {
        'best_single': best_single,
        'mean': lambda _part, face, audio: mean(face, audio),
        'maximum': lambda _part, face, audio: maximum(face, audio),
        'product': lambda _part, face, audio: product(face, audio),
        'calibrated_product': calibrated_product,
        'dempster_shafer': belief,
    }
    voices = (('own', clips.audio), ('swapped', foreign))
    results = {
        name: {
            suffix: _scores(clips, _in_parts(way, clips, audio, parts)) for suffix, audio in voices
        }
        for name, way in ways.items()
    }
    for name, alone in (('ours_clip_by_clip', True), ('ours', False)):
        results[name] = {
            suffix: _scores(clips, fuse(clips, audio, parts, alone)[0]) for suffix, audio in voices
        }
    return results


def _accuracies(clips: ClipTable) -> tuple[float, float]:
    return (
        float(np.mean(clips.face.argmax(axis=1) == clips.labels)),
        float(np.mean(clips.audio.argmax(axis=1) == clips.labels)),
    )


def _in_parts(way: Way, clips: ClipTable, audio: Table, parts: list[Part]) -> Table:
    table = np.empty_like(clips.face)
    for part in parts:
        table[part.rows] = way(part, clips.face[part.rows], audio[part.rows])
    return table


def _scores(clips: ClipTable, table: Table) -> dict[str, float]:
    scores = score(clips.labels, table)
    return {name: scores[name] for name in _FIELDS}
