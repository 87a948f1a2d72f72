"""Training on a small set of one's own faces: what is held out, refused, and said in the card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mer_ros.models.card import ModelCard

for package in ('torch', 'onnx', 'scipy', 'skimage'):
    pytest.importorskip(package)

# The exporter that face_export.py chose is a deprecated one.
pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')
OURS_TO_FERPLUS = (4, 5, 6, 1, 3, 2, 0)
SURPRISE = 5


@pytest.fixture
def own_faces(shared_data: Path, tmp_path: Path) -> Any:
    """Return what writes so many pictures without a surprised one, ten votes for one label each."""
    with np.load(shared_data / 'face' / 'fer2013_valid.npz') as archive:
        rows = np.flatnonzero(archive['labels'] != SURPRISE)[:700]
        images, labels = archive['images'][rows], archive['labels'][rows]
    votes = np.zeros((len(labels), 10), np.int64)
    votes[np.arange(len(labels)), np.array(OURS_TO_FERPLUS)[labels]] = 10

    def write(train: int, valid: int) -> Path:
        (tmp_path / 'face').mkdir(exist_ok=True)
        for name, part in (('train', slice(valid, valid + train)), ('valid', slice(valid))):
            np.savez(
                tmp_path / f'face/fer2013_{name}.npz',
                images=images[part], labels=labels[part], ferplus_votes=votes[part],
            )  # fmt: skip
        return tmp_path

    return write


def strict(path: Path) -> Any:
    """Return what a JSON file says that holds no NaN."""

    def refused(constant: str) -> Any:
        raise AssertionError(f'{path} holds {constant}')

    return json.loads(path.read_text(), parse_constant=refused)


def face_lite(folder: Path, *flags: object) -> Path:
    from training.face_lite import main

    words = ['--data', folder / 'face', '--run', folder / 'run', '--teachers', 1, '--epochs', 1]
    words += ['--teacher-epochs', 1, '--max-steps', 1, '--threads', 1, '--device', 'cpu', *flags]
    assert main([str(word) for word in words]) == 0
    return folder / 'run/face_lite.json'


def test_a_quarter_of_a_small_set_is_held_out(own_faces: Any) -> None:
    from training.face_lite import parts_of

    fit, held_out, valid = parts_of(own_faces(200, 60) / 'face', None)

    assert len(valid) == 60
    assert 40 <= len(held_out) <= 50
    assert len(fit) >= 140
    assert [len(part) for part in parts_of(own_faces(200, 60) / 'face', 100)][1:] == [25, 60]


def test_of_our_set_as_many_are_held_out_as_ever(shared_data: Path) -> None:
    from training.face_data import HELD_OUT

    with np.load(shared_data / 'face' / 'fer2013_train.npz') as archive:
        assert len(archive['labels']) // 4 > HELD_OUT


def test_a_small_set_gives_a_model_under_its_own_terms(own_faces: Any) -> None:
    folder = own_faces(80, 12)

    path = face_lite(folder, '--batch', 16)

    card = ModelCard.read(path)
    assert (card.licence, card.version) == ('LicenseRef-of-your-data', '0.1')
    assert strict(path)['metrics']['original']['n'] == 12
    terms = ('--licence', 'CC-BY-4.0', '--version', '1.0')
    again = ModelCard.read(face_lite(folder, '--part', 'export', *terms))
    assert (again.licence, again.version) == ('CC-BY-4.0', '1.0')
    assert again.sha256


def test_a_run_folder_is_for_one_set_of_pictures_and_one_set_of_teachers(own_faces: Any) -> None:
    folder = own_faces(80, 12)
    made = strict(face_lite(folder, '--batch', 16, '--teachers', 2))['recipe']
    assert len(made['teachers']) == len(made['teacher_recipes']) == 2
    net = folder / 'run/student/last.pt'

    with pytest.raises(SystemExit, match=r'student/last\.pt is of other teachers: choose another'):
        face_lite(folder, '--batch', 16)
    with pytest.raises(SystemExit, match=r'student/last\.pt is of other --start: choose another'):
        face_lite(folder, '--batch', 16, '--teachers', 2, '--start', net)
    for flags in ((), ('--taught-by', net), ('--start', net)):
        assert strict(face_lite(folder, '--part', 'export', *flags))['recipe'] == made

    own_faces(84, 12)
    for name, flags in (
        ('teacher-0', ('--teachers', 2)),
        ('teacher-0', ('--part', 'student')),
        ('student', ('--part', 'export')),
        ('student', ('--part', 'student', '--taught-by', net.with_name('copy.pt'))),
    ):
        net.with_name('copy.pt').write_bytes(net.read_bytes())
        with pytest.raises(SystemExit, match=rf'{name}/(last|copy)\.pt is of other data: choose'):
            face_lite(folder, '--batch', 16, *flags)
    assert strict(folder / 'run/face_lite.json')['recipe'] == made


def test_the_terms_are_those_of_the_data_that_was_trained_on(
    own_faces: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import face_lite as command

    folder = own_faces(80, 12)
    monkeypatch.setattr(command, 'DATA', folder / 'face')
    assert ModelCard.read(face_lite(folder, '--batch', 16)).licence == command.OURS.licence

    # The same pictures in another place are no other pictures.
    (folder / 'face').rename(folder / 'elsewhere')
    elsewhere = ('--data', folder / 'elsewhere', '--batch', 16)
    for flags in ((), ('--part', 'export')):
        card = ModelCard.read(face_lite(folder, *elsewhere, *flags))
        assert (card.licence, card.version) == (command.OURS.licence, command.OURS.version)


def test_states_that_do_not_say_their_data_are_taken_for_these(
    own_faces: Any, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    folder = own_faces(80, 12)
    made = strict(face_lite(folder, '--batch', 16))['recipe']
    for path in folder.glob('run/*/last.pt'):
        state = torch.load(path, weights_only=True)
        del state['origin']
        torch.save(state, path)

    found = strict(face_lite(folder, '--batch', 16, '--epochs', 2, '--resume'))

    assert 'student/last.pt does not say of which data and teachers it is' in caplog.text
    assert found['licence'] == 'LicenseRef-of-your-data'
    assert len(found['recipe']['teachers']) == 1
    assert found['recipe']['teacher_recipes'] == made['teacher_recipes']
    own_faces(84, 12)
    with pytest.raises(SystemExit, match=r'student/last\.pt is of other data'):
        face_lite(folder, '--part', 'export')


def test_an_export_that_fails_leaves_what_was_there(
    own_faces: Any, face_points: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import face_export
    from training import face_points as points
    from training.errors import TrainingError

    folder = own_faces(220, 15)
    pairs = [face_lite(folder, '--batch', 16), face_points(folder)]
    pairs += [path.with_suffix('.onnx') for path in pairs]
    before = [path.read_bytes() for path in pairs]
    monkeypatch.setattr(face_export, 'MAX_DIFFERENCE', -1.0)
    monkeypatch.setattr(points, 'MAX_DIFFERENCE', -1.0)

    with pytest.raises(TrainingError, match='differs from the trained net'):
        face_lite(folder, '--part', 'export', '--version', '9')
    with pytest.raises(TrainingError, match='differs from the trained net'):
        face_points(folder)

    assert [path.read_bytes() for path in pairs] == before
    assert not list(folder.rglob('*.part.*'))


@pytest.mark.parametrize(
    ('train', 'valid', 'said'),
    [(80, 12, '60 pictures .* less than a batch'), (3, 12, 'train.npz: too few'), (80, 0, 'valid')],
)
def test_too_few_pictures_for_the_classifier_are_refused(
    own_faces: Any, train: int, valid: int, said: str
) -> None:
    with pytest.raises(SystemExit, match=said) as caught:
        face_lite(own_faces(train, valid))
    assert '\n' not in str(caught.value)


@pytest.fixture
def face_points(shared_data: Path) -> Any:
    from training.face_points import main

    def run(folder: Path) -> Path:
        if not (folder / 'weights').exists():
            (folder / 'weights').symlink_to(shared_data / 'weights')
        words = ['--data', folder, '--run', folder / 'points', '--epochs', '1']
        assert main([str(word) for word in words]) == 0
        return folder / 'points/face_points.json'

    return run


def test_a_small_set_gives_a_landmark_net_under_its_own_terms(
    own_faces: Any, face_points: Any
) -> None:
    path = face_points(own_faces(220, 15))

    card = ModelCard.read(path)
    assert (card.licence, card.version) == ('LicenseRef-of-your-data', '0.1')
    assert strict(path)['metrics']['percent_of_eye_distance']['n'] <= 15


@pytest.mark.parametrize(
    ('train', 'valid', 'said'),
    [(100, 15, 'less than a batch of 128'), (220, 0, 'none of the faces of fer2013_valid.npz')],
)
def test_too_few_pictures_for_the_landmarks_are_refused(
    own_faces: Any, face_points: Any, train: int, valid: int, said: str
) -> None:
    with pytest.raises(SystemExit, match=said) as caught:
        face_points(own_faces(train, valid))
    assert '\n' not in str(caught.value)
