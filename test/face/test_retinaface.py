"""retina-face's own loading and decoding, on random weights of its architecture made here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mer_ros.face.errors import FaceError
from mer_ros.face.retinaface import RetinaFaceDetector
from mer_ros.models.errors import ModelError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ('HOME', 'XDG_CACHE_HOME', 'MER_MODEL_DIR', 'DEEPFACE_HOME'):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv('DEEPFACE_BACKEND_ENGINE', 'onnx')
    (tmp_path / 'MER_MODEL_DIR').mkdir()
    return tmp_path


@pytest.fixture
def weights(home: Path) -> Path:
    pytest.importorskip('retinaface')
    pytest.importorskip('onnx')
    torch = pytest.importorskip('torch')
    from retinaface.model.retinaface_pth_model import RetinaFace

    torch.manual_seed(1)
    net = RetinaFace().eval()
    path = home / 'MER_MODEL_DIR' / 'retinaface.onnx'
    torch.onnx.export(
        net, (torch.zeros(1, 96, 128, 3),), str(path), input_names=['input'], dynamo=False,
        dynamic_axes={'input': {1: 'height', 2: 'width'}},
    )  # fmt: skip
    return path


def _image() -> Any:
    return np.random.default_rng(0).integers(0, 256, (192, 256, 3), np.uint8)


def test_it_finds_what_the_package_finds(weights: Path) -> None:
    from retinaface import RetinaFace

    detector = RetinaFaceDetector(long_side=0, threshold=0.5)
    detector.load()
    ours = detector.detect(_image())
    folder = Path(os.environ['DEEPFACE_HOME']) / '.deepface' / 'weights'
    folder.mkdir(parents=True)
    (folder / weights.name).symlink_to(weights)
    theirs = RetinaFace.detect_faces(_image(), threshold=0.5, allow_upscaling=False)
    assert ours
    assert len(ours) == len(theirs)
    for face, reference in zip(ours, theirs.values(), strict=True):
        left, top, right, bottom = reference['facial_area']
        np.testing.assert_allclose(face.box, [left, top, right - left, bottom - top], atol=1e-3)
        assert face.landmarks is not None
        np.testing.assert_allclose(face.landmarks[2], reference['landmarks']['nose'], atol=1e-3)
        assert face.landmarks[0, 0] <= face.landmarks[1, 0]


def test_a_shrunk_image_gives_boxes_of_the_whole_one(weights: Path) -> None:
    detector = RetinaFaceDetector(long_side=128, threshold=0.5)
    detector.load()
    faces = detector.detect(_image())
    assert faces
    for face in faces:
        assert face.box[0] + face.box[2] <= 258
        assert 0.5 <= face.score <= 1.0


def test_missing_weights_are_never_downloaded(home: Path) -> None:
    with pytest.raises(ModelError, match='mer models pull retinaface'):
        RetinaFaceDetector().load()


def test_another_engine_is_an_error_that_says_what_to_set(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('DEEPFACE_BACKEND_ENGINE', 'tensorflow')
    with pytest.raises(ModelError, match='set it to onnx'):
        RetinaFaceDetector().load()


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(FaceError, match='threshold'):
        RetinaFaceDetector(threshold=2.0)
