import json

import numpy as np
import pytest

from mer_ros.cli import evaluate_face
from mer_ros.cli.main import main
from mer_ros.face.classification import FaceScores
from mer_ros.models import store

needs_model = pytest.mark.skipif(
    store.locate('face_lite') is None, reason='the embedded model is not in this checkout'
)


def _votes(**counts):
    order = ('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear',
             'contempt', 'unknown', 'no_face')  # fmt: skip
    return [counts.get(name, 0) for name in order]


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / 'faces.npz'
    np.savez(
        path,
        images=rng.integers(0, 256, (12, 48, 48), np.uint8),
        labels=np.arange(12, dtype=np.int8) % 7,
        ferplus_votes=np.array(
            [_votes(happiness=10)] * 4
            + [_votes(neutral=6, sadness=4)] * 4
            + [_votes(neutral=5, sadness=5), _votes(contempt=9), _votes(unknown=10),
               _votes(no_face=10)]
        ),
    )  # fmt: skip
    return path


def test_majority_needs_more_than_half_of_all_votes_and_a_class_of_ours():
    rows = np.array([
        _votes(happiness=6, neutral=4), _votes(happiness=5, neutral=5), _votes(fear=10),
        _votes(contempt=8, anger=2), _votes(no_face=10), _votes(anger=5, unknown=4), _votes(),
    ])  # fmt: skip
    assert evaluate_face.majority(rows).tolist() == [3, -1, 2, -1, -1, 0, -1]


def test_majority_of_the_real_votes_has_the_known_size(shared_data):
    with np.load(shared_data / 'face' / 'fer2013_valid.npz') as content:
        labels = evaluate_face.majority(content['ferplus_votes'])
    assert int((labels >= 0).sum()) == 2854


def test_reading_keeps_what_the_labels_allow(data):
    assert len(evaluate_face.read(data, 'original').labels) == 12
    faces = evaluate_face.read(data, 'ferplus')
    assert faces.labels.tolist() == [3] * 4 + [6] * 4


@needs_model
def test_prints_one_json_line_with_the_fixed_fields(data, capsys, tmp_path):
    folder = tmp_path / 'new' / 'report'
    arguments = ['--data', str(data), '--labels', 'ferplus', '--bootstrap', '50']
    assert main(['evaluate', 'face', *arguments, '--report', str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    result = json.loads(lines[0])
    assert list(result)[:6] == ['n', 'accuracy', 'uar', 'macro_f1', 'ece', 'confusion']
    assert result['n'] == 8
    assert np.sum(result['confusion']) == 8
    assert set(result['corpora']) == {'faces'}
    low, high = result['intervals_95']['accuracy']
    assert low <= result['accuracy'] <= high
    assert result['per_class']['anger'] == {
        'n': 0, 'recall': None, 'precision': None, 'f1': None
    } or result['per_class']['anger']['precision'] == 0  # fmt: skip
    assert {path.name for path in folder.iterdir()} == {'confusion.png', 'reliability.png'}


def test_crops_of_another_size_are_scaled():
    class Wide:
        name, version, crop_size = 'wide', '1', 64

        def classify(self, crops):
            assert crops.shape[1:] == (64, 64)
            assert crops.dtype == np.uint8
            return FaceScores(np.full((len(crops), 7), 1 / 7, np.float32), np.zeros(len(crops)))

    images = np.zeros((600, 48, 48), np.uint8)
    assert evaluate_face.classify(Wide(), images).shape == (600, 7)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'images': None}, 'has no images'),
        ({'labels': None}, 'has no labels'),
        ({'images': np.zeros((12, 48, 48), np.float32)}, 'make them uint8'),
        ({'images': np.zeros((12, 48, 40), np.uint8)}, 'make them uint8'),
        ({'images': np.zeros((12, 0, 0), np.uint8)}, 'have no pixels; make them'),
        ({'labels': np.zeros(3, np.int64)}, 'whole number each'),
        ({'labels': np.zeros(12)}, 'whole number each'),
        ({'labels': np.full(12, 7)}, 'not in 0..6'),
        ({'images': np.zeros((0, 48, 48), np.uint8), 'labels': np.zeros(0, np.int64)}, 'no image'),
    ],
)
def test_malformed_data_is_one_line_and_exit_1(data, tmp_path, capsys, change, message):
    with np.load(data) as content:
        fields = {**content, **change}
    path = tmp_path / 'bad.npz'
    np.savez(path, **{name: value for name, value in fields.items() if value is not None})
    assert main(['evaluate', 'face', '--data', str(path)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_what_is_no_npz_is_told_in_our_words(data, tmp_path, capsys):
    text, one, objects = (tmp_path / name for name in ('text.npz', 'one.npy', 'objects.npz'))
    text.write_text('anger happy\n')
    np.save(one, np.zeros((1, 48, 48), np.uint8))
    with np.load(data) as content:
        np.savez(objects, **{**content, 'labels': np.array(['anger'] * 12, object)})
    for path, message in (
        (text, f'cannot read {text}: it is no .npz file'),
        (one, f'cannot read {one}: it is no .npz file'),
        (objects, f'{objects}: labels is no whole array of numbers'),
    ):
        assert main(['evaluate', 'face', '--data', str(path)]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert 'pickle' not in error
        assert error.count('\n') == 1


@pytest.mark.parametrize('content', [None, b'', b'PK\x03\x04 truncated', b'text'])
def test_unreadable_data_is_one_line_and_exit_1(tmp_path, capsys, content):
    path = tmp_path / 'f.npz'
    if content is not None:
        path.write_bytes(content)
    assert main(['evaluate', 'face', '--data', str(path)]) == 1
    error = capsys.readouterr().err
    assert 'cannot read' in error
    assert error.count('\n') == 1


@pytest.mark.parametrize(
    'words',
    [[], ['--data', 'x', '--labels', 'mine'], ['--data', 'x', '--bootstrap', '-1']],
)
def test_wrong_usage_is_exit_2(words):
    assert main(['evaluate', 'face', *words]) == 2


def test_unknown_classifier_lists_those_there_are(data, capsys):
    assert main(['evaluate', 'face', '--data', str(data), '--classifier', 'lita']) == 2
    assert 'lite' in capsys.readouterr().err


def test_intervals_are_seeded_and_narrow_with_more_data():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 7, 400)
    table = rng.dirichlet(np.ones(7), 400).astype(np.float32)
    one = evaluate_face.intervals(truth, table, 100)
    assert one == evaluate_face.intervals(truth, table, 100)
    few = evaluate_face.intervals(truth[:40], table[:40], 100)
    assert np.diff(few['accuracy'])[0] > np.diff(one['accuracy'])[0]
    assert evaluate_face.intervals(truth, table, 0) == {}
