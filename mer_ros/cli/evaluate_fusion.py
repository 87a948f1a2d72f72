"""Measure the fusion on what a face and an audio backend said of labelled clips.

The parameters are fitted on another table, or on the other folds of the same one. How far the
voices are trusted and how the faces are biased is then estimated from the clips themselves,
without their labels: from the clips before in a stream of all people, one after another
(``running``, what the node does), or from all clips, later ones included (``recording``);
docs/fusion.md. Prints one JSON line with both, and with neither.

A stream has its clips in a random order, since a table that is sorted by label would tell what
comes next. Its scores are means over those of ten streams, their standard deviation is
``spread``; ends of intervals and calibration are means as well. Confusion and the report are of
the first stream.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.cli.evaluate_face import intervals, write_report
from mer_ros.cli.number_arguments import whole
from mer_ros.emotions import LABELS
from mer_ros.fusion.clips import ClipTable, read
from mer_ros.fusion.comparison import dempster_shafer, maximum, mean, product
from mer_ros.fusion.pooling import temper
from mer_ros.fusion.validation import (
    ContextKind,
    Part,
    fitted_parts,
    fuse,
    stream_orders,
    swapped_rows,
)
from mer_ros.metrics import calibration_check, score

Table = NDArray[np.float64]

FACE_BACKENDS = ('face_mlp', 'face_bilstm')
Way = Callable[['Part', Table, Table], Table]
"""Fuses the (N, 7) faces and voices of a part."""

ORDERS = 10
"""Streams that a running context is measured on."""

_FIELDS = ('accuracy', 'uar', 'ece')


@dataclass(frozen=True)
class Fused:
    """Fused clips.

    Attributes:
        tables: (N, 7) each, one for each stream; one where there are no streams.
        trust: mean trust in the voices.
    """

    tables: list[Table]
    trust: float


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
        '--context',
        choices=[kind.value for kind in ContextKind],
        default=ContextKind.RECORDING.value,
        help='what "fused" may learn from other clips, without labels: those before in a '
        'stream, as the node does; all of the recording; nothing (default: %(default)s)',
    )
    parser.add_argument(
        '--methods', action='store_true', help='add other ways of fusing, as "methods"'
    )
    parser.add_argument(
        '--report', type=Path, metavar='DIR', help='write confusion.png and reliability.png there'
    )
    parser.add_argument(
        '--bootstrap',
        type=whole(0),
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
    voices = {'own': clips.audio, 'swapped': foreign}
    fused = {
        kind: {name: _fused(clips, voice, parts, kind) for name, voice in voices.items()}
        for kind in ContextKind
    }
    chosen = fused[ContextKind(args.context)]
    tables = {
        'face': clips.face,
        'audio': clips.audio,
        'mean': mean(clips.face, clips.audio),
        'mean_swapped': mean(clips.face, foreign),
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
    every = {name: [table] for name, table in tables.items()}
    every |= {'fused': chosen['own'].tables, 'fused_swapped': chosen['swapped'].tables}
    result: dict[str, Any] = {name: _scores(clips, each) for name, each in every.items()}
    first = chosen['own'].tables[0]
    result |= {
        'n': len(clips.labels),
        'face_backend': args.face,
        'fitted_on': str(args.fit.name) if args.fit else 'other folds',
        'context': args.context,
        'trust': {'fused': chosen['own'].trust, 'fused_swapped': chosen['swapped'].trust},
        'confusion': score(clips.labels, first)['confusion'],
        'per_class': per_class(clips, every['fused'], args.bootstrap),
        'intervals_95': {
            name: _intervals(clips, every[name], args.bootstrap)
            for name in ('face', 'audio', 'mean', 'mean_swapped', 'fused', 'fused_swapped')
        },
        'contexts': {
            kind.value: {name: _figures(clips, each, args.bootstrap) for name, each in by.items()}
            for kind, by in fused.items()
        },
    }
    if args.bootstrap > 0:
        for kind, by in fused.items():
            figures, own = result['contexts'][kind.value]['own'], by['own'].tables
            figures['calibration'] = _averaged(
                [calibration_check(clips.labels, table, args.bootstrap) for table in own]
            )
            figures['per_class'] = per_class(clips, own, args.bootstrap)
    if args.methods:
        result['methods'] = methods(clips, foreign, parts)
    print(json.dumps(result, allow_nan=False), flush=True)
    if args.report:
        title = f'fused {args.face} + speech on {args.data.name}'
        write_report(args.report, clips.labels, first.astype(np.float32), title)
    return 0


def _fused(clips: ClipTable, audio: Table, parts: list[Part], kind: ContextKind) -> Fused:
    if kind is not ContextKind.RUNNING:
        table, trust = fuse(clips, audio, parts, kind)
        return Fused([table], trust)
    streams = [
        fuse(clips, audio, parts, kind, order) for order in stream_orders(clips.subjects, ORDERS)
    ]
    return Fused([table for table, _ in streams], float(np.mean([trust for _, trust in streams])))


def _figures(clips: ClipTable, fused: Fused, rounds: int) -> dict[str, Any]:
    figures: dict[str, Any] = {**_scores(clips, fused.tables), 'trust': fused.trust}
    if len(fused.tables) > 1:
        each = [_scores(clips, [table]) for table in fused.tables]
        figures['orders'] = len(each)
        figures['spread'] = {
            name: float(np.std([scores[name] for scores in each], ddof=1)) for name in _FIELDS
        }
    return {**figures, 'intervals_95': _intervals(clips, fused.tables, rounds)}


def per_class(clips: ClipTable, fused: Sequence[Table], rounds: int) -> dict[str, dict[str, Any]]:
    """Return each class's recall by face, audio and fused, and how far fused is ahead.

    ``ahead_95`` is the paired bootstrap interval of the recall of fused less that of the better
    single modality of the class.

    Args:
        clips: what was fused.
        fused: tables (N, 7), one for each stream; a clip is right in a share of them.
        rounds: resamplings of the clips, 0 for none.
    """
    sources = {'face': [clips.face], 'audio': [clips.audio], 'fused': fused}
    right = {
        name: np.mean([table.argmax(axis=1) == clips.labels for table in tables], axis=0)
        for name, tables in sources.items()
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
            gain = right['fused'][rows] - right[better][rows]
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
    return {
        name: {
            suffix: _scores(clips, [_in_parts(way, clips, audio, parts)])
            for suffix, audio in voices
        }
        for name, way in ways.items()
    }


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


def _scores(clips: ClipTable, tables: Sequence[Table]) -> dict[str, Any]:
    scores = [score(clips.labels, table) for table in tables]
    return _averaged([{name: each[name] for name in _FIELDS} for each in scores])


def _intervals(clips: ClipTable, tables: Sequence[Table], rounds: int) -> dict[str, Any]:
    return _averaged(
        [intervals(clips.labels, table.astype(np.float32), rounds) for table in tables]
    )


def _averaged(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean of each number or list of numbers."""
    return {name: np.mean([item[name] for item in items], axis=0).tolist() for name in items[0]}
