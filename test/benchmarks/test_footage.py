"""What the pipelines said comes out of the cache as it went in, or is made anew."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import footage
from benchmarks.attribution import hold_still
from benchmarks.footage import Cache, Footage
from mer_ros.audio.feature_record import AudioFeatures
from mer_ros.estimates import Estimate, EstimateArray, Evidence, Modality


def same(one: Any, other: Any) -> bool:
    """Return whether both are equal to the last bit, types and shapes included."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


@pytest.fixture
def heard() -> Footage:
    part = Evidence(Modality.AUDIO, 5, np.full(7, 1 / 7, np.float32), 0.1, 1.0)
    audio = EstimateArray(
        5, 'microphone', Modality.AUDIO, ('audio:lite@2.1',), 10,
        estimates=(Estimate('audio', 3, evidence=(part,)),), speech_probability=0.3,
    )  # fmt: skip
    features = AudioFeatures(
        ('rms_db',), np.array([0.1], np.float32), np.arange(3, dtype=np.float32) / 7, stamp_ns=5
    )
    return Footage('clip', (), (audio,), (features,))


def film(folder: Path) -> Path:
    path = folder / 'clip.mp4'
    path.write_bytes(b'film')
    return path


def test_faces_of_a_photo_and_a_voice_come_back_as_they_were(
    shared_data: Path, tmp_path: Path, heard: Footage
) -> None:
    photo = sorted((shared_data / 'photos').glob('*.jpg'))[0]
    seen = hold_still(photo, 'haar', 0.4, 0)
    assert any(array.estimates for array in seen.faces)
    for path, made in ((photo, seen), (film(tmp_path), heard)):
        for make in (lambda m=made: m, lambda: pytest.fail('it is in the cache')):
            found = Cache(tmp_path / 'cache', 'haar').kept(path, make)
            assert type(found) is Footage
            assert same(asdict(found), asdict(made))


def test_another_file_model_or_way_is_made_anew(
    tmp_path: Path, heard: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = film(tmp_path), []

    def kept(**how: float) -> int:
        Cache(tmp_path / 'cache', 'haar').kept(path, lambda: made.append(1) or heard, **how)
        return len(made)

    assert [kept(), kept(), kept(seed=1), kept(seed=1)] == [1, 1, 2, 2]
    os.utime(path, ns=(1, 1))
    assert kept(seed=1) == 3
    path.write_bytes(b'another film')
    os.utime(path, ns=(1, 1))
    assert kept(seed=1) == 4
    other = tmp_path / 'other.onnx'
    other.write_bytes(b'net')
    monkeypatch.setattr(footage.store, 'find', lambda _: other)
    assert [kept(seed=1), kept(seed=1)] == [5, 5]


@pytest.mark.parametrize(
    'content', [b'', b'{"of"', b'[]', b'{}', b'\xff', b'\x80\x04pickle', b'null']
)
def test_a_damaged_file_is_made_anew_and_said(
    content: bytes, tmp_path: Path, heard: Footage, capsys: pytest.CaptureFixture[str]
) -> None:
    path, cache = film(tmp_path), Cache(tmp_path / 'cache', 'haar')
    place = tmp_path / 'cache/haar_clip.mp4.json'
    place.write_bytes(content)

    assert cache.kept(path, lambda: heard) is heard

    assert f'{place} is damaged' in capsys.readouterr().err
    assert same(asdict(cache.kept(path, lambda: pytest.fail('it is there'))), asdict(heard))
    assert [each.name for each in place.parent.iterdir()] == [place.name]
