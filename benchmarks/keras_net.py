"""Runs a Keras 2 network on PyTorch, with none of Keras."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import torch
from torch import Tensor
from torch.nn import functional


class KerasNet:
    """Runs a Keras 2 functional model of the few layer kinds that mini-XCEPTION has."""

    def __init__(self, path: Path) -> None:
        """Read structure and weights.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it has a kind of layer that is not written here.
        """
        if not path.exists():
            raise FileNotFoundError(f'{path} is not there')
        with h5py.File(path) as file:
            config = json.loads(file.attrs['model_config'])['config']
            self._weights: dict[str, dict[str, Tensor]] = {}
            for name, layer in file['model_weights'].items():
                weights = self._weights.setdefault(name, {})
                layer.visititems(partial(self._read, weights))
        self._layers = config['layers']
        unknown = {layer['class_name'] for layer in self._layers} - set(self._kinds())
        if unknown:
            raise ValueError(f'{path} has layers of the unknown kinds {sorted(unknown)}')

    @staticmethod
    def _read(weights: dict[str, Tensor], name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            weights[name.split('/')[-1].split(':')[0]] = torch.from_numpy(item[()])

    def _kinds(self) -> dict[str, Callable[..., Tensor]]:
        return {
            'InputLayer': lambda config, images: images,
            'Conv2D': self._convolution,
            'SeparableConv2D': self._separable,
            'BatchNormalization': self._normalisation,
            'MaxPooling2D': self._pooling,
            'Activation': self._activation,
            'Add': lambda config, one, other: one + other,
            'GlobalAveragePooling2D': lambda config, features: features.mean(dim=(2, 3)),
        }

    @staticmethod
    def _padded(features: Tensor, config: dict[str, Any], size: int, value: float) -> Tensor:
        if config['padding'] == 'valid':
            return features
        stride, pads = config['strides'][0], []
        for length in (features.shape[3], features.shape[2]):
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            pads += [total // 2, total - total // 2]
        return functional.pad(features, pads, value=value)

    def _convolution(self, config: dict[str, Any], features: Tensor) -> Tensor:
        weights = self._weights[config['name']]
        kernel = weights['kernel'].permute(3, 2, 0, 1)
        padded = self._padded(features, config, kernel.shape[-1], 0.0)
        return functional.conv2d(padded, kernel, weights.get('bias'), stride=config['strides'])

    def _separable(self, config: dict[str, Any], features: Tensor) -> Tensor:
        weights = self._weights[config['name']]
        depthwise = weights['depthwise_kernel'].permute(2, 3, 0, 1)
        padded = self._padded(features, config, depthwise.shape[-1], 0.0)
        inner = functional.conv2d(padded, depthwise, groups=features.shape[1])
        return functional.conv2d(inner, weights['pointwise_kernel'].permute(3, 2, 0, 1))

    def _normalisation(self, config: dict[str, Any], features: Tensor) -> Tensor:
        weights = self._weights[config['name']]
        return functional.batch_norm(
            features, weights['moving_mean'], weights['moving_variance'], weights['gamma'],
            weights['beta'], eps=config['epsilon'],
        )  # fmt: skip

    def _pooling(self, config: dict[str, Any], features: Tensor) -> Tensor:
        size = config['pool_size'][0]
        padded = self._padded(features, config, size, -torch.inf)
        return functional.max_pool2d(padded, size, config['strides'][0])

    @staticmethod
    def _activation(config: dict[str, Any], features: Tensor) -> Tensor:
        if config['activation'] == 'relu':
            return functional.relu(features)
        return torch.softmax(features, dim=1)

    def __call__(self, images: Tensor) -> Tensor:
        """Return the output of the last layer for (N, 1, H, W) images."""
        outputs: dict[str, Tensor] = {}
        kinds = self._kinds()
        with torch.no_grad():
            for layer in self._layers:
                nodes = layer['inbound_nodes']
                inputs = [outputs[node[0]] for node in nodes[0]] if nodes else [images]
                name = layer['config']['name']
                outputs[name] = kinds[layer['class_name']](layer['config'], *inputs)
        return outputs[name]
