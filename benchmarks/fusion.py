"""What each part of the fusion brings, on clips of people it was not fitted on.

    PYTHONPATH=. python3 benchmarks/fusion.py --data ../shared/data/fusion/ravdess_posteriors.csv
    PYTHONPATH=. python3 benchmarks/fusion.py --data … --memory

Fits once on the other folds, then takes away or changes one thing at a time. "running" knows the
clips before in a stream, as the node does (mean of five streams), "recording" all clips, later
ones included. "swapped": the voices of half of the clips are another clip's, mean of five draws.

``--memory`` changes how trust and baselines are forgotten, on streams of own voices, of
half-swapped ones, and of own voices until the middle and half-swapped ones from there on; and says
what each fold would take for the trust by the accuracy over all three on the other folds.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.cli.evaluate_fusion import FACE_BACKENDS
from mer_ros.emotions import Emotion
from mer_ros.fusion import context, trust
from mer_ros.fusion.clips import ClipTable, read
from mer_ros.fusion.combination import Statement, calibrated, combine
from mer_ros.fusion.fitting import KERNEL_WIDTHS, fit_agreement, swapped
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import posterior
from mer_ros.fusion.validation import ContextKind, Part, fitted_parts, fuse, stream_orders
from mer_ros.metrics import score

Table = NDArray[np.float64]
Change = Callable[[FusionParameters, ClipTable], FusionParameters]

DRAWS = 5


@dataclass(frozen=True)
class Memory:
    """How trust and baselines are forgotten; the defaults are those of the engine."""

    change_s: float = trust.CHANGE_S
    baseline_memory_s: float = context.BASELINE_MEMORY_S
    own_share: float = context.OWN_SHARE

    def use(self) -> None:
        """Make it the engine's."""
        trust.CHANGE_S = self.change_s
        context.BASELINE_MEMORY_S = self.baseline_memory_s
        context.OWN_SHARE = self.own_share


TRUST_MEMORIES = tuple(Memory(change_s=seconds) for seconds in (300.0, 1000.0, 3000.0, 10_000.0))
BASELINE_MEMORIES = (
    Memory(baseline_memory_s=180.0),
    Memory(baseline_memory_s=180.0, own_share=1.0),
    Memory(own_share=1.0),
    Memory(own_share=0.25),
)


def changed(parts: list[Part], change: Change) -> list[Part]:
    """Return the parts with other parameters."""
    return [replace(part, parameters=change(part.parameters, part.fitted_on)) for part in parts]


def figures(clips: ClipTable, parts: list[Part], kind: ContextKind) -> dict[str, float]:
    """Return accuracy and ECE with own voices, and accuracy with half of them swapped."""
    orders = stream_orders(clips.subjects, DRAWS)
    owns, draws = [], []
    for draw, order in enumerate(orders):
        if kind is ContextKind.RUNNING or not owns:
            owns.append(fuse(clips, clips.audio, parts, kind, order))
        foreign = clips.audio[swapped(len(clips.labels), 0.5, 100 + draw)]
        table, _ = fuse(clips, foreign, parts, kind, order)
        draws.append(score(clips.labels, table)['accuracy'])
    scores = [score(clips.labels, table) for table, _ in owns]
    return {
        'accuracy': round(float(np.mean([each['accuracy'] for each in scores])), 4),
        'ece': round(float(np.mean([each['ece'] for each in scores])), 4),
        'swapped': round(float(np.mean(draws)), 4),
        'trust': round(float(np.mean([trusted for _, trusted in owns])), 3),
    }


