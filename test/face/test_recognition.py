"""Names that last, in the pipeline, on faces of real photos and a random network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mer_ros.face.deepface_embedding import ArcFaceEmbedder
from mer_ros.face.pipeline import FacePipeline
from mer_ros.face.settings import FaceSettings

S = 1_000_000_000
ONE, OTHER = 'user_happy.jpg', 'image0000015.jpg'


class RandomEmbedder(ArcFaceEmbedder):
    """A random network tells pictures apart, not people: only the same view is alike."""

    least_similarity = 0.95


@pytest.fixture
def pipeline(
    tmp_path: Path,
    shared_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_embedder: Any,
    yunet: Any,
    brightness: Any,
) -> Any:
    monkeypatch.setenv('DEEPFACE_HOME', str(tmp_path))
    folder = tmp_path / '.deepface' / 'weights'
    folder.mkdir(parents=True)
    write_embedder(folder / 'arcface_weights.onnx', 112, 512)

    def make(embedder: bool = True, **settings: Any) -> FacePipeline:
        made = FacePipeline(
            yunet,
            brightness,
            FaceSettings(**settings),
            RandomEmbedder() if embedder else None,
        )
        made.load()
        return made

    return make


@pytest.fixture
def seen(photographed: Any) -> Any:
    """Return a function that gives the names of the faces of an image with some photos in it."""

    def names(pipeline: FacePipeline, photos: dict[str, int], second: float) -> list[str]:
        image = np.full((480, 640, 3), 90, np.uint8)
        for name, x in photos.items():
            one = photographed(name, x, 60, 300)
            image[:, x : x + 300] = one[:, x : x + 300]
        found = pipeline.process(image, round(second * S)).estimates
        return [e.subject_id for e in sorted(found, key=lambda each: each.roi[0])]

    return names


def test_a_face_that_comes_back_elsewhere_has_its_name_back(pipeline: Any, seen: Any) -> None:
    made = pipeline()
    assert seen(made, {ONE: 0}, 0) == ['face_1']
    assert seen(made, {}, 5) == []
    assert seen(made, {OTHER: 0}, 20) == ['face_2']
    assert seen(made, {OTHER: 0, ONE: 320}, 20.1) == ['face_2', 'face_1']
    assert seen(made, {}, 30) == []
    assert seen(made, {ONE: 0, OTHER: 320}, 40) == ['face_1', 'face_2']


def test_without_an_embedder_it_gets_a_new_name_and_nothing_is_embedded(
    pipeline: Any, seen: Any
) -> None:
    made = pipeline(embedder=False)
    assert seen(made, {ONE: 0}, 0) == ['face_1']
    assert seen(made, {ONE: 320}, 20) == ['face_2']
    assert made.embeddings == ()
    assert made.embedder == ''


def test_a_face_that_jumps_keeps_its_name_and_is_not_two(pipeline: Any, seen: Any) -> None:
    made = pipeline()
    assert seen(made, {ONE: 0}, 0) == ['face_1']
    assert seen(made, {ONE: 320}, 0.1) == ['face_1']
    assert seen(made, {ONE: 320, OTHER: 0}, 0.2) == ['face_2', 'face_1']


def test_a_face_gone_for_longer_than_set_is_a_new_one(pipeline: Any, seen: Any) -> None:
    made = pipeline(reidentify_s=10.0)
    assert seen(made, {ONE: 0}, 0) == ['face_1']
    assert seen(made, {ONE: 0}, 8) == ['face_1']
    assert seen(made, {ONE: 0}, 20) == ['face_2']


def test_two_alike_at_once_are_two(pipeline: Any, seen: Any) -> None:
    made = pipeline()
    assert seen(made, {ONE: 0}, 0) == ['face_1']
    assert sorted(seen(made, {ONE: 0, OTHER: 320}, 0.1)) == ['face_1', 'face_2']
    assert len(set(seen(made, {ONE: 0, OTHER: 320}, 30))) == 2


def test_faces_are_embedded_when_new_and_at_the_interval(pipeline: Any, seen: Any) -> None:
    made = pipeline(embedding_interval_s=1.0)
    embedded = []
    for frame in range(31):
        seen(made, {ONE: 0}, frame / 10)
        embedded += [frame for _ in made.embeddings]
    assert embedded == [0, 10, 20, 30]
    assert made.embedder == 'arcface@1.0'


def test_a_jump_back_in_time_forgets_everybody(pipeline: Any, seen: Any) -> None:
    made = pipeline()
    assert seen(made, {ONE: 0}, 50) == ['face_1']
    assert seen(made, {OTHER: 0, ONE: 320}, 51) == ['face_2', 'face_1']
    assert seen(made, {OTHER: 0}, 1) == ['face_1']
