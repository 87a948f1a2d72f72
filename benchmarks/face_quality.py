"""How much accuracy each fault of a view costs: what the factors of face/quality.py rest on.

    python -m benchmarks.face_quality --data ../shared/data

Faces of FER2013's train split that the classifier's training kept apart (never valid or test) are
made small, blurred, dark and noisy; turned ones are found by YuNet's landmarks. Printed for each
bin of the measure that quality.py looks at: images, accuracy against the FER+ majority, the
exponent (0 to 1) that makes the answers likeliest, as fusion uses a reliability, and `factor`,
which is what quality.py gives there.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import itertools
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face import quality
from mer_ros.face.detection import Detection
from mer_ros.face.lite import LiteFaceClassifier
from mer_ros.face.pose import head_pose
from mer_ros.face.yunet import YuNetDetector
from mer_ros.fusion.fitting import likelihood_loss
from mer_ros.fusion.parameters import ParameterTable
from mer_ros.fusion.pooling import log_floored, posterior
from training.fusion_pairs import faces_kept_apart

Images = NDArray[np.uint8]
Table = NDArray[np.float64]

EXPONENTS = np.linspace(0.0, 1.0, 21)
_SIDE = 48


def small(images: Images, side: int) -> Images:
    """Return the crops as a face of that many pixels gives them."""
    return _each(
        images,
        lambda image: cv2.resize(
            cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), (_SIDE, _SIDE)
        ),
    )


def blurred(images: Images, sigma: float) -> Images:
    """Return the crops out of focus by a Gaussian of sigma pixels of the crop."""
    return _each(images, lambda image: cv2.GaussianBlur(image, (0, 0), sigma))


def dark(images: Images, share: float, noise: float = 2.0) -> Images:
    """Return the crops with a share of the light and the noise of a sensor."""
    rng = np.random.default_rng(0)
    return _each(
        images, lambda image: np.clip(image * share + rng.normal(0, noise, image.shape), 0, 255)
    )


def turned(images: Images, detector: YuNetDetector) -> list[NDArray[np.float32] | None]:
    """Return YuNet's landmarks of each crop, in its pixels, None where it sees no face."""
    found: list[NDArray[np.float32] | None] = []
    for image in images:
        framed = cv2.copyMakeBorder(image, 16, 16, 16, 16, cv2.BORDER_REPLICATE)
        large = cv2.resize(framed, (320, 320), interpolation=cv2.INTER_CUBIC)
        faces = detector.detect(np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8))
        points = faces[0].landmarks if faces else None
        found.append(None if points is None else points / 4 - 16)
    return found


def likeliest(face: Table, labels: NDArray[np.int64], prior: Table) -> float:
    """Return the reliability, in steps of 0.05, of which the pool's posterior is likeliest.

    Args:
        face: (N, 7) probabilities of the classifier.
        labels: (N,) the classes that the faces show.
        prior: (7,) the share of the classes that the classifier was trained with.
    """
    said = log_floored(face) - log_floored(prior)
    losses = [likelihood_loss(posterior(each * said, prior), labels) for each in EXPONENTS]
    return float(EXPONENTS[int(np.argmin(losses))])


def table(
    measure: NDArray[np.float64],
    answers: Table,
    labels: NDArray[np.int64],
    factor: NDArray[np.float64],
    edges: list[float],
    prior: Table,
) -> list[dict[str, float]]:
    """Return a row for each bin of the measure with 40 images or more."""
    rows = []
    for low, high in itertools.pairwise(edges):
        inside = (measure >= low) & (measure < high)
        if inside.sum() >= 40:
            right = answers[inside].argmax(axis=1) == labels[inside]
            rows.append(
                {
                    'from': low,
                    'to': high,
                    'n': int(inside.sum()),
                    'accuracy': round(float(right.mean()), 3),
                    'exponent': round(likeliest(answers[inside], labels[inside], prior), 2),
                    'factor': round(float(factor[inside].mean()), 3),
                }
            )
    return rows


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    parser.add_argument('--images', type=int, default=2500, help='at most')
    parser.add_argument('--model', type=Path)
    options = parser.parse_args()
    os.environ['MER_MODEL_DIR'] = str(options.data / 'weights')
    classifier = LiteFaceClassifier(options.model)
    classifier.load()
    detector = YuNetDetector()
    detector.load()
    faces = faces_kept_apart(options.data / 'face')
    faces = faces.take(np.flatnonzero(faces.majority >= 0)[: options.images])
    images, truth = faces.images, faces.majority
    prior = ParameterTable.read().get('lite+lite').prior_array()

    def answers(sets: Sequence[Images]) -> Table:
        return np.concatenate([classifier.classify(each).probabilities for each in sets])

    def labels(count: int) -> NDArray[np.int64]:
        return np.tile(truth, count)

    sides = (6, 8, 10, 12, 14, 16, 20, 24, 32, 48)
    pixels = np.repeat(np.array(sides, np.float64), len(images))
    print_table(
        'size, pixels',
        table(
            pixels,
            answers([small(images, side) for side in sides]),
            labels(len(sides)),
            np.array([quality.assess(_face(side), images[0]).size for side in pixels]),
            [6, 7, 9, 11, 13, 15, 18, 22, 28, 40, 49],
            prior,
        ),
    )

    blurs = [images, *(blurred(images, sigma) for sigma in (0.7, 1, 1.5, 2, 3, 4, 5))]
    everything = np.concatenate(blurs)
    print_table(
        'sharpness',
        table(
            np.array([quality.sharpness(image) for image in everything]),
            answers(blurs),
            labels(len(blurs)),
            np.array([quality.assess(_face(48), image).sharpness for image in everything]),
            [0, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 9],
            prior,
        ),
    )

    lights = [dark(images, share) for share in (1, 0.5, 0.25, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02)]
    everything = np.concatenate(lights)
    print_table(
        'contrast',
        table(
            everything.std(axis=(1, 2)),
            answers(lights),
            labels(len(lights)),
            np.array([quality.assess(_face(48), image).light for image in everything]),
            [0, 2.2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128],
            prior,
        ),
    )

    points = turned(images, detector)
    seen = np.array([each is not None for each in points])
    known = [each for each in points if each is not None]
    poses = [head_pose(each) for each in known]
    factor = np.array([quality.assess(_face(48, each), images[0]).pose for each in known])
    for name, angles in (('yaw', [p.yaw for p in poses]), ('pitch', [p.pitch for p in poses])):
        print_table(
            f'{name}, degrees',
            table(
                np.abs(angles),
                answers([images])[seen],
                truth[seen],
                factor,
                [0, 10, 20, 30, 40, 90.1],
                prior,
            ),
        )
    return 0


def print_table(name: str, rows: list[dict[str, float]]) -> None:
    """Print one line of JSON a bin."""
    for row in rows:
        print(json.dumps({'measure': name, **row}))


def _face(side: float, points: NDArray[np.float32] | None = None) -> Detection:
    return Detection(np.array([0, 0, side, side], np.float32), 1.0, points)


def _each(images: Images, change: Callable[[Images], NDArray[np.generic]]) -> Images:
    return np.stack([np.asarray(change(image)).astype(np.uint8) for image in images])


if __name__ == '__main__':
    raise SystemExit(main())
