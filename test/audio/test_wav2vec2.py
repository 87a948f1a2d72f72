"""The loader and the dtypes, on small checkpoints of the real architecture made here.

The published weights cannot be had in a test; what is shown is that every key of a file of that
shape lands where it belongs, and that the way its card loads it does not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mer_ros.emotions import RAVDESS_ORDER, Emotion
from mer_ros.models.errors import ModelError

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')

from mer_ros.audio import wav2vec2_checkpoint  # noqa: E402
from mer_ros.audio.wav2vec2 import AGREEMENT, Wav2Vec2Classifier  # noqa: E402

SMALL = {
    'hidden_size': 48,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'intermediate_size': 96,
    'conv_dim': [32] * 7,
    'num_conv_pos_embeddings': 16,
    'num_conv_pos_embedding_groups': 4,
    'conv_bias': True,
    'do_stable_layer_norm': True,
    'feat_extract_norm': 'layer',
}


class _Trained(torch.nn.Module):
    """The network as it was trained: body, mean over time, dense, tanh, output."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.wav2vec2 = transformers.Wav2Vec2Model(config)
        self.classifier = torch.nn.Module()
        self.classifier.dense = torch.nn.Linear(config.hidden_size, config.hidden_size)
        self.classifier.output = torch.nn.Linear(config.hidden_size, 8)
        torch.nn.init.normal_(self.classifier.output.weight, std=1.0)

    def forward(self, values: Any) -> Any:
        mean = self.wav2vec2(values).last_hidden_state.mean(dim=1)
        return self.classifier.output(torch.tanh(self.classifier.dense(mean)))


def _save(folder: Path, tensors: dict[str, Any], **config: Any) -> None:
    from safetensors.torch import save_file

    fields = {
        **SMALL,
        'model_type': 'wav2vec2',
        'architectures': ['Wav2Vec2ForSequenceClassification'],
        'id2label': {str(index): word for index, word in enumerate(RAVDESS_ORDER)},
        'label2id': {word: index for index, word in enumerate(RAVDESS_ORDER)},
        **config,
    }
    folder.mkdir(exist_ok=True)
    (folder / 'config.json').write_text(json.dumps(fields))
    (folder / 'preprocessor_config.json').write_text(
        json.dumps({'do_normalize': True, 'sampling_rate': 16000})
    )
    save_file({key: value.contiguous() for key, value in tensors.items()},
              str(folder / 'model.safetensors'))  # fmt: skip


def _published(net: _Trained) -> dict[str, Any]:
    """The tensors under the names of the published file (weight norm by its first names)."""
    old = {'original0': 'weight_g', 'original1': 'weight_v'}
    tensors = {}
    for key, value in net.state_dict().items():
        stem, _, last = key.rpartition('.')
        if last in old:
            key = stem.removesuffix('.parametrizations.weight') + '.' + old[last]
        tensors[key] = value
    return tensors


@pytest.fixture(scope='module')
def net() -> _Trained:
    torch.manual_seed(3)
    return _Trained(transformers.Wav2Vec2Config(**SMALL)).eval()


@pytest.fixture
def checkpoint(net: _Trained, tmp_path: Path) -> Path:
    _save(tmp_path / 'model', _published(net))
    return tmp_path / 'model'


@pytest.fixture(scope='module')
def windows() -> Any:
    return np.random.default_rng(1).normal(0, 0.1, (3, 16000)).astype(np.float32)


def _expected(net: _Trained, windows: Any) -> Any:
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    values = extractor(list(windows), sampling_rate=16000, return_tensors='pt').input_values
    with torch.no_grad():
        return torch.softmax(net(values), dim=1).numpy()


def test_every_key_lands_where_it_was_trained(
    checkpoint: Path, net: _Trained, windows: Any
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
    checkpoint: Path, net: _Trained, windows: Any
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


def test_no_windows_give_no_rows(checkpoint: Path) -> None:
    classifier = Wav2Vec2Classifier(str(checkpoint), dtype='float32')
    classifier.load()
    assert classifier.classify(np.zeros((0, 16000), np.float32)).shape == (0, 7)


def test_a_missing_head_is_an_error(net: _Trained, tmp_path: Path) -> None:
    tensors = _published(net)
    del tensors['classifier.dense.bias']
    _save(tmp_path / 'model', tensors)
    with pytest.raises(ModelError, match='head'):
        wav2vec2_checkpoint.read(tmp_path / 'model')


def test_the_head_of_another_class_is_an_error(net: _Trained, tmp_path: Path) -> None:
    tensors = {k: v for k, v in _published(net).items() if not k.startswith('classifier')}
    tensors['projector.weight'] = torch.zeros(256, 48)
    tensors['classifier.weight'] = torch.zeros(8, 256)
    _save(tmp_path / 'model', tensors)
    with pytest.raises(ModelError, match='another'):
        wav2vec2_checkpoint.read(tmp_path / 'model')


def test_a_missing_layer_is_an_error_not_a_random_one(net: _Trained, tmp_path: Path) -> None:
    tensors = _published(net)
    del tensors['wav2vec2.encoder.layers.1.attention.k_proj.weight']
    _save(tmp_path / 'model', tensors)
    with pytest.raises(ModelError, match='k_proj'):
        wav2vec2_checkpoint.read(tmp_path / 'model')


def test_other_classes_are_an_error(net: _Trained, tmp_path: Path) -> None:
    _save(tmp_path / 'model', _published(net), id2label={str(i): f'LABEL_{i}' for i in range(8)})
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