def streams(clips: ClipTable) -> dict[str, list[Table]]:
    """Return the voices of each kind of stream, one table (N, 7) for each order."""
    count = len(clips.labels)
    voices: dict[str, list[Table]] = {'own': [], 'swapped': [], 'swapped from the middle': []}
    for draw, order in enumerate(stream_orders(clips.subjects, DRAWS)):
        late = np.arange(count)
        half = order[count // 2 :]
        late[half] = half[swapped(half.size, 0.5, 500 + draw)]
        rows = (np.arange(count), swapped(count, 0.5, 100 + draw), late)
        for voice, each in zip(voices.values(), rows, strict=True):
            voice.append(clips.audio[each])
    return voices


def memories(clips: ClipTable, parts: list[Part]) -> None:
    """Print the accuracy and the loss under each memory, and which one each fold takes."""
    voices, orders = streams(clips), stream_orders(clips.subjects, DRAWS)
    rows = np.arange(len(clips.labels))
    overall: dict[Memory, Table] = {}
    for memory in (*TRUST_MEMORIES, Memory(), *BASELINE_MEMORIES):
        memory.use()
        figures, hits = {}, []
        for name, tables in voices.items():
            fused = [
                fuse(clips, table, parts, ContextKind.RUNNING, order)[0]
                for table, order in zip(tables, orders, strict=True)
            ]
            right = np.mean([table.argmax(axis=1) == clips.labels for table in fused], axis=0)
            loss = -np.mean([np.log(table[rows, clips.labels]) for table in fused])
            hits.append(right)
            figures[name] = {'accuracy': round(right.mean(), 4), 'loss': round(float(loss), 4)}
        overall[memory] = np.mean(hits, axis=0)
        print(memory, json.dumps(figures), flush=True)
    Memory().use()
    for fold in np.unique(clips.folds):
        others = clips.folds != fold
        best = max((*TRUST_MEMORIES, Memory()), key=lambda memory: overall[memory][others].mean())
        print(f'fold {fold} takes', best, flush=True)


def with_kernel(width: float) -> Change:
    """Return a change to a kernel width, its slope and bias fitted anew."""

    def change(parameters: FusionParameters, clips: ClipTable) -> FusionParameters:
        return fit_agreement(clips.face, clips.audio, clips.subjects, parameters, (width,))

    return change


def with_prior(in_order: float) -> Change:
    """Return a change to what is expected of a recording before anything was heard."""
    return lambda parameters, _: replace(parameters, in_order=in_order)


def single(
    clips: ClipTable,
    parts: list[Part],
    face_reliability: float,
    audio_reliability: float,
    bias: float = 0.0,
) -> Table:
    """Return (N, 7): each clip by itself, at these reliabilities, with a neutral bias."""
    table = np.empty_like(clips.face)
    for part in parts:
        fitted, nothing = part.parameters, np.zeros(clips.face.shape[1])
        for row in np.flatnonzero(part.rows):
            face = Statement(0, clips.face[row], face_reliability)
            audio = Statement(0, clips.audio[row], audio_reliability)
            pooled = combine(
                calibrated(face, fitted.face_temperature, nothing) if face_reliability else None,
                calibrated(audio, fitted.audio_temperature, nothing) if audio_reliability else None,
                fitted,
                0.98,
            )
            logits = pooled.log_evidence.copy()
            logits[Emotion.NEUTRAL] += bias
            table[row] = posterior(logits, fitted.prior_array())
    return table


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--memory', action='store_true', help='only how things are forgotten')
    arguments = parser.parse_args()
    for backend in FACE_BACKENDS:
        clips = read(arguments.data, backend)
        parts = fitted_parts(clips, None)
        if arguments.memory:
            print(backend)
            memories(clips, parts)
            continue
        changes: dict[str, Change] = {
            'as fitted': lambda parameters, _: parameters,
            'no baselines': lambda parameters, _: replace(parameters, baseline_utterances=0.0),
            'weights 1': lambda parameters, _: replace(
                parameters, face_weight=1.0, audio_weight=1.0
            ),
            **{f'P(in order) {share}': with_prior(share) for share in (0.02, 0.5, 0.9, 0.98)},
            **{f'kernel width {width}': with_kernel(width) for width in KERNEL_WIDTHS},
        }
        print(backend)
        for kind in (ContextKind.RUNNING, ContextKind.RECORDING):
            for name, change in changes.items():
                tried = figures(clips, changed(parts, change), kind)
                print(f'{kind.value}: {name}', json.dumps(tried), flush=True)
        print('no context', json.dumps(figures(clips, parts, ContextKind.NONE)), flush=True)
        for face, audio in ((1, 1), (0.75, 1), (0.5, 1), (0.25, 1), (0, 1), (1, 0.5), (1, 0)):
            result = score(clips.labels, single(clips, parts, face, audio))
            print(
                f'reliability of face {face}, audio {audio}',
                json.dumps({name: round(result[name], 4) for name in ('accuracy', 'ece')}),
                flush=True,
            )
        for bias in (-0.5, -0.25, 0.0, 0.25, 0.5):
            matrix = np.array(score(clips.labels, single(clips, parts, 1, 1, bias))['confusion'])
            hits, neutral = matrix[Emotion.NEUTRAL, Emotion.NEUTRAL], int(Emotion.NEUTRAL)
            print(
                f'neutral bias {bias}',
                json.dumps(
                    {
                        'accuracy': round(float(np.trace(matrix) / matrix.sum()), 4),
                        'precision': round(float(hits / matrix[:, neutral].sum()), 3),
                        'recall': round(float(hits / matrix[neutral].sum()), 3),
                    }
                ),
                flush=True,
            )
    return 0


if __name__ == '__main__':
    sys.exit(main())
