"""Cross-validation of the fusion on a table of clips: who fits, who is fused, whose voice it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from mer_ros.fusion.clips import ClipTable
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.recording import (
    RecordingContext,
    agreement_of,
    fuse_recording,
    learn_baselines,
    learn_trust,
    no_context,
    running_context,
)

Table = NDArray[np.float64]


class ContextKind(Enum):
    """What the fusion of a clip may know beside the clip itself, never a label."""

    RUNNING = 'running'
    """The clips before it in a stream of all of them, as the node does."""
    RECORDING = 'recording'
    """All clips of the table, later ones included."""
    NONE = 'none'


@dataclass(frozen=True)
class Part:
    """Clips that are fused with the same parameters: ``rows`` (N,) bool, and who fitted them."""

    rows: NDArray[np.bool_]
    parameters: FusionParameters
    fitted_on: ClipTable


def fitted_parts(clips: ClipTable, other: ClipTable | None) -> list[Part]:
    """Return the parts of the clips with parameters fitted on others.

    Args:
        clips: what is fused.
        other: what is fitted on; the other folds of ``clips`` if None.

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


def stream_orders(subjects: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Return (N,) rows for each of some streams: person after person, clips shuffled in each.

    A table that is sorted by label would tell a running context what comes next; these orders
    (seeded) depend on who is in each row and on nothing else that is in the table.
    """
    orders = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        people = rng.permutation(np.unique(subjects))
        rows = [rng.permutation(np.flatnonzero(subjects == person)) for person in people]
        orders.append(np.concatenate(rows))
    return orders


def fuse(
    clips: ClipTable,
    audio: Table,
    parts: list[Part],
    kind: ContextKind,
    order: NDArray[np.int64] | None = None,
) -> tuple[Table, float]:
    """Return (N, 7) fused probabilities of the clips with these voices, and the mean trust.

    Args:
        clips: whose faces are fused; each is in one of the parts.
        audio: (N, 7) the voice that each is fused with.
        parts: who is fused with what.
        kind: what is known beside a clip.
        order: (N,) rows as they follow each other where that matters (``RUNNING``); the first of
            :func:`stream_orders` if None.
    """
    contexts = _contexts(clips, audio, parts, kind, order)
    fused, trust = np.empty_like(clips.face), np.empty(len(clips.face), np.float64)
    for part, context in zip(parts, contexts, strict=True):
        trust[part.rows] = context.trust
        fused[part.rows] = fuse_recording(
            clips.face[part.rows], audio[part.rows], part.parameters, context
        )
    return fused, float(trust.mean())


def _contexts(
    clips: ClipTable,
    audio: Table,
    parts: list[Part],
    kind: ContextKind,
    order: NDArray[np.int64] | None,
) -> list[RecordingContext]:
    if kind is ContextKind.NONE:
        return [no_context(int(part.rows.sum()), part.parameters) for part in parts]
    if kind is ContextKind.RUNNING:
        if order is None:
            order = stream_orders(clips.subjects, 1)[0]
        owner = np.argmax([part.rows for part in parts], axis=0)
        fitted = [parts[index].parameters for index in owner]
        whole = running_context(clips.face, audio, clips.subjects, fitted, order)
        before = np.asarray(whole.trust)
        return [RecordingContext(before[part.rows], whole.baselines[part.rows]) for part in parts]
    learned, agreements = [], []
    for part in parts:
        face, voice = clips.face[part.rows], audio[part.rows]
        baselines = learn_baselines(face, voice, clips.subjects[part.rows], part.parameters)
        learned.append(baselines)
        agreements.append(agreement_of(face, voice, part.parameters, baselines))
    trust = learn_trust(agreements, [part.parameters for part in parts])
    return [RecordingContext(trust, baselines) for baselines in learned]
