"""How to cut a face out of its box: letterboxed in black as DeepFace does, square, or aligned.

    python -m benchmarks.face_framing --data ../shared/data

Faces of FER2013's validation split in a larger scene, boxed by YuNet. Each is cut out in three
ways and classified by mini-XCEPTION and by ``lite``; one JSON line a classifier with the accuracy
against the FER+ majority. DeepFace's own weights cannot be had without a download: mini-XCEPTION
was trained on the same images for the same seven classes, so it stands in for its network. Needs
deepface, torch and h5py beside the package.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.face_baselines import lite, mini_xception
from mer_ros.face.alignment import crop
from mer_ros.face.detection import Detection
from mer_ros.face.yunet import YuNetDetector
from training.face_data import load
from training.face_detector_report import scene

SIZE, DEEPFACE_SIZE = 48, 224
Image = NDArray[np.uint8]


def letterboxed(grey: Image, face: Detection) -> Image:
    """Return the box as ``DeepFace.analyze`` hands it on: fitted into 224 x 224, the rest black."""
    from deepface.modules.preprocessing import resize_image  # here: --help needs none of it

    x, y, width, height = (max(0, int(value)) for value in face.box)
    colour = cv2.cvtColor(grey[y : y + height, x : x + width], cv2.COLOR_GRAY2BGR)
    whole = resize_image(colour, (DEEPFACE_SIZE, DEEPFACE_SIZE))[0]
    small = cv2.resize(cv2.cvtColor(whole, cv2.COLOR_BGR2GRAY), (SIZE, SIZE))
    return np.asarray(np.round(255.0 * small), np.uint8)


def square(grey: Image, face: Detection) -> Image:
    """Return the square around the box, as the pipeline cuts faces without landmarks."""
    return crop(grey, replace(face, landmarks=None), SIZE)


def aligned(grey: Image, face: Detection) -> Image:
    """Return the face turned onto the template by its landmarks, as the pipeline does."""
    return crop(grey, face, SIZE)


WAYS: dict[str, Callable[[Image, Detection], Image]] = {
    'letterboxed': letterboxed,
    'square': square,
    'aligned': aligned,
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    parser.add_argument('--count', type=int, default=500)
    options = parser.parse_args()
    weights = options.data / 'weights'
    os.environ['MER_MODEL_DIR'] = str(weights)
    detector = YuNetDetector()
    detector.load()
    valid = load(options.data / 'face' / 'fer2013_valid.npz')
    chosen = np.random.default_rng(0).permutation(np.nonzero(valid.majority >= 0)[0])
    generator = np.random.default_rng(1)
    cut: dict[str, list[Image]] = {name: [] for name in WAYS}
    rows = []
    for row in chosen[: options.count]:
        picture = scene(valid.images[row], generator, 0.0)
        faces = detector.detect(picture)
        if not faces:
            continue
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        largest = max(faces, key=lambda face: float(face.box[2] * face.box[3]))
        for name, way in WAYS.items():
            cut[name].append(way(grey, largest))
        rows.append(row)
    classifiers = {
        'mini-XCEPTION': mini_xception(weights / 'fer2013_mini_XCEPTION.102-0.66.hdf5'),
        'lite': lite(Path('mer_ros/models/embedded/face_lite.onnx')),
    }
    for name, classifier in classifiers.items():
        accuracy = {
            way: float(np.mean(classifier(np.stack(crops)).argmax(axis=1) == valid.majority[rows]))
            for way, crops in cut.items()
        }
        print(json.dumps({'classifier': name, 'n': len(rows), 'accuracy': accuracy}))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
