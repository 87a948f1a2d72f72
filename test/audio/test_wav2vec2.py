"""The loader and the dtypes, on small checkpoints of the real architecture made here.

The published weights cannot be had in a test; what is shown is that every key of a file of that
shape lands where it belongs, and that the way its card loads it does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mer_ros.emotions import RAVDESS_ORDER, Emotion
from mer_ros.models.errors import ModelError

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')

from benchmarks.wav2vec2_net import SMALL, EmotionNet, published, save  # noqa: E402
from mer_ros.audio import wav2vec2_checkpoint  # noqa: E402
from mer_ros.audio.wav2vec2 import AGREEMENT, Wav2Vec2Classifier  # noqa: E402


@pytest.fixture(scope='module')
def net() -> EmotionNet:
    torch.manual_seed(3)
    made = EmotionNet().eval()
    torch.nn.init.normal_(made.classifier.output.weight, std=1.0)  # answers that differ
    return made


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def checkpoint(net: EmotionNet, tmp_path: Path) -> Path:
    save(tmp_path / 'model', published(net))
    return tmp_path / 'model'


@pytest.fixture(scope='module')
def windows() -> Any:
    return np.random.default_rng(1).normal(0, 0.1, (3, 16000)).astype(np.float32)


def _expected(net: EmotionNet, windows: Any) -> Any:
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    values = extractor(list(windows), sampling_rate=16000, return_tensors='pt').input_values
    with torch.no_grad():
        return torch.softmax(net(values), dim=1).numpy()


def test_every_key_lands_where_it_was_trained(
    checkpoint: Path, net: EmotionNet, windows: Any
) -> None:
    classifier = Wav2Vec2Classifier(str(checkpoint), dtype='float32')
    classifier.load()
    eight = _expected(net, windows)
    ours = classifier.classify(windows)
    assert ours.shape == (3, 7)
    np.testing.assert_allclose(ours.sum(axis=1), 1.0, atol=1e-5)
    order = {word: eight[:, index] for index, word in enumerate(RAVDESS_ORDER)}
    np.testing.assert_allclose(ours[:, Emotion.ANGER], order['angry'], atol=1e-5)
    np.testing.assert_allclose(
        ours[:, Emotion.NEUTRAL], order['calm'] + order['neutral'], atol=1e-5
    )


def test_the_way_of_the_model_card_leaves_the_head_random(
    checkpoint: Path, net: EmotionNet, windows: Any
) -> None:
    naive = transformers.Wav2Vec2ForSequenceClassification.from_pretrained(checkpoint).eval()
    trained = net.classifier.output.weight
    assert naive.classifier.weight.shape != trained.shape or not torch.equal(
        naive.classifier.weight, trained
    )
    with torch.no_grad():
        guess = torch.softmax(naive(torch.from_numpy(windows)).logits, dim=1).numpy()
    assert np.abs(guess - _expected(net, windows)).max() > 0.05


@pytest.mark.parametrize('dtype', ['bfloat16', 'int8', 'auto'])
def test_a_fast_dtype_says_the_same(checkpoint: Path, windows: Any, dtype: str) -> None:
    reference = Wav2Vec2Classifier(str(checkpoint), dtype='float32')
    fast = Wav2Vec2Classifier(str(checkpoint), dtype=dtype)
    reference.load()
    fast.load()
    assert np.abs(fast.classify(windows) - reference.classify(windows)).max() < AGREEMENT
    assert dtype == 'auto' or f' {dtype} ' in fast.chosen


def test_auto_says_which_dtype_it_refused(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('mer_ros.audio.wav2vec2.AGREEMENT', 0.0)  # no fast dtype is that good
    classifier = Wav2Vec2Classifier(str(checkpoint), device='cpu')
    classifier.load()
    assert classifier.chosen.startswith('cpu float32 (')
    assert 'differed by' in classifier.chosen


def test_embeddings_are_what_the_head_took_and_come_with_the_same_answers(
    checkpoint: Path, net: EmotionNet, windows: Any
) -> None:
    classifier = Wav2Vec2Classifier(str(checkpoint), dtype='float32')
    classifier.load()
    answers, embeddings = classifier.classify_with_embeddings(windows)
    np.testing.assert_array_equal(answers, classifier.classify(windows))
    assert embeddings.shape == (3, SMALL['hidden_size'])
    assert embeddings.dtype == np.float32
    values = (windows - windows.mean(1, keepdims=True)) / windows.std(1, keepdims=True)
    with torch.no_grad():
        states = net.wav2vec2(torch.from_numpy(values)).last_hidden_state
    np.testing.assert_allclose(embeddings, states.mean(dim=1).numpy(), atol=1e-4)


def test_no_windows_give_no_rows(checkpoint: Path) -> None:
    classifier = Wav2Vec2Classifier(str(checkpoint), dtype='float32')
    classifier.load()
    assert classifier.classify(np.zeros((0, 16000), np.float32)).shape == (0, 7)


def test_a_missing_head_is_an_error(net: EmotionNet, tmp_path: Path) -> None:
    tensors = published(net)
    del tensors['classifier.dense.bias']
    save(tmp_path / 'model', tensors)
    with pytest.raises(ModelError, match='head'):
        wav2vec2_checkpoint.read(tmp_path / 'model')


def test_the_head_of_another_class_is_an_error(net: EmotionNet, tmp_path: Path) -> None:
    tensors = {k: v for k, v in published(net).items() if not k.startswith('classifier')}
    tensors['projector.weight'] = torch.zeros(256, 48)
    tensors['classifier.weight'] = torch.zeros(8, 256)
    save(tmp_path / 'model', tensors)
    with pytest.raises(ModelError, match='another'):
        wav2vec2_checkpoint.read(tmp_path / 'model')


def test_a_missing_layer_is_an_error_not_a_random_one(net: EmotionNet, tmp_path: Path) -> None:
    tensors = published(net)
    del tensors['wav2vec2.encoder.layers.1.attention.k_proj.weight']
    save(tmp_path / 'model', tensors)
    with pytest.raises(ModelError, match='k_proj'):
        wav2vec2_checkpoint.read(tmp_path / 'model')


@pytest.mark.parametrize(
    'table',
    [
        {str(i): f'LABEL_{i}' for i in range(8)},
        {f'LABEL_{i}': 'angry' for i in range(8)},
        ['angry', 'calm'],
    ],
)
def test_other_classes_are_an_error(net: EmotionNet, tmp_path: Path, table: Any) -> None:
    wrong = {**SMALL, 'id2label': table}
    save(tmp_path / 'model', published(net), wrong)
    with pytest.raises(ModelError, match='classes'):
        wav2vec2_checkpoint.read(tmp_path / 'model')


def test_a_truncated_file_is_an_error(checkpoint: Path) -> None:
    weights = checkpoint / 'model.safetensors'
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match='mer models pull wav2vec2'):
        wav2vec2_checkpoint.read(checkpoint)


def test_a_missing_model_says_what_to_run(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    with pytest.raises(ModelError, match='mer models pull wav2vec2'):
        Wav2Vec2Classifier().load()
