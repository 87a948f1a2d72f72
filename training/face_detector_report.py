r"""What our detectors' crops cost the face classifier, beside FER2013's own framing.

    MER_MODEL_DIR=../shared/data/weights python -m training.face_detector_report \
        --data ../shared/data/face

Each image of ``fer2013_valid.npz`` is enlarged, put into a 320x240 scene at a random place, size
and tilt (its edge is repeated around it), searched by each detector, and classified from the crop
that the pipeline would cut. Prints Markdown.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face.alignment import crop
from mer_ros.face.detection import Detection, Detector
from mer_ros.face.haar import HaarDetector
from mer_ros.face.lite import LiteFaceClassifier
from mer_ros.face.points import LandmarkNet
from mer_ros.face.yunet import YuNetDetector
from training.face_data import load

WIDTH, HEIGHT = 320, 240
Finder = Callable[[NDArray[np.uint8]], list[Detection]]


def scene(
    image: NDArray[np.uint8], generator: np.random.Generator, tilt: float
) -> NDArray[np.uint8]:
    """Return a (240, 320, 3) uint8 picture with the face somewhere in it, turned by ``tilt``."""
    side = generator.uniform(90, 150)
    centre = np.array([WIDTH, HEIGHT]) / 2 + generator.uniform(-30, 30, 2)
    turn = np.deg2rad(tilt)
    scale = side / 48
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = np.column_stack([rotation, centre - rotation @ np.array([23.5, 23.5])])
    grey = cv2.warpAffine(
        image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def finders() -> dict[str, Finder]:
    """Return the ways of finding faces: each detector, haar with the landmark net too."""

    def loaded(detector: Detector) -> Finder:
        detector.load()
        return detector.detect

    haar, points = loaded(HaarDetector()), LandmarkNet()

    def pointed(image: NDArray[np.uint8]) -> list[Detection]:
        return points.fill(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)), haar(image))

    found: dict[str, Finder] = {'haar': haar, 'yunet': loaded(YuNetDetector())}
    if points.available():
        points.load()
        found['haar + face_points'] = pointed
    return found


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog='python -m training.face_detector_report', description="Measure detectors' crops."
    )
    parser.add_argument('--data', type=Path, required=True, help='folder of fer2013_valid.npz')
    parser.add_argument('--count', type=int, default=500)
    options = parser.parse_args(argv)
    valid = load(options.data / 'fer2013_valid.npz')
    rows = np.random.default_rng(0).permutation(np.nonzero(valid.majority >= 0)[0])[: options.count]
    truth = valid.majority[rows]
    classifier = LiteFaceClassifier()
    classifier.load()
    plain = classifier.classify(valid.images[rows]).probabilities.argmax(axis=1) == truth
    print('| tilt | detector | finds | accuracy, its crops | accuracy, FER2013 crops of the same |')
    print('|---|---|---|---|---|')
    for tilt in (0.0, 15.0):
        generator = np.random.default_rng(1)
        scenes = [scene(image, generator, tilt) for image in valid.images[rows]]
        for name, find in finders().items():
            found, crops = [], []
            for index, picture in enumerate(scenes):
                faces = find(picture)
                if faces:
                    largest = max(faces, key=lambda face: float(face.box[2] * face.box[3]))
                    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
                    crops.append(crop(grey, largest, classifier.crop_size))
                    found.append(index)
            said = classifier.classify(np.stack(crops)).probabilities.argmax(axis=1)
            print(
                f'| {tilt:.0f}° | {name} | {len(found) / len(rows):.3f} '
                f'| {np.mean(said == truth[found]):.3f} | {np.mean(plain[found]):.3f} |'
            )
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
