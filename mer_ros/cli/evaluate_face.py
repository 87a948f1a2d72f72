"""Measure a face classifier on labelled 48x48 crops, one forward pass each; print one JSON line.

F.npz holds `images` uint8 (N, S, S) grey and `labels` int (N,) in the order anger, disgust, fear,
happiness, sadness, surprise, neutral; for `--labels ferplus` also `ferplus_votes` (N, 10).
"""

from __future__ import annotations

import argparse
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.cli.errors import CommandError, UsageError
from mer_ros.cli.number_arguments import whole
from mer_ros.emotions import COUNT, LABELS, Emotion
from mer_ros.face.classification import FaceClassifier, scores_of
from mer_ros.metrics import confusion_matrix, expected_calibration_error, score, uar
from mer_ros.models import registry
from mer_ros.render import image_file, report

FERPLUS_ORDER = (
    Emotion.NEUTRAL, Emotion.HAPPINESS, Emotion.SURPRISE, Emotion.SADNESS, Emotion.ANGER,
    Emotion.DISGUST, Emotion.FEAR,
)  # fmt: skip
"""Ours for the first columns of the votes; contempt, unknown and no-face come after them."""

_BATCH = 256
_FEW = 20
"""Classes with fewer images than this make a recall that is mostly chance."""


@dataclass(frozen=True)
class LabelledFaces:
    """Crops and their truth: ``images`` (N, S, S) uint8, ``labels`` (N,) int64 in 0..6."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--data', type=Path, required=True, metavar='F.npz', help='labelled crops')
    parser.add_argument(
        '--labels',
        choices=('original', 'ferplus'),
        default='original',
        help='original: the labels as they are (default); ferplus: what more than half of the '
        'ten people voted for, images without such a majority or of no class of ours dropped',
    )
    parser.add_argument('--classifier', default='lite', metavar='NAME', help='default: lite')
    parser.add_argument(
        '--model',
        type=Path,
        metavar='FILE',
        help="another file than the classifier's own; the card of an .onnx (.json) lies beside it",
    )
    parser.add_argument(
        '--report', type=Path, metavar='DIR', help='write confusion.png and reliability.png there'
    )
    parser.add_argument(
        '--bootstrap',
        type=whole(0),
        default=1000,
        metavar='N',
        help='resamplings for the 95 %% intervals, 0 for none (default: 1000)',
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the JSON line.

    Raises:
        UsageError: the classifier has no choice of files.
        CommandError: the data cannot be used.
        ModelError: the classifier cannot be used.
        RenderError: a picture cannot be written.
    """
    faces = read(args.data, args.labels)
    offered = {'path': args.model} if args.model else {}
    options = registry.accepted('face_classifier', args.classifier, offered)
    if offered and not options:
        raise UsageError(f'--model: {args.classifier} takes no file of another')
    classifier: FaceClassifier = registry.create('face_classifier', args.classifier, **options)
    classifier.load()
    probabilities = classify(classifier, faces.images)
    scores = score(faces.labels, probabilities)
    model = f'face:{classifier.name}@{classifier.version}'
    result = {
        **scores,
        'corpora': {args.data.stem: scores},
        'labels': args.labels,
        'model': model,
        'per_class': per_class(np.array(scores['confusion'])),
        f'uar_classes_of_{_FEW}_or_more': uar(_without_few(np.array(scores['confusion']))),
        'intervals_95': intervals(faces.labels, probabilities, args.bootstrap),
    }
    print(json.dumps(result, allow_nan=False), flush=True)
    if args.report:
        write_report(args.report, faces.labels, probabilities, f'{model} on {args.data.name}')
    return 0


def read(path: Path, which: str) -> LabelledFaces:
    """Read labelled crops.

    Args:
        path: the npz file.
        which: ``original`` or ``ferplus``.

    Raises:
        CommandError: it is not such a file, or no image is left.
    """
    try:
        with path.open('rb') as file:
            whole_archive = zipfile.is_zipfile(file)
        if not whole_archive:
            # NumPy would take it for a pickle, and speak of that.
            raise CommandError(
                f'cannot read {path}: it is no .npz file, or not a whole one; --data is what '
                'numpy.savez writes'
            )
        with np.load(path, allow_pickle=False) as content:
            images = _array(content, 'images', path)
            if which == 'original':
                labels = _array(content, 'labels', path)
            else:
                labels = majority(_array(content, 'ferplus_votes', path))
    except (
        OSError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        AttributeError,
        TypeError,
    ) as error:
        reason = ' '.join(str(error).split())
        raise CommandError(f'cannot read {path}: {reason}; --data is an .npz file') from error
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.dtype != np.uint8:
        raise CommandError(
            f'{path}: images are {images.dtype} {images.shape}; make them uint8 (N, 48, 48)'
        )
    if not images.shape[1]:
        raise CommandError(
            f'{path}: images of {images.shape} have no pixels; make them (N, 48, 48)'
        )
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise CommandError(f'{path}: labels are {labels.dtype} {labels.shape} for {len(images)} '
                           'images; give one whole number each')  # fmt: skip
    known = labels >= 0 if which == 'ferplus' else np.ones(len(labels), bool)
    images, labels = images[known], labels[known].astype(np.int64)
    if not len(labels):
        raise CommandError(f'{path}: no image has a label; check the file')
    if labels.min() < 0 or labels.max() >= COUNT:
        raise CommandError(f'{path}: labels go from {labels.min()} to {labels.max()}, not in 0..6')
    return LabelledFaces(images, labels)


