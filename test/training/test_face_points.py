"""The shipped landmark net finds YuNet's points, and its training command runs."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mer_ros.models.card import ModelCard
from mer_ros.models.session import OnnxModel

MIRROR = [1, 0, 2, 4, 3]


@pytest.fixture(scope='module')
def model(repository: Path) -> Path:
    return repository / 'mer_ros' / 'models' / 'embedded' / 'face_points.onnx'


@pytest.fixture(scope='module')
def net(model: Path) -> OnnxModel:
    return OnnxModel(model, 1)


@pytest.fixture(scope='module')
def faces(shared_data: Path) -> np.ndarray:
    with np.load(shared_data / 'face' / 'fer2013_valid.npz') as archive:
        return np.asarray(archive['images'][-300:])


def test_the_file_is_the_one_of_the_card_and_small(model: Path) -> None:
    card = ModelCard.read(model)

    assert card.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert card.task == 'face_landmarks'
    assert card.metrics['parameters'] <= 100_000


def yunets(detector: cv2.FaceDetectorYN, face: np.ndarray) -> np.ndarray | None:
    large = cv2.copyMakeBorder(cv2.resize(face, (144, 144)), 40, 40, 40, 40, cv2.BORDER_REPLICATE)
    _, found = detector.detect(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR))
    return None if found is None else (found[0, 4:14].reshape(5, 2) - 40) / 144


def back(mirrored: np.ndarray) -> np.ndarray:
    return mirrored[..., MIRROR, :] * [-1, 1] + [1, 0]


def test_points_agree_with_yunet(net: OnnxModel, faces: np.ndarray, shared_data: Path) -> None:
    weights = shared_data / 'weights' / 'face_detection_yunet_2023mar.onnx'
    yunet = cv2.FaceDetectorYN.create(str(weights), '', (224, 224), 0.8)
    errors = []
    for face, place in zip(
        faces, net.run({'images': faces[:, None].astype(np.float32)})['points'], strict=True
    ):
        plain, mirrored = yunets(yunet, face), yunets(yunet, np.ascontiguousarray(face[:, ::-1]))
        if plain is None or mirrored is None:
            continue
        # At a fixed place YuNet errs to one side; the mean with the mirrored face has no side.
        truth = (plain + back(mirrored)) / 2
        eyes = np.linalg.norm(truth[0] - truth[1])
        errors.append(np.linalg.norm(place - truth, axis=1).mean() / eyes)

    assert len(errors) > 200
    assert np.median(errors) <= 0.08


def test_a_mirrored_face_has_mirrored_points(net: OnnxModel, faces: np.ndarray) -> None:
    images = faces[:100, None].astype(np.float32)

    points = net.run({'images': images})['points']
    mirrored = net.run({'images': images[..., ::-1].copy()})['points']

    assert np.median(np.abs(back(mirrored) - points)) <= 0.01


def test_faces_score_above_clutter(net: OnnxModel, faces: np.ndarray) -> None:
    clutter = np.random.default_rng(0).uniform(0, 255, (50, 1, 48, 48)).astype(np.float32)

    of_faces = net.run({'images': faces[:, None].astype(np.float32)})['face_logit']
    of_clutter = net.run({'images': clutter})['face_logit']

    assert np.percentile(of_faces, 5) > np.max(of_clutter)


def test_the_training_command_runs_and_exports(
    repository: Path, shared_data: Path, tmp_path: Path
) -> None:
    for package in ('torch', 'onnx', 'scipy', 'skimage'):
        pytest.importorskip(package)

    subprocess.run(
        [
            sys.executable, '-W', 'ignore', '-m', 'training.face_points', '--run', str(tmp_path),
            '--data', str(shared_data), '--epochs', '1', '--limit', '160', '--threads', '1',
        ],
        check=True,
        cwd=repository,
    )  # fmt: skip

    card = ModelCard.read(tmp_path / 'face_points.onnx')
    assert card.metrics['onnx_difference'] <= 1e-4
