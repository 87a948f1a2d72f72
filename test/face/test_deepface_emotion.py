"""DeepFace's own loading and network code, on weights of its architecture made here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mer_ros.face.deepface_emotion import DeepFaceClassifier
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
def weights(home: Path) -> tuple[Path, Any]:
    """A file of deepface's own PyTorch network, exported with its NHWC input, in our store."""
    pytest.importorskip('deepface')
    pytest.importorskip('onnx')
    torch = pytest.importorskip('torch')
    from deepface.models.demography.pytorch.Emotion import EmotionModel

    class ChannelsLast(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = EmotionModel()

        def forward(self, images: Any) -> Any:
            return self.net(images.permute(0, 3, 1, 2))

    torch.manual_seed(5)
    net = ChannelsLast().eval()
    torch.nn.init.normal_(net.net.fc_3.weight, std=0.5)
    path = home / 'MER_MODEL_DIR' / NAME
    torch.onnx.export(
        net, (torch.zeros(1, 48, 48, 1),), str(path), input_names=['input'],
        output_names=['output'], dynamic_axes={'input': {0: 'n'}, 'output': {0: 'n'}},
        dynamo=False,
    )  # fmt: skip
    return path, net


def _crops(count: int) -> Any:
    return np.random.default_rng(2).integers(0, 256, (count, 48, 48), np.uint8)


def test_the_batch_is_what_its_network_says(weights: tuple[Path, Any]) -> None:
    import torch

    classifier = DeepFaceClassifier()
    classifier.load()
    crops = _crops(5)
    with torch.no_grad():
        expected = weights[1](torch.from_numpy(crops[..., None].astype(np.float32) / 255)).numpy()
    scores = classifier.classify(crops)
    np.testing.assert_allclose(scores.probabilities, expected, atol=1e-4)
    assert np.isnan(scores.face_score).all()
    one = classifier.classify(crops[:1]).probabilities
    np.testing.assert_allclose(one, scores.probabilities[:1], atol=1e-5)
    assert classifier.classify(crops[:0]).probabilities.shape == (0, 7)


def test_a_temperature_softens(weights: tuple[Path, Any]) -> None:
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


def test_a_damaged_file_is_an_error(home: Path) -> None:
    pytest.importorskip('deepface')
    (home / 'MER_MODEL_DIR' / NAME).write_bytes(b'Not Found')
    with pytest.raises(ModelError):
        DeepFaceClassifier().load()


def test_the_users_own_deepface_folder_comes_first(weights: tuple[Path, Any]) -> None:
    own = Path(os.environ['DEEPFACE_HOME']) / '.deepface' / 'weights'
    own.mkdir(parents=True)
    weights[0].rename(own / NAME)
    classifier = DeepFaceClassifier()
    classifier.load()
    assert classifier.classify(_crops(1)).probabilities.sum() == pytest.approx(1.0, abs=1e-5)
