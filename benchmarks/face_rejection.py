"""How well the face score tells real false alarms of the haar detector from faces.

    python -m benchmarks.face_rejection --data ../shared/data

The detector is made credulous (one neighbour, twice the usual resolution) and run on two frames a
second of the shared clips and on the photos. YuNet is the judge: a box that overlaps one of its
faces by half is a face; a box that touches none of its faces, not even the doubtful ones, is a
false alarm; a box on a part of a face is neither and is only counted. None of these pictures was
trained on. Prints one JSON line: counts, area under the ROC curve of the face score and of the
detector's own score, the share of false alarms refused where 95 % of the faces pass, and at the
pipeline's own threshold. False alarms of one clip resemble each other, so the numbers of clips
and places matter more than those of boxes.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face.alignment import crop
from mer_ros.face.haar import HaarDetector
from mer_ros.face.lite import LiteFaceClassifier
from mer_ros.face.settings import FaceSettings
from mer_ros.face.tracking import iou
from mer_ros.face.yunet import YuNetDetector
from training.roc import area_under_roc

PERIOD_S = 0.5
SURE, DOUBTFUL = 0.8, 0.2
"""Scores of YuNet from which a face counts as one, and as perhaps one."""
SAME = 0.5
PLACE_PX = 24
"""False alarms of one film whose corners fall into one cell of this grid count as one place."""


@dataclass(frozen=True)
class Box:
    """What haar found: whose picture it is on, where, what it is, and both scores in 0..1."""

    picture: str
    place: tuple[int, int]
    kind: str
    detector: float
    face: float


def pictures(data: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield (name, (H, W, 3) uint8 BGR) of the photos and of two frames a second of the clips."""
    for path in sorted((data / 'photos').glob('*.jpg')):
        image = cv2.imread(str(path))
        if image is not None:
            yield path.name, np.asarray(image, np.uint8)
    for path in sorted((data / 'clips').glob('*.mp4')):
        with av.open(str(path)) as container:
            due = 0.0
            for frame in container.decode(video=0):
                if frame.time is not None and frame.time >= due:
                    due = frame.time + PERIOD_S
                    yield path.name, np.asarray(frame.to_ndarray(format='bgr24'), np.uint8)


def kind_of(box: NDArray[np.float32], sure: NDArray[np.float32], any_: NDArray[np.float32]) -> str:
    """Return 'face', 'false' or 'part' for a (4,) box beside YuNet's (N, 4) faces."""
    if len(sure) and float(iou(box[None], sure).max()) >= SAME:
        return 'face'
    touched = len(any_) and float(iou(box[None], any_).max()) > 0.0
    return 'part' if touched else 'false'


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    options = parser.parse_args()
    os.environ['MER_MODEL_DIR'] = str(options.data / 'weights')
    cv2.setNumThreads(1)
    judge = YuNetDetector(long_side=640, threshold=DOUBTFUL)
    haar = HaarDetector(long_side=640, scale_factor=1.1, neighbours=1)
    classifier = LiteFaceClassifier()
    for model in (judge, haar, classifier):
        model.load()
    found: list[Box] = []
    for name, image in pictures(options.data):
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        seen = judge.detect(image)
        any_ = np.array([each.box for each in seen], np.float32).reshape(-1, 4)
        sure = any_[[each.score >= SURE for each in seen]]
        for detection in haar.detect(image):
            view = crop(gray, detection, classifier.crop_size)[None]
            x, y = (int(value) // PLACE_PX for value in detection.box[:2])
            found.append(
                Box(
                    name,
                    (x, y),
                    kind_of(detection.box, sure, any_),
                    detection.score,
                    float(classifier.classify(view).face_score[0]),
                )
            )
    print(json.dumps(report(found)))
    return 0


def report(found: list[Box]) -> dict[str, object]:
    """Return the figures of all boxes."""
    faces = [each for each in found if each.kind == 'face']
    false = [each for each in found if each.kind == 'false']
    line: dict[str, object] = {
        'faces': len(faces),
        'false_alarms': len(false),
        'false_alarm_places': len({(each.picture, each.place) for each in false}),
        'false_alarm_pictures': len({each.picture for each in false}),
        'parts_of_faces': len(found) - len(faces) - len(false),
    }
    if not faces or not false:
        return line
    least = FaceSettings().min_face_score
    for name in ('face', 'detector'):
        passed = np.array([getattr(each, name) for each in faces], np.float32)
        refused = np.array([getattr(each, name) for each in false], np.float32)
        line[f'{name}_score'] = {
            'area_under_roc': round(area_under_roc(passed, refused), 4),
            'refused_where_95_percent_pass': round(
                float((refused < np.percentile(passed, 5)).mean()), 4
            ),
        }
    line['at_min_face_score'] = {
        'threshold': least,
        'faces_kept': round(float(np.mean([each.face >= least for each in faces])), 4),
        'false_alarms_refused': round(float(np.mean([each.face < least for each in false])), 4),
    }
    return line


if __name__ == '__main__':
    raise SystemExit(main())
