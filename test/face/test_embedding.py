"""deepface's embedding networks: their interface, on small random networks made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mer_ros.face.deepface_embedding import ArcFaceEmbedder, FacenetEmbedder, VggFaceEmbedder
from mer_ros.face.detection import Detection
from mer_ros.models.errors import ModelError

FILES = {
    ArcFaceEmbedder: ('arcface_weights.onnx', 112, 512),
    FacenetEmbedder: ('facenet_weights.onnx', 160, 128),
    VggFaceEmbedder: ('vgg_face_weights.onnx', 224, 4096),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ('HOME', 'XDG_CACHE_HOME', 'MER_MODEL_DIR', 'DEEPFACE_HOME'):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    (tmp_path / 'MER_MODEL_DIR').mkdir()
    return tmp_path / 'MER_MODEL_DIR'


@pytest.mark.parametrize('kind', FILES)
def test_each_network_gives_vectors_of_length_one(
    kind: Any, home: Path, write_embedder: Any, photos: Any
) -> None:
    filename, size, length = FILES[kind]
    write_embedder(home / filename, size, length)
    embedder = kind()
    embedder.load()
    image = photos['user_happy.jpg']
    faces = [Detection(np.float32([x, 40, 120, 130]), 0.9) for x in (30, 60)]
    vectors = embedder.embed(image, faces)
    assert vectors.shape == (2, length)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(embedder.embed(image, faces[1:]), vectors[1:], atol=1e-5)
    assert len(embedder.embed(image, [])) == 0


def test_the_face_goes_in_as_deepface_puts_it_in(
    home: Path, write_embedder: Any, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip('deepface')
    write_embedder(home / 'arcface_weights.onnx', 112, 512)
    weights = home.parent / 'DEEPFACE_HOME' / '.deepface' / 'weights'
    weights.mkdir(parents=True)
    (weights / 'arcface_weights.onnx').symlink_to(home / 'arcface_weights.onnx')
    monkeypatch.setenv('DEEPFACE_BACKEND_ENGINE', 'onnx')
    from deepface.models.facial_recognition.onnx.ArcFace import ArcFaceClient
    from deepface.modules import preprocessing

    image = cv2.resize(photos['user_happy.jpg'], (300, 300))
    embedder = ArcFaceEmbedder()
    embedder.load()
    # Landmarks where the template has them: the crop is a plain square of 112 pixels at (94, 80).
    from mer_ros.face.alignment import TEMPLATE

    points = TEMPLATE * 112 + np.float32([94, 80])
    face = Detection(np.float32([94, 80, 112, 112]), 0.9, points)
    square = image[80:192, 94:206]
    given = preprocessing.resize_image(square / 255.0, (112, 112))
    theirs = np.float32(ArcFaceClient().forward(preprocessing.normalize_input(given, 'base')))
    ours = embedder.embed(image, [face])[0]
    assert ours @ (theirs / np.linalg.norm(theirs)) == pytest.approx(1, abs=1e-4)


def test_the_thresholds_are_deepfaces_own(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('deepface')
    monkeypatch.setenv('DEEPFACE_BACKEND_ENGINE', 'onnx')
    from deepface.config.threshold import thresholds

    theirs = {ArcFaceEmbedder: 'ArcFace', FacenetEmbedder: 'Facenet', VggFaceEmbedder: 'VGG-Face'}
    for kind, name in theirs.items():
        assert kind.least_similarity == pytest.approx(1 - thresholds[name]['cosine'])


def test_missing_weights_are_never_downloaded() -> None:
    with pytest.raises(ModelError, match='mer models pull arcface'):
        ArcFaceEmbedder().load()


def test_another_network_of_that_name_is_refused(home: Path, shared_data: Path) -> None:
    other = shared_data / 'weights' / 'face_detection_yunet_2023mar.onnx'
    (home / 'arcface_weights.onnx').symlink_to(other)
    with pytest.raises(ModelError, match='not the network arcface'):
        ArcFaceEmbedder().load()


def test_it_must_be_loaded(photos: Any) -> None:
    with pytest.raises(ModelError, match=r'call load\(\) first'):
        ArcFaceEmbedder().embed(photos['user_happy.jpg'], [])
