from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.fusion.clips import ClipTable, read
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import ParameterTable
from mer_ros.fusion.validation import (
    ContextKind,
    Part,
    fitted_parts,
    fuse,
    stream_orders,
    swapped_rows,
)


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
    order = stream_orders(clips.subjects, 1)[0]
    later = np.zeros(len(clips.labels), np.bool_)
    later[order[700:]] = True
    audio = clips.audio.copy()
    audio[later] = np.roll(audio[later], 1, axis=0)
    for kind, same in ((ContextKind.RUNNING, True), (ContextKind.RECORDING, False)):
        one, other = (fuse(clips, voice, [part], kind, order)[0] for voice in (clips.audio, audio))
        assert np.array_equal(one[~later], other[~later]) is same


def test_one_fold_alone_cannot_be_fitted_on_others() -> None:
    table, nobody = np.full((60, 7), 1 / 7), np.zeros(60, np.int64)
    clips = ClipTable(table, table, np.arange(60) % 7, nobody, nobody)
    with pytest.raises(FusionError, match='one fold'):
        fitted_parts(clips, None)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_a_stream_has_every_clip_once_and_each_person_in_one_piece(people: list[int]) -> None:
    subjects = np.array(people)
    for order in stream_orders(subjects, 3):
        assert sorted(order) == list(range(len(people)))
        changes = np.count_nonzero(np.diff(subjects[order]))
        assert changes == np.unique(subjects).size - 1


def test_streams_tell_nothing_of_the_next_label_however_the_table_is_sorted() -> None:
    subjects = np.repeat(np.arange(20), 60)
    labels = np.tile(np.sort(np.arange(60) % 7), 20)  # as RAVDESS is: one emotion after another
    assert (np.diff(labels) == 0).mean() > 0.85
    orders = stream_orders(subjects, 5)
    again = np.mean([(np.diff(labels[order]) == 0).mean() for order in orders])
    assert again == pytest.approx(1 / 7, abs=0.02)
