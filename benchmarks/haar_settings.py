"""What settings of the haar detector find, and cost, against YuNet's faces as the truth.

    python -m benchmarks.haar_settings --data ../shared/data

Every fourth frame of the shared clips. One JSON line a setting: faces found (IoU above 0.3) of all
that YuNet sees at 640 pixels, in clips of one frontal face and in the one of several people;
false alarms, and those left after the pipeline's thresholds of score and face score; median
milliseconds of CPU on one core.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from mer_ros.face.alignment import crop
from mer_ros.face.haar import HaarDetector
from mer_ros.face.lite import LiteFaceClassifier
from mer_ros.face.settings import FaceSettings
from mer_ros.face.tracking import iou
from mer_ros.face.yunet import YuNetDetector

SETTINGS: tuple[dict[str, Any], ...] = (
    {'scale_factor': 1.2, 'neighbours': 5, 'min_face': 40},
    {'scale_factor': 1.2, 'neighbours': 3, 'min_face': 30},
    {'scale_factor': 1.25, 'neighbours': 3, 'min_face': 30},
    {'scale_factor': 1.3, 'neighbours': 3, 'min_face': 30},
    {'scale_factor': 1.3, 'neighbours': 2, 'min_face': 30},
    {'scale_factor': 1.35, 'neighbours': 2, 'min_face': 30},
)
_STEP = 4


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        help='folder of the shared data; YuNet is needed in its weights/',
    )
    options = parser.parse_args()
    os.environ['MER_MODEL_DIR'] = str(options.data / 'weights')
    cv2.setNumThreads(1)
    reference = YuNetDetector(long_side=640, threshold=0.6)
    classifier = LiteFaceClassifier()
    detectors = [HaarDetector(**setting) for setting in SETTINGS]
    for model in (reference, classifier, *detectors):
        model.load()
    counts = [Counter[str]() for _ in SETTINGS]
    seconds: list[list[float]] = [[] for _ in SETTINGS]
    least = FaceSettings()
    for path in sorted((options.data / 'clips').glob('*.mp4')):
        kind = 'several' if 'hamilton' in path.name else 'single'
        with av.open(str(path)) as container:
            frames = [f.to_ndarray(format='bgr24') for f in container.decode(video=0)][::_STEP]
        for image in frames:
            gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
            truth = np.array([d.box for d in reference.detect(image)]).reshape(-1, 4)
            for detector, count, times in zip(detectors, counts, seconds, strict=True):
                started = time.thread_time()
                found = detector.detect(image)
                times.append(time.thread_time() - started)
                boxes = np.array([d.box for d in found]).reshape(-1, 4)
                same = iou(boxes, truth) > 0.3
                count[kind] += len(truth)
                count[f'{kind}_found'] += int(same.any(axis=0).sum())
                for detection in (d for d, hit in zip(found, same.any(axis=1), strict=True)
                                  if not hit):  # fmt: skip
                    view = crop(gray, detection, classifier.crop_size)[None]
                    face = float(classifier.classify(view).face_score[0])
                    count['false'] += 1
                    count['false_left'] += (
                        detection.score >= least.min_score and face >= least.min_face_score
                    )
    for setting, count, times in zip(SETTINGS, counts, seconds, strict=True):
        print(json.dumps({**setting, **count, 'ms': round(float(np.median(times)) * 1e3, 1)}))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
