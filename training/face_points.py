"""Train and export the embedded landmark net: five points and a face score of any face crop.

    python -m training.face_points --data ../shared/data --run build/face_points

learns YuNet's points on the training faces (``face_points_data.py``), so that detectors without
landmarks give aligned crops and head pose too. About 20 minutes on one core, eight of them for the
teacher.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import hashlib
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mer_ros.emotions import COUNT
from training.card_terms import SHARED, Terms, add_flags, terms_of
from training.errors import TrainingError
from training.face_augment import Augmentation, uniform, warp
from training.face_data import load, split
from training.face_export import MAX_DIFFERENCE, parameter_count
from training.face_export import OURS as OURS_OF_FACES
from training.face_negatives import Negatives, backgrounds
from training.face_net import SIZE, standardise
from training.face_points_data import MIRROR, Landmarks, errors, teach
from training.in_place import in_place

OURS = Terms(OURS_OF_FACES.licence, '1.1')
MARGIN = 0.1
"""How much more than a Haar box it is shown on each side, as a share of the box (card: input)."""
BATCH = 128


class PointNet(nn.Module):  # type: ignore[misc]
    """Images (N, 1, 48, 48) in 0..255 -> points (N, 5, 2) in crop units, face logit (N,).

    A heat map a point and its expected place (soft-argmax; Sun et al., 2018), with a correction
    from the whole crop for points that lie at its edge.
    """

    def __init__(self) -> None:
        """Build it with random weights."""
        super().__init__()

        def layer(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(True),
            )

        self.fine = nn.Sequential(layer(1, 16, 2), layer(16, 24), layer(24, 40, 2))
        self.coarse = nn.Sequential(layer(40, 56, 2), layer(56, 56))
        self.down = nn.Conv2d(56, 40, 1)
        self.joined = layer(40, 40)
        self.maps = nn.Conv2d(40, 5, 1)
        self.correction = nn.Linear(56, 10)
        self.face = nn.Linear(56, 1)
        axis = (torch.arange(12) + 0.5) / 12
        self.register_buffer('axis', axis)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return (points (N, 5, 2), face logit (N,))."""
        fine = self.fine(standardise(images))
        coarse = self.coarse(fine)
        wide = functional.interpolate(self.down(coarse), scale_factor=2.0, mode='nearest')
        maps = torch.softmax(self.maps(self.joined(fine + wide)).flatten(2), dim=2)
        maps = maps.unflatten(2, (12, 12))
        place = torch.stack([maps.sum(dim=2) @ self.axis, maps.sum(dim=3) @ self.axis], dim=2)
        whole = coarse.mean(dim=(2, 3))
        return place + self.correction(whole).unflatten(1, (5, 2)), self.face(whole)[:, 0]


