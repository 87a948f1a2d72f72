"""DeepFace's own loading and network code, on weights of its architecture made here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mer_ros.face.deepface_emotion import DeepFaceClassifier
from mer_ros.models import store
from mer_ros.models.errors import ModelError

NAME = 'facial_expression_model_weights.onnx'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ('HOME', 'XDG_CACHE_HOME', 'MER_MODEL_DIR', 'DEEPFACE_HOME'):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv('DEEPFACE_BACKEND_ENGINE', 'onnx')
    (tmp_path / 'MER_MODEL_DIR').mkdir()
    return tmp_path


@pytest.fixture
def weights(home: Path, deepface_weights: Path) -> Path:
    """The file in our store."""
    path = home / 'MER_MODEL_DIR' / NAME
    path.symlink_to(deepface_weights)
    return path


def _crops(count: int) -> Any:
    """Noise, each brighter than the one before, so that a random network tells them apart."""
    noise = np.random.default_rng(2).random((count, 48, 48))
    return np.uint8(noise * np.linspace(10, 255, count)[:, None, None])


def test_the_batch_is_what_the_package_says_of_each(weights: Path) -> None:
    own = Path(os.environ['DEEPFACE_HOME']) / '.deepface' / 'weights'
    own.mkdir(parents=True)
    (own / NAME).symlink_to(weights)
    from deepface.models.demography.onnx.Emotion import EmotionClient

    classifier = DeepFaceClassifier()
    classifier.load()
    crops = _crops(5)
    scores = classifier.classify(crops)
    client = EmotionClient()
    for crop, ours in zip(crops, scores.probabilities, strict=True):
        theirs = client.predict(np.repeat(crop[..., None].astype(np.float32) / 255, 3, axis=2))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert scores.probabilities.std(axis=0).max() > 1e-2
    assert np.isnan(scores.face_score).all()
    one = classifier.classify(crops[:1]).probabilities
    np.testing.assert_allclose(one, scores.probabilities[:1], atol=1e-5)
    assert classifier.classify(crops[:0]).probabilities.shape == (0, 7)


def test_a_temperature_softens(weights: Path) -> None:
    sharp, soft = DeepFaceClassifier(), DeepFaceClassifier(temperature=3.0)
    sharp.load()
    soft.load()
    crops = _crops(8)
    hard, mild = sharp.classify(crops).probabilities, soft.classify(crops).probabilities
    assert (mild.max(axis=1) < hard.max(axis=1)).all()
    assert (mild.argmax(axis=1) == hard.argmax(axis=1)).all()


def test_missing_weights_are_never_downloaded(home: Path) -> None:
    with pytest.raises(ModelError, match='mer models pull deepface'):
        DeepFaceClassifier().load()


def test_a_card_beside_the_weights_gives_temperature_and_version(
    weights: Path, home: Path, write_card: Any
) -> None:
    plain = DeepFaceClassifier()
    plain.load()
    copy = home / 'copy' / NAME
    copy.parent.mkdir()
    copy.write_bytes(weights.read_bytes())
    weights.unlink()
    weights.symlink_to(copy)
    write_card(copy, name='deepface', temperature=4.0)
    carded = DeepFaceClassifier()
    carded.load()
    assert (plain.version, carded.version) == ('1.0', '9')
    # Whoever links to a file of a cache writes the card beside the link.
    write_card(weights, name='deepface', version='10')
    linked = DeepFaceClassifier()
    linked.load()
    assert linked.version == '10'
    crops = _crops(4)
    hard, mild = plain.classify(crops).probabilities, carded.classify(crops).probabilities
    assert (mild.max(axis=1) < hard.max(axis=1)).all()


def test_another_network_of_that_name_is_refused(home: Path, shared_data: Path) -> None:
    other = shared_data / 'weights' / 'face_detection_yunet_2023mar.onnx'
    (home / 'MER_MODEL_DIR' / NAME).symlink_to(other)
    with pytest.raises(ModelError, match=r'not the emotion network.*; delete that file and run'):
        DeepFaceClassifier().load()


def test_a_damaged_file_is_an_error(home: Path) -> None:
    (home / 'MER_MODEL_DIR' / NAME).write_bytes(b'Not Found')
    with pytest.raises(ModelError):
        DeepFaceClassifier().load()


@pytest.mark.parametrize('content', [b'Not Found', None])
def test_a_useless_file_in_the_users_own_folder_is_to_be_deleted_first(
    weights: Path, shared_data: Path, content: bytes | None
) -> None:
    own = Path(os.environ['DEEPFACE_HOME']) / '.deepface' / 'weights'
    own.mkdir(parents=True)
    other = (shared_data / 'weights' / 'face_detection_yunet_2023mar.onnx').read_bytes()
    (own / NAME).write_bytes(content or other)
    weights = weights.rename(weights.with_name('put away'))
    with pytest.raises(ModelError) as caught:
        DeepFaceClassifier().load()
    assert str(own / NAME) in str(caught.value)
    assert 'delete th' in str(caught.value)
    weights.rename(weights.with_name(NAME))  # goes over the other
    DeepFaceClassifier().load()


def test_without_a_home_the_store_is_enough(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    for name in ('HOME', 'DEEPFACE_HOME', 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name)
    monkeypatch.setattr('pwd.getpwuid', nobody)
    assert store.find('deepface') == weights
    DeepFaceClassifier().load()


def test_the_file_in_the_users_own_deepface_folder_is_taken(weights: Path) -> None:
    own = Path(os.environ['DEEPFACE_HOME']) / '.deepface' / 'weights'
    own.mkdir(parents=True)
    weights.rename(own / NAME)
    classifier = DeepFaceClassifier()
    classifier.load()
    assert classifier.classify(_crops(1)).probabilities.sum() == pytest.approx(1.0, abs=1e-5)
