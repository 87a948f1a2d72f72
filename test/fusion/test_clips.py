from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer_ros.emotions import Emotion
from mer_ros.fusion.clips import read
from mer_ros.fusion.errors import FusionError

HEAD = 'clip,actor,fold,label,speech_calm,speech_neutral,speech_happy,f_angry,f_happy'


def write(path: Path, *rows: str, head: str = HEAD) -> Path:
    path.write_text('\n'.join((head, *rows)) + '\n')
    return path


def test_columns_of_one_emotion_are_added_up(tmp_path: Path) -> None:
    path = write(tmp_path / 'a.csv', 'x,1,0,calm,0.5,0.3,0.2,0.25,0.75', 'y,2,1,happy,0,0,1,0,1')
    clips = read(path, 'f')
    assert clips.audio[0, Emotion.NEUTRAL] == pytest.approx(0.8)
    assert clips.face[0, Emotion.ANGER] == pytest.approx(0.25)
    assert clips.labels.tolist() == [Emotion.NEUTRAL, Emotion.HAPPINESS]
    assert clips.subjects.tolist() == [0, 1]


def test_without_folds_people_are_kept_apart(tmp_path: Path) -> None:
    rows = [f'x,{who},happy,0,0,1,0,1' for who in range(12) for _ in range(2)]
    path = write(tmp_path / 'a.csv', *rows, head=HEAD.replace(',fold', ''))
    clips = read(path, 'f')
    for who in np.unique(clips.subjects):
        assert np.unique(clips.folds[clips.subjects == who]).size == 1
    assert np.unique(clips.folds).size == 5


def test_the_clips_of_ravdess_are_what_they_are(shared_data: Path) -> None:
    clips = read(shared_data / 'fusion' / 'ravdess_posteriors.csv', 'face_mlp')
    assert clips.face.shape == clips.audio.shape == (1200, 7)
    np.testing.assert_allclose(clips.face.sum(axis=1), 1.0)
    assert np.bincount(clips.labels).tolist() == [160] * 6 + [240]


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ([], 'no clips'),
        (['x,1,0,merry,0,0,1,0,1'], 'line 2'),
        (['x,1,0,happy,0,0,1,0,1', 'x,1,0,happy,0,0,2,0,1'], 'line 3'),
        (['x,1,0,happy,0,0,nan,0,1'], 'line 2'),
        (['x,1,0,happy,0,0,one,0,1'], r"line 2: columns speech_\*: .*'one'; write a number"),
        (['x,1,0,happy,0,0,1,0,1', 'x,1,0,happy,0,0,1,,1'], r"line 3: columns f_\*: .*''"),
        (['x,1,0,happy,0,0,1'], 'line 2: not as many fields'),
        (['x,1,0,happy,0,0,1,0,1', 'x,1,1,happy,0,0,1,0,1'], 'two folds'),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(FusionError, match=message):
        read(write(tmp_path / 'a.csv', *rows), 'f')


def test_a_backend_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path / 'a.csv', 'x,1,0,happy,0,0,1,0,1')
    with pytest.raises(FusionError, match='speech'):
        read(path, 'face_mlp')
    with pytest.raises(FusionError, match=r'\.csv'):
        read(tmp_path / 'none.csv', 'f')
