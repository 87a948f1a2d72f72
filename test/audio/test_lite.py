"""The embedded classifier: its card is obeyed, windows do not influence each other."""

import json
import shutil

import numpy as np
import pytest

from mer_ros.audio.chunk import AudioError
from mer_ros.audio.lite import LiteAudioClassifier
from mer_ros.audio.log_mel import log_mel
from mer_ros.models import registry, store
from mer_ros.models.calibration import softmax
from mer_ros.models.card import ModelCard
from mer_ros.models.errors import ModelError
from mer_ros.models.session import OnnxModel


@pytest.fixture(scope='module')
def lite():
    classifier = registry.create('audio_classifier', 'lite')
    classifier.load()
    return classifier


@pytest.fixture(scope='module')
def windows():
    random = np.random.default_rng(0)
    return (0.1 * random.standard_normal((5, 16_000))).astype(np.float32)


def test_probabilities_are_the_calibrated_output_of_the_network(lite, windows):
    card = ModelCard.read(store.find('audio_lite'))
    spectra = np.stack([log_mel(window) for window in windows])
    logits = OnnxModel(store.find('audio_lite')).run({'logmel': spectra})['logits']
    assert np.allclose(lite.classify(windows), softmax(logits / card.temperature), atol=1e-5)
    assert np.array_equal(lite.prior, card.prior)
    assert (lite.name, lite.version) == ('lite', card.version)


def test_every_window_is_classified_by_itself(lite, windows):
    table = lite.classify(windows)
    assert table.shape == (5, 7)
    assert table.dtype == np.float32
    assert table.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    one_by_one = np.concatenate([lite.classify(window[None]) for window in windows])
    assert np.allclose(table, one_by_one, atol=1e-4)
    assert lite.classify(np.zeros((0, 16_000), np.float32)).shape == (0, 7)


@pytest.mark.parametrize('samples', [8_000, 16_000, 24_000, 48_000])
def test_windows_may_have_other_lengths(lite, samples):
    table = lite.classify(np.full((2, samples), 0.01, np.float32))
    assert np.isfinite(table).all()


def test_silence_and_full_scale_give_probabilities(lite):
    extremes = np.stack((np.zeros(16_000), np.ones(16_000), np.tile([1.0, -1.0], 8_000)))
    table = lite.classify(extremes.astype(np.float32))
    assert np.isfinite(table).all()
    assert table.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_it_must_be_loaded_and_given_a_batch(lite):
    with pytest.raises(AudioError, match='load'):
        LiteAudioClassifier().classify(np.zeros((1, 16_000), np.float32))
    with pytest.raises(AudioError, match='windows'):
        lite.classify(np.zeros(16_000, np.float32))


def test_a_file_without_its_card_is_refused(tmp_path):
    shutil.copy(store.find('audio_lite'), tmp_path / 'mine.onnx')
    with pytest.raises(ModelError, match='card'):
        LiteAudioClassifier(tmp_path / 'mine.onnx').load()
    card = {'name': 'mine', 'version': '7', 'task': 'audio_classifier', 'temperature': 2.0}
    card['clip_temperature'] = 0.8
    (tmp_path / 'mine.json').write_text(json.dumps(card))
    own = LiteAudioClassifier(tmp_path / 'mine.onnx')
    own.load()
    assert own.version == '7'
    assert own.clip_temperature == 0.8


def test_the_embedded_file_is_small_and_its_card_says_where_it_comes_from():
    path = store.find('audio_lite')
    assert path.stat().st_size <= 8 * 2**20
    card = ModelCard.read(path)
    assert card.licence
    assert card.metrics


def test_a_network_of_another_kind_is_refused_when_it_is_loaded(tmp_path):
    shutil.copy(store.find('face_lite'), tmp_path / 'mine.onnx')
    card = {'name': 'mine', 'version': '7', 'task': 'audio_classifier', 'temperature': 1.0}
    (tmp_path / 'mine.json').write_text(json.dumps(card))
    with pytest.raises(ModelError, match='is not the model this backend was written for'):
        LiteAudioClassifier(tmp_path / 'mine.onnx').load()
