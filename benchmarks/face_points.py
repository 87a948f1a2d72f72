"""How far the landmark net is from its teacher, and the teacher from itself.

    python -m benchmarks.face_points --data ../shared/data [--model OTHER.onnx ...]

On the first 1,500 images of FER2013's validation split, errors in % of the eye distance, one JSON
line each: of a single view of YuNet against the same mirrored (with the mean offset of each point
from the median of the teacher's views, by which a single view errs to one side); of the teacher
against a teacher with other sizes; and of each net against the teacher: the embedded one, and those
of ``--model``.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.models import store
from mer_ros.models.session import OnnxModel
from training.face_data import load
from training.face_points_data import errors, look, teach

IMAGES = 1500
SIDE = 144
OTHER_SIDES = (96, 144, 208)

Points = NDArray[np.float32]


def offsets(found: Points, truth: Points) -> list[list[float]]:
    """Return the mean x and y by which each point is off, in % of the eye distance."""
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    mean = ((found - truth) / eyes[:, None, None]).mean(axis=0) * 100
    return [[round(float(value), 1) for value in point] for point in mean]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    parser.add_argument('--model', type=Path, nargs='+', default=[], help='other landmark nets')
    options = parser.parse_args()
    weights = options.data / 'weights' / 'face_detection_yunet_2023mar.onnx'
    images = load(options.data / 'face' / 'fer2013_valid.npz').images[:IMAGES]
    taught, other = teach(images, weights), teach(images, weights, OTHER_SIDES)
    plain, mirrored = (look(images, weights, SIDE, turned) for turned in (False, True))

    def report(
        name: str, found: Points, truth: Points, rows: NDArray[np.bool_], **more: object
    ) -> None:
        line = {'of': name, **errors(found[rows], truth[rows]), **more}
        print(json.dumps(line), flush=True)

    seen = taught.seen & np.isfinite(plain[:, 0, 0]) & np.isfinite(mirrored[:, 0, 0])
    off = offsets(plain[seen], taught.points[seen])
    report('one view against the same mirrored', plain, mirrored, seen, off=off)
    both = taught.seen & other.seen
    report('the teacher against one of other sizes', taught.points, other.points, both)
    for path in (store.find('face_points'), *options.model):
        net = OnnxModel(path, 1)
        points = net.run({'images': images[:, None].astype(np.float32)})['points']
        report(str(path.name), points, taught.points, taught.seen)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
