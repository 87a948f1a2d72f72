r"""Tables for the model card: corruptions, detectors' crops, faces against the rest, latency.

    python -m training.face_report --data ../shared/data/face \
        --model mer_ros/models/embedded/face_lite.onnx

prints Markdown. Everything is measured on ``fer2013_valid.npz`` with the shipped ONNX file.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mer_ros import metrics
from mer_ros.models.calibration import calibrate
from mer_ros.models.card import ModelCard
from training.face_augment import (
    convolve,
    downscale,
    gaussian_kernels,
    motion_kernels,
    warp,
)
from training.face_data import CONTEMPT, FERPLUS_TO_OURS, UNKNOWN, load
from training.face_export import ENOUGH, ShippedNet
from training.face_negatives import HELD_OUT_PICTURES, Negatives, backgrounds
from training.roc import area_under_roc

Change = Callable[[Tensor], Tensor]


def _same(images: Tensor, value: float) -> Tensor:
    return torch.full((len(images),), value)


def _warped(
    scale: float = 1.0, degrees: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
) -> Change:
    """Return a change of framing; ``shift`` in shares of the crop."""

    def change(images: Tensor) -> Tensor:
        count = len(images)
        offset = 2 * torch.tensor([shift]).expand(count, 2)
        window = torch.full((count, 2), scale)
        return warp(images, window, _same(images, math.radians(degrees)), offset, 'border')

    return change


def _noisy(deviation: float) -> Change:
    generator = torch.Generator().manual_seed(0)
    return lambda images: images + deviation * torch.randn(images.shape, generator=generator)


def _compressed(quality: int) -> Change:
    """Return a change by OpenCV's JPEG codec."""

    def change(images: Tensor) -> Tensor:
        after = []
        for image in images[:, 0].clamp(0, 255).to(torch.uint8).numpy():
            _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            after.append(np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)))
        return torch.from_numpy(np.stack(after)).float()[:, None]

    return change


def _covered(top: float, bottom: float) -> Change:
    def change(images: Tensor) -> Tensor:
        rows = images.shape[-2]
        covered = images.clone()
        covered[..., int(top * rows) : int(bottom * rows), :] = 90.0
        return covered

    return change


CORRUPTIONS: dict[str, Change] = {
    'none': lambda images: images,
    'blur, sigma 1 px': lambda x: convolve(x, gaussian_kernels(_same(x, 1.0))),
    'blur, sigma 2 px': lambda x: convolve(x, gaussian_kernels(_same(x, 2.0))),
    'motion, 4 px': lambda x: convolve(x, motion_kernels(_same(x, 4.0), _same(x, 0.4))),
    'motion, 8 px': lambda x: convolve(x, motion_kernels(_same(x, 8.0), _same(x, 0.4))),
    'taken at 32 px': lambda images: downscale(images, 32),
    'taken at 24 px': lambda images: downscale(images, 24),
    'taken at 16 px': lambda images: downscale(images, 16),
    'light at 30 %': lambda images: (0.3 * images).round(),
    'light at 10 %': lambda images: (0.1 * images).round(),
    'overexposed x1.8': lambda images: 1.8 * images,
    'noise, sigma 10': _noisy(10.0),
    'noise, sigma 25': _noisy(25.0),
    'JPEG, quality 20': _compressed(20),
    'tilted 15 degrees': _warped(degrees=15),
    'tilted 30 degrees': _warped(degrees=30),
    'crop 20 % too tight': _warped(scale=1 / 1.2),
    'crop 20 % too wide': _warped(scale=1.2),
    'crop 40 % too wide': _warped(scale=1.4),
    'shifted by 10 %': _warped(shift=(0.1, 0.07)),
    'mouth covered': _covered(0.67, 0.95),
    'eyes covered': _covered(0.22, 0.45),
}