def majority(votes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the label that more than half of each row's votes went to, -1 where there is none.

    Args:
        votes: (N, 10) counts: neutral, happiness, surprise, sadness, anger, disgust, fear,
            contempt, unknown, no-face (FER+: Barsoum et al., 2016).

    Raises:
        CommandError: the shape is another.
    """
    if votes.ndim != 2 or votes.shape[1] != 10:
        raise CommandError(f'ferplus_votes are {votes.shape}; make them (N, 10)')
    counts = votes.astype(np.float64)
    top = counts.argmax(axis=1)
    clear = counts.max(axis=1) > 0.5 * counts.sum(axis=1)
    ours = np.array([*FERPLUS_ORDER, -1, -1, -1], np.int64)
    return np.where(clear, ours[top], -1)


def classify(classifier: FaceClassifier, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the (N, 7) probabilities of (N, S, S) crops, scaled to what the classifier takes."""
    side = classifier.crop_size
    if images.shape[1] != side:
        method = cv2.INTER_AREA if images.shape[1] > side else cv2.INTER_LINEAR
        images = np.stack([
            np.asarray(cv2.resize(image, (side, side), interpolation=method), np.uint8)
            for image in images
        ])  # fmt: skip
    starts = range(0, len(images), _BATCH)
    return np.concatenate(
        [scores_of(classifier, images[start : start + _BATCH]).probabilities for start in starts]
    )


def per_class(confusion: NDArray[np.int64]) -> dict[str, dict[str, float | int | None]]:
    """Return n, recall, precision and F1 of each class; None where there is nothing to divide."""
    rows: dict[str, dict[str, float | int | None]] = {}
    for index, name in enumerate(LABELS):
        hits = int(confusion[index, index])
        true, said = int(confusion[index].sum()), int(confusion[:, index].sum())
        rows[name] = {
            'n': true,
            'recall': hits / true if true else None,
            'precision': hits / said if said else None,
            'f1': 2 * hits / (true + said) if true + said else None,
        }
    return rows


def intervals(
    truth: NDArray[np.int64], probabilities: NDArray[np.float32], rounds: int
) -> dict[str, list[float]]:
    """Return the 95 % percentile bootstrap intervals of accuracy, UAR and ECE (seeded)."""
    if rounds <= 0:
        return {}
    rng = np.random.default_rng(0)
    predicted = probabilities.argmax(axis=1)
    drawn = np.empty((rounds, 3))
    for index in range(rounds):
        rows = rng.integers(0, len(truth), len(truth))
        drawn[index] = (
            np.mean(predicted[rows] == truth[rows]),
            uar(confusion_matrix(truth[rows], predicted[rows])),
            expected_calibration_error(truth[rows], probabilities[rows]),
        )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return {
        name: [float(low[i]), float(high[i])] for i, name in enumerate(('accuracy', 'uar', 'ece'))
    }


def write_report(
    folder: Path, truth: NDArray[np.int64], probabilities: NDArray[np.float32], title: str
) -> None:
    """Write confusion.png and reliability.png.

    Raises:
        CommandError: the folder cannot be made.
        RenderError: a picture cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f'cannot make {folder}: {error.strerror}; choose another') from error
    matrix = confusion_matrix(truth, probabilities.argmax(axis=1))
    image_file.write(report.confusion(matrix, title), folder / 'confusion.png')
    reliability = report.reliability(truth, probabilities, title)
    image_file.write(reliability, folder / 'reliability.png')


def _array(content: Any, name: str, path: Path) -> NDArray[Any]:
    if name not in content.files:  # before NumPy 1.25 `in content` reads the array
        raise CommandError(f'{path} has no {name}, only {", ".join(content.files)}; see --help')
    try:
        return np.asarray(content[name])
    except ValueError as error:  # NumPy's words would advise to unpickle it
        raise CommandError(
            f'{path}: {name} is no whole array of numbers; write it again with numpy.savez'
        ) from error


def _without_few(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    few = confusion.sum(axis=1, keepdims=True) < _FEW
    return confusion if few.all() else np.where(few, 0, confusion)
