import re

import pytest

from mer_ros.models import catalogue
from mer_ros.models.errors import ModelError

DESIGN = {
    'face_lite',
    'audio_lite',
    'haar',
    'yunet',
    'retinaface',
    'deepface',
    'silero',
    'wav2vec2',
}


def test_every_model_of_the_design_is_there():
    assert set(catalogue.load()) >= DESIGN


@pytest.mark.parametrize('name', sorted(catalogue.load()))
def test_entries_say_what_users_need(name):
    entry = catalogue.load()[name]
    assert entry.licence
    assert entry.source
    assert entry.description
    for file in entry.files:
        assert not file.sha256 or re.fullmatch('[0-9a-f]{64}', file.sha256)
        assert all(url.startswith('https://') for url in file.urls)
        assert bool(file.urls) == (entry.origin == catalogue.PULL)


def test_unknown_model_names_those_there_are():
    with pytest.raises(ModelError, match=r"'yunett'; there are .*yunet"):
        catalogue.entry('yunett')


@pytest.mark.parametrize(
    'text',
    [
        'models: {a: {task: t}}',
        'models: {a: 3}',
        'models: {a: {task: t, licence: l, description: d, source: s, origin: moon, '
        'files: [{filename: f}]}}',
        'models: {a: {task: t, licence: l, description: d, source: s, origin: package:p, '
        'files: [{filename: f}]}}',
        'models: {a: {task: t, licence: l, description: d, source: s, origin: pull, files: []}}',
        'models: {a: {task: t, licence: l, description: d, source: s, origin: pull, '
        'files: [{filename: f}, {filename: g}]}}',
    ],
)
def test_malformed_entries_are_named(tmp_path, text):
    path = tmp_path / 'c.yaml'
    path.write_text(text)
    with pytest.raises(ModelError, match="'a' is malformed"):
        catalogue.load(path)


def test_unreadable_catalogue_says_so(tmp_path):
    path = tmp_path / 'c.yaml'
    with pytest.raises(ModelError, match='cannot read the catalogue'):
        catalogue.load(path)
    path.write_text('models: [')
    with pytest.raises(ModelError, match='cannot read the catalogue'):
        catalogue.load(path)
    path.write_text('')
    with pytest.raises(ModelError, match='is empty'):
        catalogue.load(path)
    path.write_text('backends: {task: [a]}')
    with pytest.raises(ModelError, match='backends must map'):
        catalogue.backends(path)