def corruption_table(
    net: ShippedNet, card: ModelCard, images: NDArray[np.uint8], truth: NDArray[np.int64]
) -> list[str]:
    """Return Markdown rows: accuracy, UAR, ECE and the face score under each corruption."""
    clean = torch.from_numpy(images).float()[:, None]
    lines = ['| corruption | accuracy | loss | UAR (≥ 20) | ECE | median face score |',
             '|---|---|---|---|---|---|']  # fmt: skip
    before = 0.0
    for name, change in CORRUPTIONS.items():
        changed = change(clean).clamp(0, 255).round()[:, 0].numpy()
        logits, face = net(changed)
        row = metrics.score(truth, calibrate(logits, card.temperature))
        confusion = np.asarray(row['confusion'])
        support = confusion.sum(axis=1)
        large = support >= ENOUGH
        recall = (np.diag(confusion)[large] / support[large]).mean()
        before = before or row['accuracy']
        score = float(np.median(1 / (1 + np.exp(-face))))
        lines.append(
            f'| {name} | {row["accuracy"]:.3f} | {before - row["accuracy"]:+.3f} | {recall:.3f} '
            f'| {row["ece"]:.3f} | {score:.2f} |'
        )
    return lines


def rejection_table(net: ShippedNet, images: NDArray[np.uint8]) -> list[str]:
    """Return Markdown rows: how well ``face_logit`` tells faces from each kind of other crop."""
    faces = net(images)[1]
    generator = torch.Generator().manual_seed(1)
    negatives = Negatives(generator, backgrounds(HELD_OUT_PICTURES))
    clean = torch.from_numpy(images[:1000]).float()[:, None]
    kinds = {
        'pictures without a face': negatives.picture,
        'noise and clouds': negatives.noise,
        'shuffled faces': negatives.shuffled,
        'far too close': negatives.too_close,
        'cut off by half or more': negatives.cut_off,
    }
    threshold = np.percentile(faces, 5)
    lines = [
        '| not a face | area under ROC | refused where 95 % of faces pass |', '|---|---|---|'
    ]  # fmt: skip
    for name, make in kinds.items():
        scores = net(make(clean)[:, 0].numpy())[1]
        refused = np.mean(scores < threshold)
        lines.append(f'| {name} | {area_under_roc(faces, scores):.4f} | {refused:.3f} |')
    return lines


def eight_class_line(net: ShippedNet, path: Path) -> str:
    """Return the accuracy on all images of an npz file as papers give it (Barsoum et al., 2016).

    Single votes are dropped, the plurality is the label, unknown and no-face are left out, and
    contempt counts as wrong: the shipped file has no logit for it.
    """
    with np.load(path) as archive:
        votes, images = archive['ferplus_votes'].astype(np.int64), archive['images']
    votes = np.where(votes > 1, votes, 0)
    label = votes.argmax(axis=1)
    kept = (label < UNKNOWN) & (votes.max(axis=1) > 0)
    ours = np.full(UNKNOWN, -1)
    ours[list(FERPLUS_TO_OURS)] = np.arange(len(FERPLUS_TO_OURS))
    right = net(images[kept])[0].argmax(axis=1) == ours[label[kept]]
    return f'{right.mean():.3f} of {kept.sum()} images, {(label[kept] == CONTEMPT).sum()} contempt'


def latency_table(net: ShippedNet, repeats: int = 300) -> list[str]:
    """Return Markdown rows: milliseconds a call on one core of this machine."""
    lines = ['| faces in a call | p50 ms | p95 ms | ms a face |', '|---|---|---|---|']
    for count in (1, 2, 4, 8):
        images = np.random.default_rng(0).integers(0, 255, (count, 48, 48)).astype(np.float32)
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            net(images)
            times.append(1e3 * (time.perf_counter() - started))
        half, most = np.percentile(times[20:], (50, 95))
        lines.append(f'| {count} | {half:.2f} | {most:.2f} | {half / count:.2f} |')
    return lines


def main(argv: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog='python -m training.face_report', description='Print the tables of the model card.'
    )
    parser.add_argument('--data', type=Path, required=True, help='folder of fer2013_valid.npz')
    parser.add_argument('--model', type=Path, required=True, help='face_lite.onnx with its card')
    options = parser.parse_args(argv)
    net, card = ShippedNet(options.model), ModelCard.read(options.model)
    valid = load(options.data / 'fer2013_valid.npz')
    known = valid.majority >= 0
    images, truth = valid.images[known], valid.majority[known]
    torch.set_num_threads(1)
    print('\n'.join(corruption_table(net, card, images, truth)), end='\n\n')
    print('\n'.join(rejection_table(net, images)), end='\n\n')
    print(eight_class_line(net, options.data / 'fer2013_valid.npz'), end='\n\n')
    print('\n'.join(latency_table(net)))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
