"""The shipped face classifier is the one its card describes; the command that made it runs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mer_ros.models.calibration import calibrate
from mer_ros.models.card import ModelCard
from mer_ros.models.session import OnnxModel

FERPLUS_TO_OURS = (4, 5, 6, 1, 3, 2, 0)


@pytest.fixture(scope='module')
def model(repository: Path) -> Path:
    return repository / 'mer_ros' / 'models' / 'embedded' / 'face_lite.onnx'


@pytest.fixture(scope='module')
def net(model: Path) -> OnnxModel:
    return OnnxModel(model, 1)


def test_the_file_is_the_one_of_the_card_and_small(model: Path) -> None:
    card = ModelCard.read(model)

    assert card.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert (card.name, card.task) == ('face_lite', 'face_classifier')
    assert card.licence
    assert card.metrics['parameters'] <= 2_000_000
    assert model.stat().st_size <= 8_000_000


@pytest.mark.parametrize('count', [1, 2, 7])
def test_any_number_of_faces_gives_that_many_results(net: OnnxModel, count: int) -> None:
    images = np.random.default_rng(count).uniform(0, 255, (count, 1, 48, 48)).astype(np.float32)

    outputs = net.run({'images': images})

    assert outputs['logits'].shape == (count, 7)
    assert outputs['face_logit'].shape == (count,)
    alone = net.run({'images': images[:1]})
    np.testing.assert_allclose(outputs['logits'][:1], alone['logits'], atol=1e-3)


@pytest.mark.parametrize('level', [0.0, 128.0, 255.0])
def test_an_even_crop_gives_finite_results_and_is_no_face(net: OnnxModel, level: float) -> None:
    outputs = net.run({'images': np.full((1, 1, 48, 48), level, np.float32)})

    assert np.isfinite(outputs['logits']).all()
    assert outputs['face_logit'][0] < 0


def test_less_light_hardly_changes_a_result(net: OnnxModel, shared_data: Path) -> None:
    with np.load(shared_data / 'face' / 'fer2013_valid.npz') as archive:
        images = archive['images'][:200, None].astype(np.float32)

    bright, dim = (net.run({'images': share * images})['logits'] for share in (1.0, 0.4))

    assert np.mean(bright.argmax(axis=1) == dim.argmax(axis=1)) >= 0.95


def test_accuracy_and_calibration_on_images_never_seen(
    net: OnnxModel, model: Path, shared_data: Path
) -> None:
    with np.load(shared_data / 'face' / 'fer2013_valid.npz') as archive:
        votes, images = archive['ferplus_votes'].astype(int), archive['images']
    ours = votes[:, FERPLUS_TO_OURS]
    rows = np.nonzero(2 * ours.max(axis=1) > votes.sum(axis=1))[0]
    rows = np.random.default_rng(0).permutation(rows)[:500]

    logits = net.run({'images': images[rows, None].astype(np.float32)})['logits']

    probabilities = calibrate(logits, ModelCard.read(model).temperature)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    right = probabilities.argmax(axis=1) == ours[rows].argmax(axis=1)
    assert right.mean() >= 0.86
    assert abs(probabilities.max(axis=1).mean() - right.mean()) <= 0.05


def test_the_training_command_runs_resumes_and_exports(
    repository: Path, shared_data: Path, tmp_path: Path
) -> None:
    for package in ('torch', 'onnx', 'scipy', 'skimage'):
        pytest.importorskip(package)

    def train(*more: str) -> None:
        command = [
            sys.executable, '-W', 'ignore', '-m', 'training.face_lite', '--run', str(tmp_path),
            '--data', str(shared_data / 'face'), '--batch', '16', '--max-steps', '2', *more,
        ]  # fmt: skip
        subprocess.run([*command, '--limit', '200', '--threads', '1'], check=True, cwd=repository)

    train('--epochs', '1')
    train('--epochs', '2', '--resume')

    rows = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert [row['epoch'] for row in rows] == [1, 2]
    card = ModelCard.read(tmp_path / 'face_lite.onnx')
    assert card.metrics['onnx_difference'] <= 1e-4
    assert OnnxModel(tmp_path / 'face_lite.onnx', 1).run(
        {'images': np.zeros((3, 1, 48, 48), np.float32)}
    )['logits'].shape == (3, 7)

    train(
        '--epochs', '1', '--run', str(tmp_path / 'second'), '--blend', '0.5',
        '--start', str(tmp_path / 'face_lite.onnx'),
    )  # fmt: skip
    second = json.loads((tmp_path / 'second' / 'face_lite.json').read_text())
    assert second['recipe']['start_sha256'] == card.sha256
    assert second['recipe']['blend'] == 0.5


@pytest.mark.parametrize('share', [0.0, 0.25, 1.0])
def test_a_blend_has_its_share_of_each_weight_of_the_start(share: float) -> None:
    pytest.importorskip('torch')
    pytest.importorskip('onnx')
    from training.face_lite import blended
    from training.face_net import FaceNet

    run, start = FaceNet(), FaceNet()
    between = blended(run, start.state_dict(), share).state_dict()

    for name, weight in run.state_dict().items():
        if weight.dtype.is_floating_point:
            expected = share * start.state_dict()[name] + (1 - share) * weight
            np.testing.assert_allclose(between[name], expected, atol=1e-6)
