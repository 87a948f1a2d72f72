"""Time the face pipeline on 640x480 images with one face, beside the reference way.

References, the first that can run counts: `deepface_opencv` and `deepface_yunet`
(DeepFace.analyze with actions=['emotion'], where deepface and its weights are installed) and
`opencv_full_size` (OpenCV's cascade with its default settings on the whole image, then the same
classifier on each face, without tracking, quality or landmarks).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.cli import demo_clip, timing
from mer_ros.cli.errors import CommandError, UsageError
from mer_ros.cli.number_arguments import whole
from mer_ros.face import deepface_engine
from mer_ros.face.pipeline import FacePipeline
from mer_ros.media.sources import VideoFrame, is_device
from mer_ros.models import registry, store
from mer_ros.models.errors import ModelError

FRAME_NS = 33_333_333
FRAMES = 60
THREADS = range(1, 17)
"""What the node's parameter of this name takes; 0, the default, is to leave it out here."""

ROOM = 200_000_000
"""Bytes that the images of a film may take."""

Way = Callable[[int], object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--detector', default='haar', metavar='NAME', help='default: haar')
    parser.add_argument('--classifier', default='lite', metavar='NAME', help='default: lite')
    parser.add_argument(
        '--source', type=Path, metavar='FILE|DIR', help='images (default: the portrait of the demo)'
    )
    parser.add_argument(
        '--threads',
        type=int,
        choices=THREADS,
        metavar='THREADS',
        help=f'{THREADS[0]} .. {THREADS[-1]}: of detector and classifier, where they have it',
    )
    parser.add_argument('--runs', type=whole(1), default=100, help='default: 100')


def run(args: argparse.Namespace) -> int:
    """Measure and print one line of JSON.

    Raises:
        UsageError: the source is a device.
        CommandError: there is no such source, or no picture in it.
    """
    if args.source is not None and is_device(str(args.source)):
        raise UsageError(
            f'--source {args.source}: a device gives other images each time, and may give none; '
            'give a video file or a folder of images'
        )
    pipeline = FacePipeline(
        _backend('face_detector', args.detector, args.threads),
        _backend('face_classifier', args.classifier, args.threads),
    )
    pipeline.load()
    frames = _frames(args.source)
    found: list[int] = []

    def ours(index: int) -> None:
        image = frames[index % len(frames)]
        found.append(len(pipeline.process(image, index * FRAME_NS).estimates))

    result = timing.compare(ours, _references(args.classifier, frames, args.threads), args.runs)
    result |= {
        'models': list(pipeline.models),
        'image': f'{frames[0].shape[1]}x{frames[0].shape[0]}',
        'faces': round(float(np.mean(found)), 2),
        'frames_per_s': round(1000.0 / result['ms']['p50'], 1),
    }
    print(json.dumps(result))
    return 0


def _backend(task: str, name: str, threads: int | None) -> Any:
    offered = {} if threads is None else {'threads': threads}
    return registry.create(task, name, **registry.accepted(task, name, offered))


def _frames(source: Path | None) -> list[NDArray[np.uint8]]:
    """Return images of one size to work on."""
    if source is None:
        return list(demo_clip.still_frames(FRAMES))
    from mer_ros.media.opener import open_source

    if not source.exists() and not str(source).startswith('~'):  # the opener looks for the home
        raise CommandError(
            f'there is no source {str(source)!r}; give a video file or a folder of images'
        )
    opened = open_source(str(source), audio=False)
    try:
        # No more is decoded than is used: a film may be long.
        pictures = (item.image_bgr for item in opened if isinstance(item, VideoFrame))
        images = list(itertools.islice(pictures, 1))
        if images:
            more = min(FRAMES * 5, ROOM // images[0].nbytes)
            images += itertools.islice(pictures, max(more - 1, 0))
    finally:
        opened.close()
    if not images:
        raise CommandError(f'{source} has no pictures')
    return images


def _references(
    classifier: str, frames: list[NDArray[np.uint8]], threads: int | None
) -> dict[str, Way]:
    ways: dict[str, Way] = {}
    if importlib.util.find_spec('deepface') is not None:
        ways |= _deepface(frames)
    plain = _backend('face_classifier', classifier, threads)
    plain.load()
    cascade = cv2.CascadeClassifier(str(store.find('haar')))

    def full_size(index: int) -> None:
        grey = cv2.cvtColor(frames[index % len(frames)], cv2.COLOR_BGR2GRAY)
        for x, y, width, height in cascade.detectMultiScale(grey, 1.1, 5):
            size = (plain.crop_size, plain.crop_size)
            face = cv2.resize(grey[y : y + height, x : x + width], size)
            plain.classify(np.asarray(face, np.uint8)[None])

    ways['opencv_full_size'] = full_size
    return ways


def _deepface(frames: list[NDArray[np.uint8]]) -> dict[str, Way]:
    """Return DeepFace's own ways, as far as its weights are there."""
    try:
        weights = [store.find('deepface')]
        deepface_engine.choose_onnx()
    except ModelError as error:
        print(f'mer benchmark face: without DeepFace: {error}', file=sys.stderr)
        return {}
    backends = {'deepface_opencv': 'opencv'}
    try:
        weights.append(store.find('yunet'))
        backends['deepface_yunet'] = 'yunet'
    except ModelError as error:
        print(f'mer benchmark face: without DeepFace and YuNet: {error}', file=sys.stderr)
    from deepface import DeepFace

    def analyze(backend: str) -> Way:
        def way(index: int) -> None:
            DeepFace.analyze(
                frames[index % len(frames)],
                actions=['emotion'],
                detector_backend=backend,
                enforce_detection=False,
                silent=True,
            )

        return way

    ways = {name: analyze(backend) for name, backend in backends.items()}
    with _home_with(weights):
        for way in ways.values():
            way(0)  # it reads its weights now, and keeps them
    return ways


@contextlib.contextmanager
def _home_with(weights: list[Path]) -> Iterator[None]:
    """Show DeepFace a home that has these files, so that it downloads none of them."""
    before = os.environ.get('DEEPFACE_HOME')
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / '.deepface' / 'weights'
        folder.mkdir(parents=True)
        for path in weights:
            (folder / path.name).symlink_to(path.resolve())
        os.environ['DEEPFACE_HOME'] = home
        try:
            yield
        finally:
            if before is None:
                del os.environ['DEEPFACE_HOME']
            else:
                os.environ['DEEPFACE_HOME'] = before
