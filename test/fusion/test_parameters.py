from __future__ import annotations

import json
from pathlib import Path

import pytest

from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import FALLBACK, FusionParameters, ParameterTable, backend

FACE = ('face:haar+lite@1.0',)
AUDIO = ('audio:silero+lite@1.0',)


def test_the_embedded_table_has_the_default_and_the_pairs_of_the_clips() -> None:
    table = ParameterTable.read()
    assert {FALLBACK, 'lite+lite', 'face_mlp+speech', 'face_bilstm+speech'} <= set(table.names())
    for name in table.names():
        assert table.get(name).note


def test_a_pair_is_found_by_the_models_of_the_arrays() -> None:
    assert ParameterTable.read().find(FACE, AUDIO) == ('lite+lite', '')
    assert ParameterTable.read().find(('face:yunet+lite@1.1',), AUDIO) == ('lite+lite', '')


def test_an_unknown_pair_gets_the_default_and_says_so() -> None:
    name, note = ParameterTable.read().find(('face:haar+deepface@1.0',), AUDIO)
    assert name == FALLBACK
    assert 'deepface+lite' in note


def test_one_modality_alone_needs_no_pair() -> None:
    assert ParameterTable.read().find(FACE, ()) == (FALLBACK, '')


@pytest.mark.parametrize(
    ('models', 'modality', 'name'),
    [
        (FACE, 'face', 'lite'),
        (FACE, 'audio', ''),
        (('face:mine',), 'face', 'mine'),
        ((), 'face', ''),
        (('nonsense', 'face:'), 'face', ''),
    ],
)
def test_the_classifier_is_read_from_the_models_string(
    models: tuple[str, ...], modality: str, name: str
) -> None:
    assert backend(models, modality) == name


def test_parameters_survive_the_file() -> None:
    given = FusionParameters(face_weight=0.7, kernel_width=0.3, note='x')
    assert FusionParameters.from_json(json.loads(json.dumps(given.to_json()))) == given


@pytest.mark.parametrize(
    'entry',
    [
        {'no_such_key': 1.0},
        {'face_temperature': 0.0},
        {'face_temperature': float('nan')},
        {'audio_weight': -1.0},
        {'in_order': 1.0},
        {'prior': [1.0]},
        {'prior': [0.5] * 7},
        {'prior': ['a'] * 7},
    ],
)
def test_entries_that_make_no_sense_are_refused(entry: dict[str, object]) -> None:
    with pytest.raises(FusionError):
        FusionParameters.from_json(entry)


@pytest.mark.parametrize(
    'text', ['', '{}', '[]', '{"pairs": {}}', '{"pairs": {"default": {"x": 1}}}']
)
def test_a_damaged_table_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / 'fusion.json'
    path.write_text(text)
    with pytest.raises(FusionError):
        ParameterTable.read(path)


def test_a_missing_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match=r'training/fusion\.py'):
        ParameterTable.read(tmp_path / 'none.json')
