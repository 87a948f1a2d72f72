"""What one would use instead of face `lite`, on the same images in the same run.

    python -m benchmarks.face_baselines --data ../shared/data

prints one JSON line a model: majority class, mini-XCEPTION (Arriaga et al., 2017, the weights
of oarriaga/face_classification, 66 % on FER2013's test split by its authors) and ours. Needs
torch and h5py beside the package.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mer_ros import metrics
from mer_ros.emotions import COUNT
from mer_ros.models.calibration import calibrate
from mer_ros.models.card import ModelCard
from training.face_data import load
from training.face_export import ENOUGH, ShippedNet

Classifier = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


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


def mini_xception(path: Path) -> Classifier:
    """Return the peers' network, fed as its authors do: 64x64 grey in -1..1."""
    net = KerasNet(path)

    def classify(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = []
        for start in range(0, len(images), 256):
            large = np.stack([cv2.resize(x, (64, 64)) for x in images[start : start + 256]])
            scaled = torch.from_numpy(large).float()[:, None] / 127.5 - 1.0
            parts.append(net(scaled).numpy())
        return np.concatenate(parts)

    return classify


def lite(path: Path) -> Classifier:
    """Return our network with its temperature."""
    net, card = ShippedNet(path), ModelCard.read(path)
    return lambda images: calibrate(net(images)[0], card.temperature)


def majority_class(labels: NDArray[np.int64]) -> Classifier:
    """Return the classifier that always answers the labels' frequencies."""
    frequencies = (np.bincount(labels, minlength=COUNT) / len(labels)).astype(np.float32)
    return lambda images: np.tile(frequencies, (len(images), 1))


def row(truth: NDArray[np.int64], probabilities: NDArray[np.float32]) -> dict[str, float]:
    """Return n, accuracy, UAR, UAR over classes with 20 images or more, and ECE."""
    scores = metrics.score(truth, probabilities)
    confusion = np.asarray(scores['confusion'])
    support = confusion.sum(axis=1)
    large = support >= ENOUGH
    recall = np.diag(confusion)[large] / support[large]
    kept = {name: scores[name] for name in ('n', 'accuracy', 'uar', 'ece')}
    return {name: round(x, 4) for name, x in {**kept, 'uar_20': float(recall.mean())}.items()}


def milliseconds(classifier: Classifier, images: NDArray[np.uint8], repeats: int = 50) -> float:
    """Return the median time of one face in a call."""
    times = []
    for index in range(repeats):
        started = time.perf_counter()
        classifier(images[index : index + 1])
        times.append(1e3 * (time.perf_counter() - started))
    return round(float(np.median(times)), 3)


def main(argv: list[str] | None = None) -> int:
    """Print the rows."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.face_baselines', description='Compare face classifiers.'
    )
    parser.add_argument('--data', type=Path, required=True, help='folder with face/ and weights/')
    parser.add_argument(
        '--model', type=Path, default=Path('mer_ros/models/embedded/face_lite.onnx')
    )  # fmt: skip
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    train = load(options.data / 'face' / 'fer2013_train.npz')
    valid = load(options.data / 'face' / 'fer2013_valid.npz')
    known = valid.majority >= 0
    classifiers = {
        'majority class': majority_class(train.majority[train.majority >= 0]),
        'mini-XCEPTION': mini_xception(
            options.data / 'weights' / 'fer2013_mini_XCEPTION.102-0.66.hdf5'
        ),
        'lite': lite(options.model),
    }
    for name, classifier in classifiers.items():
        probabilities = classifier(valid.images)
        result = {
            'model': name,
            'ferplus': row(valid.majority[known], probabilities[known]),
            'original': row(valid.original, probabilities),
            'ms': milliseconds(classifier, valid.images),
        }
        print(json.dumps(result))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