class Crops:
    """Draws batches of faces under other framings, with their points and whether they are faces."""

    def __init__(
        self, images: NDArray[np.uint8], landmarks: Landmarks, generator: torch.Generator
    ) -> None:
        """Take faces of which the teacher saw all."""
        self._images = torch.from_numpy(images)
        self._points = torch.from_numpy(landmarks.points)
        self._generator = generator
        self._augment = Augmentation(generator, generator)
        self._negatives = Negatives(generator, backgrounds())

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self._images)

    def framed(self, images: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return mirrored, turned, scaled and shifted faces with their points."""
        count, generator = len(images), self._generator
        mirror = torch.nonzero(torch.rand(count, generator=generator) < 0.5)[:, 0]
        images, points = images.clone(), points.clone()
        images[mirror] = images[mirror].flip(-1)
        points[mirror] = points[mirror][:, list(MIRROR)] * torch.tensor([-1.0, 1.0])
        points[mirror] += torch.tensor([1.0, 0.0])
        scale = torch.exp(uniform(generator, (count, 1), -0.22, 0.42)).repeat(1, 2)
        angle = uniform(generator, (count,), -1, 1) * math.radians(35)
        shift = uniform(generator, (count, 2), -0.25, 0.25)
        edge = torch.rand(1, generator=generator).item() < 0.5
        warped = warp(images, scale, angle, shift, 'border' if edge else 'reflection')
        cosine, sine = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
        from_centre = 2 * points - 1 - shift[:, None]
        x = (from_centre[..., 0] * cosine + from_centre[..., 1] * sine) / scale[:, :1]
        y = (from_centre[..., 1] * cosine - from_centre[..., 0] * sine) / scale[:, 1:]
        return warped, (torch.stack([x, y], dim=2) + 1) / 2

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (images, points of the faces, 1 for a face and 0 for the others at the end)."""
        clean = self._images[rows].float()[:, None]
        faces, points = self.framed(clean, self._points[rows])
        chosen = torch.randint(len(rows), (len(rows) // 4,), generator=self._generator)
        images = torch.cat([faces, self._negatives(clean[chosen])])
        images = self._augment.erase(self._augment.sensor(self._augment.light(images)), 0.15)
        truth = torch.cat([torch.ones(len(rows)), torch.zeros(len(chosen))])
        return images, points, truth


def train(crops: Crops, epochs: int, seed: int, rate: float = 3e-3) -> PointNet:
    """Return a net trained on the crops (AdamW, one cycle)."""
    torch.manual_seed(seed)
    net = PointNet()
    net.train()
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=1e-3)
    steps = len(crops) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, epochs * steps, pct_start=0.2)
    for epoch in range(epochs):
        started, total = time.perf_counter(), 0.0
        for rows in torch.randperm(len(crops))[: steps * BATCH].split(BATCH):
            images, points, truth = crops.batch(rows)
            found, face = net(images)
            distance = (found[: len(points)] - points).square().sum(dim=2).add(1e-5).sqrt().mean()
            loss = distance + 0.02 * functional.binary_cross_entropy_with_logits(face, truth)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += distance.item()
        seconds = time.perf_counter() - started
        print(f'epoch {epoch + 1} distance {total / steps:.4f} seconds {seconds:.0f}', flush=True)
    net.eval()
    return net


def export(net: PointNet, path: Path, check: Tensor) -> float:
    """Write the ONNX file; return its largest difference from the net on ``check``.

    Raises:
        TrainingError: it is more than 1e-4.
    """
    names = ['images', 'points', 'face_logit']
    torch.onnx.export(
        net,
        (torch.zeros(2, 1, SIZE, SIZE),),
        str(path),
        input_names=names[:1],
        output_names=names[1:],
        dynamic_axes={name: {0: 'faces'} for name in names},
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    shipped = session.run(names[1:], {'images': check.numpy()})
    with torch.no_grad():
        expected = net(check)
    difference = max(
        float(np.abs(mine - theirs.numpy()).max())
        for mine, theirs in zip(shipped, expected, strict=True)
    )
    if difference > MAX_DIFFERENCE:
        raise TrainingError(f'{path} differs from the trained net by {difference:.2g}')
    return difference


def _seen(landmarks: Landmarks, images: NDArray[np.uint8]) -> tuple[NDArray[Any], Landmarks]:
    rows = np.flatnonzero(landmarks.seen)
    return images[rows], Landmarks(landmarks.points[rows], landmarks.seen[rows])


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog='python -m training.face_points', description='Train the embedded landmark net.'
    )
    parser.add_argument('--data', type=Path, required=True, help='folder with face/ and weights/')
    parser.add_argument('--run', type=Path, required=True, help='folder for what it makes')
    parser.add_argument('--out', type=Path, help='folder for the model (default: the run folder)')
    parser.add_argument('--epochs', type=int, default=20)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--limit', type=int, help='train on so many images only (for tests)')
    parser.add_argument('--threads', type=int, default=1)
    add_flags(parser, OURS, SHARED)
    options = parser.parse_args(argv)
    terms = terms_of(options, OURS, SHARED)
    torch.set_num_threads(options.threads)
    weights = options.data / 'weights' / 'face_detection_yunet_2023mar.onnx'
    valid = load(options.data / 'face' / 'fer2013_valid.npz')
    valid = valid.take(np.arange(min(options.limit or 1500, len(valid))))
    train_set = load(options.data / 'face' / 'fer2013_train.npz')
    fit = train_set.images[: options.limit]
    if options.limit is None:
        fit = split(train_set, valid, seed=0)[0].images
    out = options.out or options.run
    for folder in (options.run, out):
        folder.mkdir(parents=True, exist_ok=True)
    images, landmarks = _seen(teach(fit, weights), fit)
    print(f'YuNet saw {len(images)} of {len(fit)} training faces', flush=True)
    if len(images) < BATCH:
        raise SystemExit(
            f'YuNet saw {len(images)} faces to train on, less than a batch of {BATCH}: add some to '
            'fer2013_train.npz'
        )
    checked, truth = _seen(teach(valid.images, weights), valid.images)
    if not len(checked):
        raise SystemExit('YuNet saw none of the faces of fer2013_valid.npz: add some that it sees')
    generator = torch.Generator().manual_seed(options.seed)
    net = train(Crops(images, landmarks, generator), options.epochs, options.seed)
    torch.save(net.state_dict(), options.run / 'face_points.pt')
    framed, places = Crops(checked, truth, torch.Generator().manual_seed(1)).framed(
        torch.from_numpy(checked).float()[:, None], torch.from_numpy(truth.points)
    )
    with torch.no_grad():
        plain = net(torch.from_numpy(checked).float()[:, None])[0].numpy()
        reframed = net(framed)[0].numpy()
    with in_place(out / 'face_points.onnx') as path:
        difference = export(net, path, framed[:256])
        card = {
            'name': 'face_points',
            'version': terms.version,
            'task': 'face_landmarks',
            'temperature': 1.0,
            'prior': [1 / COUNT] * COUNT,
            'input': {
                'name': 'images',
                'shape': ['faces', 1, SIZE, SIZE],
                'dtype': 'float32',
                'range': [0, 255],
                'colour': 'grey',
                'margin': MARGIN,
            },
            'metrics': {
                'parameters': parameter_count(path),
                'percent_of_eye_distance': errors(plain, truth.points),
                'percent_of_eye_distance_reframed': errors(reframed, places.numpy()),
                'teacher_sees_share': round(len(images) / len(fit), 4),
                'onnx_difference': float(f'{difference:.1e}'),
            },
            'licence': terms.licence,
            'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        path.with_suffix('.json').write_text(json.dumps(card, indent=1) + '\n', encoding='utf-8')
    print(json.dumps(card['metrics']))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
