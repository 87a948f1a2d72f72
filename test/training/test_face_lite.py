"""The shipped face classifier is the one its card describes; the command that made it runs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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

    def train(*more: str) -> str:
        command = [
            sys.executable, '-W', 'ignore', '-m', 'training.face_lite', '--run', str(tmp_path),
            '--data', str(shared_data / 'face'), '--batch', '16', '--max-steps', '2',
            '--teachers', '2', '--teacher-epochs', '1', '--limit', '200', '--threads', '1', *more,
        ]  # fmt: skip
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        return '' if done.returncode == 0 else done.stderr

    def epochs(part: str) -> list[int]:
        rows = (tmp_path / part / 'log.jsonl').read_text().splitlines()
        return [json.loads(row)['epoch'] for row in rows]

    assert 'train that part first' in train('--part', 'student')
    assert train('--part', 'teacher-1') == ''
    assert train('--epochs', '1') == ''
    assert 'exists: --resume it' in train('--epochs', '2')
    assert train('--epochs', '2', '--resume') == ''

    assert 'is of another mix' in train('--epochs', '2', '--mix', '0.1')

    assert [epochs(part) for part in ('teacher-0', 'teacher-1', 'student')] == [[1], [1], [1, 2]]
    card = ModelCard.read(tmp_path / 'face_lite.onnx')
    assert card.metrics['onnx_difference'] <= 1e-4
    recipe = json.loads((tmp_path / 'face_lite.json').read_text())['recipe']
    assert recipe['epochs'] == 2
    assert [(each['epochs'], each['seed']) for each in recipe['teacher_recipes']] == [
        (1, 1),
        (1, 2),
    ]
    # The card says what the run was made by, also where the export is asked for by itself.
    assert train('--part', 'export', '--epochs', '9', '--mix', '0.9') == ''
    again = json.loads((tmp_path / 'face_lite.json').read_text())['recipe']
    assert again == recipe
    assert len(recipe['teachers']) == 2
    assert OnnxModel(tmp_path / 'face_lite.onnx', 1).run(
        {'images': np.zeros((3, 1, 48, 48), np.float32)}
    )['logits'].shape == (3, 7)

    net, shipped = tmp_path / 'student' / 'last.pt', tmp_path / 'face_lite.onnx'
    again = tmp_path / 'again'
    taught = ('--run', str(again), '--taught-by', str(net), str(shipped), '--start', str(net))
    assert train(*taught, '--epochs', '1') == ''
    recipe = json.loads((again / 'face_lite.json').read_text())['recipe']
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (net, shipped)]
    assert recipe['teachers'] == sums
    assert recipe['start_sha256'] == sums[0]
    assert [path.name for path in again.iterdir() if path.is_dir()] == ['student']


def test_teachers_without_contempt_leave_it_to_those_who_know_it() -> None:
    torch = pytest.importorskip('torch')
    for package in ('onnx', 'scipy', 'skimage'):
        pytest.importorskip(package)
    from training.face_training import joined

    net = torch.tensor([[0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 0.4]])
    shipped = torch.tensor([[0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9]])

    both = joined([net, shipped])

    torch.testing.assert_close(both[0, [0, 6, 7]], torch.tensor([0.18, 0.42, 0.4]))
    torch.testing.assert_close(joined([net]), net)
    torch.testing.assert_close(joined([shipped]).sum(), torch.tensor(1.0))


@pytest.fixture
def faces(shared_data: Path) -> Any:
    torch = pytest.importorskip('torch')
    with np.load(shared_data / 'face' / 'fer2013_valid.npz') as archive:
        return torch.from_numpy(archive['images'][:64]).float()[:, None]


@pytest.mark.parametrize('quality', [20, 60, 90])
def test_compression_leaves_what_opencv_leaves(faces: Any, quality: int) -> None:
    import cv2
    import torch

    from training.face_augment import jpeg

    ours = jpeg(faces, torch.full((64,), float(quality)))[:, 0].numpy()

    for face, found in zip(faces[:, 0].numpy(), ours, strict=True):
        _, data = cv2.imencode('.jpg', face.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
        expected = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)
        lost = np.abs(expected - face).mean()
        assert np.abs(found - expected).mean() <= 0.25 * lost + 0.1


def test_augmentation_repeats_with_its_seed_and_leaves_its_input(faces: Any) -> None:
    import torch

    from training.face_augment import Augmentation

    before = faces.clone()
    made = []
    for seed in (1, 1, 2):
        one, other = (torch.Generator().manual_seed(seed) for _ in range(2))
        augment = Augmentation(one, other)
        made.append(augment.erase(augment.sensor(augment.light(augment.geometry(faces)))))

    assert torch.equal(faces, before)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert made[0].min() >= 0
    assert made[0].max() <= 255


def test_mixed_faces_have_mixed_votes(shared_data: Path) -> None:
    for package in ('torch', 'onnx', 'scipy', 'skimage'):
        pytest.importorskip(package)
    import torch

    from training.face_data import load
    from training.face_training import Batch, Recipe, Training

    fit = load(shared_data / 'face' / 'fer2013_valid.npz').take(np.arange(100))
    training = Training(fit, Recipe(batch=16, mix=1.0))
    names = torch.eye(8).repeat(2, 1)
    # Each class has its own grey, so that a mixed image tells how much of whom is in it.
    images = (names @ torch.arange(0.0, 240, 30))[:, None, None, None].expand(-1, 1, 48, 48)
    for _ in range(8):
        mixed = training._mixed(Batch(images, names, torch.ones(16), torch.ones(16)))
        grey = mixed.images.mean(dim=(1, 2, 3))
        torch.testing.assert_close(mixed.targets.sum(dim=1), torch.ones(16))
        torch.testing.assert_close(mixed.targets @ torch.arange(0.0, 240, 30), grey)
        assert (mixed.targets.max(dim=1).values >= 0.5 - 1e-6).all()
