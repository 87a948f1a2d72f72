"""What turning faces upright by their landmarks gains, on faces tilted by known angles.

    python -m benchmarks.face_alignment --data ../shared/data

Faces of FER2013's train split that the classifier's training kept apart, enlarged, tilted, and
boxed as the haar detector boxes faces (sizes within 6 %, centres within 2 %). One JSON line an
angle and a way: the box as it is, aligned by the embedded landmark net, aligned by YuNet's points;
accuracy against the FER+ majority and negative log-likelihood.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face.alignment import BOX_MARGIN, BOX_SHIFT, crop
from mer_ros.face.detection import Detection
from mer_ros.face.lite import LiteFaceClassifier
from mer_ros.face.points import LandmarkNet
from mer_ros.face.yunet import YuNetDetector
from training.face_data import load, split

ANGLES = (0, 10, 20, 30)
_PADDING, _ENLARGED = 24, 3


def tilted(image: NDArray[np.uint8], angle: float) -> NDArray[np.uint8]:
    """Return a face, three times as large in a frame of repeated border, turned by degrees."""
    framed = cv2.copyMakeBorder(image, *[_PADDING] * 4, cv2.BORDER_REPLICATE)
    large = cv2.resize(framed, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC)
    side = large.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), angle, 1)
    turned = cv2.warpAffine(large, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def boxed(frame: int, face: int, rng: np.random.Generator) -> Detection:
    """Return the box that haar would give to a face of that side amid a frame of that side."""
    side = face / (1 + 2 * BOX_MARGIN) * np.exp(rng.normal(0, 0.06))
    x = frame / 2 + side * rng.normal(0, 0.012) - side / 2
    y = frame / 2 + side * (rng.normal(0, 0.02) - BOX_SHIFT) - side / 2
    return Detection(np.array([x, y, side, side], np.float32), 1.0)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    parser.add_argument('--images', type=int, default=800)
    options = parser.parse_args()
    os.environ['MER_MODEL_DIR'] = str(options.data / 'weights')
    classifier, net, yunet = LiteFaceClassifier(), LandmarkNet(), YuNetDetector(threshold=0.6)
    for model in (classifier, net, yunet):
        model.load()
    folder = options.data / 'face'
    held = split(load(folder / 'fer2013_train.npz'), load(folder / 'fer2013_valid.npz'), 0)[1]
    faces = held.take(np.flatnonzero(held.majority >= 0)[: options.images])
    rng = np.random.default_rng(0)
    for angle in ANGLES:
        crops: dict[str, list[NDArray[np.uint8]]] = {'box': [], 'landmark net': [], 'yunet': []}
        for image in faces.images:
            frame = tilted(image, angle * rng.choice([-1, 1]))
            box = boxed(frame.shape[0], _ENLARGED * image.shape[0], rng)
            colour = np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), np.uint8)
            seen = max(yunet.detect(colour), key=lambda d: float(d.box[2]), default=box)
            ways = (box, net.fill(frame, [box])[0], replace(box, landmarks=seen.landmarks))
            for views, detection in zip(crops.values(), ways, strict=True):
                views.append(crop(frame, detection, classifier.crop_size))
        for name, views in crops.items():
            table = classifier.classify(np.stack(views)).probabilities
            sure = table[np.arange(len(table)), faces.majority]
            print(json.dumps({
                'degrees': angle, 'aligned_by': name, 'n': len(table),
                'accuracy': round(float(np.mean(table.argmax(axis=1) == faces.majority)), 4),
                'nll': round(float(-np.log(np.maximum(sure, 1e-6)).mean()), 3),
            }), flush=True)  # fmt: skip
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
