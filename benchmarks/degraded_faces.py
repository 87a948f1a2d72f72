r"""Is a blurred, tiny, dark or turned face weighed down rightly? Alone, and beside a voice.

    PYTHONPATH=. python3 benchmarks/degraded_faces.py --data ../shared/data \
        --audio-model build/audio_lite/fold-0.onnx

Faces of FER2013's validation split, which nothing was fitted on, are spoilt; `lite` classifies
them and face/quality.py gives their reliability (of a sure detection). "weighed": in the pool with
that reliability, "plain": with 1. NLL and ECE say whether the confidence still holds. Beside a
voice: windows of the audio net's test speakers with the same emotion (training/fusion_pairs.py
says what such pairs assume), the reliability of the voice 0.9, the trust that of a recording in
order. The audio net must not have heard the speakers: the embedded one did, fold-0.onnx did not.

`--choose` takes the faces of train that the face net was not trained on and the speakers of fold 1
(with fold-1.onnx): what the ranges of face/quality.py were chosen on.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.face_quality import blurred, dark, small, turned
from mer_ros.audio.lite import LiteAudioClassifier
from mer_ros.face import quality
from mer_ros.face.detection import Detection
from mer_ros.face.lite import LiteFaceClassifier
from mer_ros.face.pose import head_pose
from mer_ros.face.yunet import YuNetDetector
from mer_ros.fusion.combination import Statement, combine
from mer_ros.fusion.fitting import likelihood_loss
from mer_ros.fusion.parameters import FusionParameters, ParameterTable
from mer_ros.fusion.pooling import posterior
from mer_ros.fusion.trust import ORDERLY_SHARE
from mer_ros.metrics import score
from training.audio_corpora import FOLDS, TEST_SPEAKERS
from training.face_data import load
from training.fusion_pairs import classified_windows, faces_kept_apart, paired

Images = NDArray[np.uint8]
Table = NDArray[np.float64]

VOICE_RELIABILITY = 0.9
SIDE = 48
UNSPOILT_PIXELS = 200
"""Side of a face that was made small for the crop, not in the image."""


def fused(
    face: Table, reliability: Table, audio: Table | None, parameters: FusionParameters
) -> Table:
    """Return (N, 7): what the engine says of each face, before smoothing."""
    rows = []
    for index, table in enumerate(face):
        seen = Statement(0, table, float(reliability[index])) if reliability[index] > 0.0 else None
        heard = None if audio is None else Statement(0, audio[index], VOICE_RELIABILITY)
        pooled = combine(seen, heard, parameters, ORDERLY_SHARE)
        rows.append(posterior(pooled.log_evidence, parameters.prior_array()))
    return np.stack(rows)


def spoilt(images: Images) -> Iterator[tuple[str, Images, float]]:
    """Yield what was done, the crops, and the pixels of the face."""
    yield 'as they are', images, UNSPOILT_PIXELS
    for side in (20, 14, 10, 8):
        yield f'{side} pixels', small(images, side), side
    for sigma in (1.0, 2.0, 3.0, 4.0):
        yield f'blurred by {sigma:g} of {SIDE} pixels', blurred(images, sigma), UNSPOILT_PIXELS
    for share in (0.1, 0.05, 0.03):
        yield f'{share:.0%} of the light', dark(images, share), UNSPOILT_PIXELS


def row(
    name: str,
    labels: NDArray[np.int64],
    face: Table,
    reliability: Table,
    audio: Table,
    parameters: FusionParameters,
) -> dict[str, object]:
    """Return the figures of one fault."""
    result: dict[str, object] = {
        'faces': name,
        'n': len(labels),
        'reliability': round(float(reliability.mean()), 3),
    }
    ones = np.ones_like(reliability)
    for kind, beside in (('face', None), ('fused', audio)):
        for way, weight in (('plain', ones), ('weighed', reliability)):
            table = fused(face, weight, beside, parameters)
            scores = score(labels, table)
            result[f'{kind} {way}'] = {
                'accuracy': round(scores['accuracy'], 3),
                'ece': round(scores['ece'], 3),
                'nll': round(likelihood_loss(table, labels), 3),
            }
    return result


def main() -> int:
    """Measure and print a line of JSON a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    parser.add_argument('--images', type=int, default=800)
    parser.add_argument('--audio-model', type=Path, help='ONNX file that heard no test speaker')
    parser.add_argument('--choose', action='store_true', help='on faces and speakers to choose on')
    options = parser.parse_args()
    os.environ['MER_MODEL_DIR'] = str(options.data / 'weights')
    face, voice = LiteFaceClassifier(), LiteAudioClassifier(options.audio_model)
    face.load()
    voice.load()
    if options.choose:
        faces, speakers = faces_kept_apart(options.data / 'face'), frozenset(FOLDS[1])
    else:
        faces, speakers = load(options.data / 'face' / 'fer2013_valid.npz'), TEST_SPEAKERS
    faces = faces.take(np.flatnonzero(faces.majority >= 0))
    windows = classified_windows(voice, options.data / 'speech', speakers)
    parameters = ParameterTable.read().get('lite+lite')

    def measure(name: str, crops: Images, labels: NDArray[np.int64], goodness: Table) -> None:
        table = face.classify(crops).probabilities.astype(np.float64)
        pairs = paired((table / table.sum(axis=1, keepdims=True), labels), windows, 0)
        print(json.dumps(row(name, labels, pairs.face, goodness, pairs.audio, parameters)))

    chosen = faces.take(np.arange(options.images))
    for name, crops, pixels in spoilt(chosen.images):
        sight = Detection(np.array([0, 0, pixels, pixels], np.float32), 1.0)
        measure(
            name,
            crops,
            chosen.majority,
            np.array([quality.assess(sight, crop).reliability for crop in crops]),
        )
    detector = YuNetDetector()
    detector.load()
    points = turned(faces.images, detector)
    angles = np.array([np.nan if each is None else abs(head_pose(each).yaw) for each in points])
    for low, high in ((0, 15), (15, 25), (25, 90)):
        rows = np.flatnonzero((angles >= low) & (angles < high))[: options.images]
        goodness = [
            quality.assess(
                Detection(
                    np.array([0, 0, UNSPOILT_PIXELS, UNSPOILT_PIXELS], np.float32), 1.0, points[at]
                ),
                faces.images[at],
            ).reliability
            for at in rows
        ]
        measure(
            f'turned by {low} to {high} degrees',
            faces.images[rows],
            faces.majority[rows],
            np.array(goodness),
        )
    return 0


if __name__ == '__main__':
    sys.exit(main())
