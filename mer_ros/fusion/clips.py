"""Tables of labelled clips: what a face backend and an audio backend said of each.

Columns: ``label``, ``actor`` (who it is), optionally ``fold``, and one column a class and backend,
``<backend>_<emotion>``, in any vocabulary of :mod:`mer_ros.emotions`; classes of ours that several
columns stand for are added up.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import ALIASES, fold
from mer_ros.fusion.errors import FusionError, UnknownBackendError

AUDIO_BACKEND = 'speech'
"""Columns of the audio backend begin with this."""


@dataclass(frozen=True)
class ClipTable:
    """Clips of one face backend and one audio backend.

    Attributes:
        face: (N, 7) float64, rows sum to 1.
        audio: (N, 7) float64, rows sum to 1.
        labels: (N,) int64, 0..6.
        subjects: (N,) int64, one number a person.
        folds: (N,) int64; nobody is in two folds.
    """

    face: NDArray[np.float64]
    audio: NDArray[np.float64]
    labels: NDArray[np.int64]
    subjects: NDArray[np.int64]
    folds: NDArray[np.int64]


def read(path: Path, face_backend: str) -> ClipTable:
    """Read a table.

    Raises:
        FusionError: the file is missing, or a column or a number in it does not fit.
    """
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FusionError(f'cannot read {path}: {error}; --data is a .csv file') from error
    if not rows:
        raise FusionError(f'{path}: no clips in it')
    missing = {'label', 'actor'} - set(rows[0])
    if missing:
        raise FusionError(f'{path}: no column {" or ".join(sorted(missing))}')
    for number, row in enumerate(rows, 2):
        if None in row.values() or None in row:
            raise FusionError(f'{path}, line {number}: not as many fields as columns; mend the row')
    subjects = _numbered([row['actor'] for row in rows])
    folds = _numbered([row['fold'] for row in rows]) if 'fold' in rows[0] else subjects % 5
    for subject in np.unique(subjects):
        if np.unique(folds[subjects == subject]).size > 1:
            raise FusionError(f'{path}: a person is in two folds; put each into one')
    return ClipTable(
        _probabilities(rows, face_backend, path),
        _probabilities(rows, AUDIO_BACKEND, path),
        _labels(rows, path),
        subjects,
        folds,
    )


def _numbered(names: Sequence[str]) -> NDArray[np.int64]:
    return np.asarray(np.unique(names, return_inverse=True)[1], np.int64)


def _labels(rows: Sequence[Mapping[str, str]], path: Path) -> NDArray[np.int64]:
    labels = []
    for number, row in enumerate(rows, 2):
        emotion = ALIASES.get(row['label'].strip().lower())
        if emotion is None:
            raise FusionError(f'{path}, line {number}: no emotion of ours is {row["label"]!r}')
        labels.append(int(emotion))
    return np.array(labels, np.int64)


def _probabilities(
    rows: Sequence[Mapping[str, str]], backend: str, path: Path
) -> NDArray[np.float64]:
    columns = [
        name
        for name in rows[0]
        if name.startswith(f'{backend}_') and name[len(backend) + 1 :].lower() in ALIASES
    ]
    if not columns:
        have = sorted({name.rpartition('_')[0] for name in rows[0] if '_' in name})
        kind = UnknownBackendError if have and backend != AUDIO_BACKEND else FusionError
        raise kind(f'{path}: no columns {backend}_<emotion>; backends: {", ".join(have)}')
    values = np.empty((len(rows), len(columns)))
    for number, row in enumerate(rows, 2):
        try:
            values[number - 2] = [float(row[name]) for name in columns]
        except ValueError as error:
            raise FusionError(
                f'{path}, line {number}: columns {backend}_*: {error}; write a number'
            ) from error
    totals = values.sum(axis=1)
    if not np.isfinite(values).all() or values.min() < 0.0 or np.abs(totals - 1.0).max() > 0.01:
        line = int(np.argmax(~(np.abs(totals - 1.0) <= 0.01) | (values.min(axis=1) < 0.0))) + 2
        raise FusionError(f'{path}, line {line}: {backend}_* are not probabilities that sum to 1')
    ours = fold(values, [name[len(backend) + 1 :] for name in columns]).astype(np.float64)
    return np.asarray(ours / ours.sum(axis=1, keepdims=True), np.float64)
