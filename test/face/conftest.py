from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mer_ros.face.classification import FaceScores
from mer_ros.face.haar import HaarDetector
from mer_ros.face.yunet import YuNetDetector

Frame = tuple[int, NDArray[np.uint8]]


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))


@pytest.fixture
def haar() -> HaarDetector:
    detector = HaarDetector()
    detector.load()
    return detector


@pytest.fixture
def yunet(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> YuNetDetector:
    monkeypatch.setenv('MER_MODEL_DIR', str(shared_data / 'weights'))
    detector = YuNetDetector()
    detector.load()
    return detector


@pytest.fixture(scope='session')
def photos(shared_data: Path) -> dict[str, NDArray[np.uint8]]:
    """The shared photos, one face each, by file name."""
    found = {p.name: cv2.imread(str(p)) for p in sorted((shared_data / 'photos').glob('*.jpg'))}
    assert len(found) == 10
    return found


@pytest.fixture(scope='session')
def photo_labels(shared_data: Path) -> dict[str, str]:
    rows = (shared_data / 'photos' / 'image_labels.csv').read_text().split()[1:]
    return dict(row.split(',') for row in rows)


@pytest.fixture(scope='session')
def clip(shared_data: Path):
    """Return a function that decodes some of a shared clip's frames: (stamp_ns, image)."""

    def frames(name: str, count: int, step: int = 1) -> Iterator[Frame]:
        with av.open(str(shared_data / 'clips' / name)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index >= count * step:
                    return
                if index % step == 0:
                    yield round(frame.time * 1e9), frame.to_ndarray(format='bgr24')

    return frames


class BrightnessClassifier:
    """A classifier whose answer follows from the crop's mean alone: real, simple, exact."""

    name, version, crop_size = 'brightness', '1', 48
    prior = np.full(7, 1 / 7, np.float32)

    def __init__(self, face_score: float = float('nan')) -> None:
        self.face_score = face_score
        self.batches: list[int] = []

    def load(self) -> None:
        pass

    def classify(self, crops: NDArray[np.uint8]) -> FaceScores:
        self.batches.append(len(crops))
        table = np.full((len(crops), 7), 0.1, np.float32)
        for row, crop in enumerate(crops):
            table[row, int(crop.mean()) % 7] = 0.4
        return FaceScores(table, np.full(len(crops), self.face_score, np.float32))


@pytest.fixture
def brightness() -> BrightnessClassifier:
    return BrightnessClassifier()


@pytest.fixture(scope='session')
def photographed(photos):
    """Return a function that puts a photo into a 640x480 image at a place and scale."""

    def place(name: str, x: int, y: int, side: int) -> NDArray[np.uint8]:
        photo = photos[name]
        scale = side / photo.shape[0]
        small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image = np.full((480, 640, 3), 90, np.uint8)
        part = image[y : y + small.shape[0], x : x + small.shape[1]]
        part[:] = small[: part.shape[0], : part.shape[1]]
        return image

    return place


@pytest.fixture(scope='session')
def write_card():
    """Return a function that writes a card beside a model file."""

    def write(model: Path, **changes: object) -> None:
        fields = {
            'name': 'lite', 'version': '9', 'task': 'face_classifier', 'temperature': 2.0,
            'prior': [0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.3], **changes,
        }  # fmt: skip
        model.with_suffix('.json').write_text(json.dumps(fields))

    return write


@pytest.fixture(scope='session')
def write_embedder():
    """Return the function of that name: a random embedding network."""
    from networks import write_embedder

    return write_embedder
