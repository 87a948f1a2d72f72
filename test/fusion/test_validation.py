from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer_ros.fusion.clips import ClipTable, read
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import ParameterTable
from mer_ros.fusion.validation import ContextKind, Part, fitted_parts, fuse, swapped_rows


def test_half_of_the_voices_are_swapped_among_themselves() -> None:
    order = swapped_rows(1200)
    moved = order != range(1200)
    assert moved.sum() == 600
    assert sorted(order[moved]) == [row for row in range(1200) if moved[row]]


def test_a_running_context_knows_nothing_of_what_comes_later(shared_data: Path) -> None:
    clips = read(shared_data / 'fusion' / 'ravdess_posteriors.csv', 'face_mlp')
    part = Part(
        np.ones(len(clips.labels), np.bool_), ParameterTable.read().get('face_mlp+speech'), clips
    )
    later = np.arange(len(clips.labels)) >= 700
    audio = clips.audio.copy()
    audio[later] = np.roll(audio[later], 1, axis=0)
    for kind, same in ((ContextKind.RUNNING, True), (ContextKind.RECORDING, False)):
        one, other = (fuse(clips, voice, [part], kind)[0] for voice in (clips.audio, audio))
        assert np.array_equal(one[~later], other[~later]) is same


def test_one_fold_alone_cannot_be_fitted_on_others() -> None:
    table, nobody = np.full((60, 7), 1 / 7), np.zeros(60, np.int64)
    clips = ClipTable(table, table, np.arange(60) % 7, nobody, nobody)
    with pytest.raises(FusionError, match='one fold'):
        fitted_parts(clips, None)
