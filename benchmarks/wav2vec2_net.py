"""The network of the published wav2vec2 checkpoint, in any size, and how it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import Wav2Vec2Config, Wav2Vec2Model

from mer_ros.emotions import RAVDESS_ORDER

SMALL: Mapping[str, Any] = {
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
"""Fields of a configuration that says what the published one says, but for the sizes."""

PUBLISHED: Mapping[str, Any] = {
    **SMALL,
    'hidden_size': 1024,
    'num_hidden_layers': 24,
    'num_attention_heads': 16,
    'intermediate_size': 4096,
    'conv_dim': [512] * 7,
    'num_conv_pos_embeddings': 128,
    'num_conv_pos_embedding_groups': 16,
}
"""The same in the published sizes."""


class EmotionNet(torch.nn.Module):  # type: ignore[misc]
    """The network as it was trained: body, mean over time, dense, tanh, output.

    Takes (N, samples) float32 of zero mean and unit variance, gives (N, 8) logits in the order
    of ``emotions.RAVDESS_ORDER``.
    """

    def __init__(self, fields: Mapping[str, Any] = SMALL) -> None:
        super().__init__()
        config = Wav2Vec2Config(**fields)
        self.fields = dict(fields)
        self.wav2vec2 = Wav2Vec2Model(config)
        self.classifier = torch.nn.Module()
        self.classifier.dense = torch.nn.Linear(config.hidden_size, config.hidden_size)
        self.classifier.output = torch.nn.Linear(config.hidden_size, len(RAVDESS_ORDER))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        mean = self.wav2vec2(values).last_hidden_state.mean(dim=1)
        return self.classifier.output(torch.tanh(self.classifier.dense(mean)))


def published(net: EmotionNet) -> dict[str, torch.Tensor]:
    """Return the tensors under the names of the published file (weight norm by its first names)."""
    old = {'original0': 'weight_g', 'original1': 'weight_v'}
    tensors = {}
    for key, value in net.state_dict().items():
        stem, _, last = key.rpartition('.')
        if last in old:
            key = stem.removesuffix('.parametrizations.weight') + '.' + old[last]
        tensors[key] = value
    return tensors


def save(
    folder: Path, tensors: Mapping[str, torch.Tensor], fields: Mapping[str, Any] = SMALL
) -> None:
    """Write ``config.json``, ``preprocessor_config.json`` and ``model.safetensors``."""
    config = {
        'model_type': 'wav2vec2',
        'architectures': ['Wav2Vec2ForSequenceClassification'],
        'id2label': {str(index): word for index, word in enumerate(RAVDESS_ORDER)},
        'label2id': {word: index for index, word in enumerate(RAVDESS_ORDER)},
        **fields,
    }
    folder.mkdir(exist_ok=True)
    (folder / 'config.json').write_text(json.dumps(config))
    (folder / 'preprocessor_config.json').write_text(
        json.dumps({'do_normalize': True, 'sampling_rate': 16000})
    )
    contiguous = {key: value.contiguous() for key, value in tensors.items()}
    save_file(contiguous, str(folder / 'model.safetensors'))
