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
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros import metrics
from mer_ros.emotions import COUNT
from mer_ros.models.calibration import calibrate
from mer_ros.models.card import ModelCard
from training.face_data import load

Classifier = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def mini_xception(path: Path) -> Classifier:
    """Return the peers' network, fed as its authors do: 64x64 grey in -1..1."""
    import torch  # here and below, so that --help needs none of it

    from benchmarks.keras_net import KerasNet

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
    from training.face_export import ShippedNet

    net, card = ShippedNet(path), ModelCard.read(path)
    return lambda images: calibrate(net(images)[0], card.temperature)


def majority_class(labels: NDArray[np.int64]) -> Classifier:
    """Return the classifier that always answers the labels' frequencies."""
    frequencies = (np.bincount(labels, minlength=COUNT) / len(labels)).astype(np.float32)
    return lambda images: np.tile(frequencies, (len(images), 1))


def row(truth: NDArray[np.int64], probabilities: NDArray[np.float32]) -> dict[str, float]:
    """Return n, accuracy, UAR, UAR over classes with 20 images or more, and ECE."""
    from training.face_export import ENOUGH

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
    import torch

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
