from __future__ import annotations

import json
from dataclasses import replace
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
    table = ParameterTable.read()
    assert table.find(FACE, AUDIO) == (table.get('lite+lite'), '')
    assert table.find(('face:yunet+lite@1.1',), AUDIO) == (table.get('lite+lite'), '')


def test_an_unknown_pair_gets_the_default_weights_and_says_so() -> None:
    table = ParameterTable.read()
    found, note = table.find(('face:haar+deepface@1.0',), AUDIO)
    default = table.get(FALLBACK)
    assert (found.face_weight, found.audio_weight) == (1.0, 1.0)
    assert found.prior == found.face_prior == found.audio_prior == default.prior
    assert 'deepface+lite' in note


def test_what_is_known_of_one_backend_holds_beside_an_unknown_one_and_alone() -> None:
    fitted = FusionParameters(
        face_temperature=1.5, audio_temperature=2.0, face_weight=0.5, prior=(0.1,) * 6 + (0.4,)
    )
    fitted = replace(fitted, face_prior=fitted.prior, audio_prior=(0.2,) + (0.8 / 6,) * 6)
    table = ParameterTable({FALLBACK: FusionParameters(), 'lite+lite': fitted})
    alone, note = table.find(FACE, ())
    assert (alone.face_temperature, alone.prior, alone.face_prior, note) == (
        1.5, fitted.prior, fitted.prior, ''
    )  # fmt: skip
    beside, note = table.find(FACE, ('audio:silero+mine@1.0',))
    assert (beside.face_temperature, beside.prior, beside.face_prior) == (
        1.5, fitted.prior, fitted.prior
    )  # fmt: skip
    assert (beside.audio_temperature, beside.face_weight) == (1.0, 1.0)
    assert 'lite+mine' in note
    voice, note = table.find((), AUDIO)
    assert (voice.audio_temperature, voice.prior, voice.audio_prior, note) == (
        2.0, fitted.prior, fitted.audio_prior, ''
    )  # fmt: skip


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
        {'prior': [float('nan')] * 7},
        {'face_prior': [10**400] * 7},
        {'face_weight': float('inf')},
        {'face_temperature': 1e-310},
        {'face_temperature': 10**400},
        {'agreement_bias': '0.1'},
        {'agreement_bias': None},
        {'agreement_bias': float('nan')},
        {'kernel_width': True},
    ],
)
def test_entries_that_make_no_sense_are_refused(entry: dict[str, object]) -> None:
    with pytest.raises(FusionError):
        FusionParameters.from_json(entry)


@pytest.mark.parametrize(
    'text',
    [
        '',
        '{}',
        '[]',
        '{"pairs": {}}',
        '{"pairs": {"default": {"x": 1}}}',
        '{"pairs": {"default": {"prior": [NaN, NaN, NaN, NaN, NaN, NaN, NaN]}}}',
        '[' * 100_000,
    ],
)
def test_a_damaged_table_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / 'fusion.json'
    path.write_text(text)
    with pytest.raises(FusionError, match=r'fusion\.json|no entry'):
        ParameterTable.read(path)


def test_a_number_that_makes_no_sense_is_told_with_file_and_pair(tmp_path: Path) -> None:
    path = tmp_path / 'fusion.json'
    path.write_text('{"pairs": {"default": {}, "a+b": {"face_weight": Infinity}}}')
    with pytest.raises(FusionError, match=r"fusion\.json: pair 'a\+b': face_weight must be from 0"):
        ParameterTable.read(path)


def test_a_missing_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match=r'take it away .*, or run training/fusion\.py'):
        ParameterTable.read(tmp_path / 'none.json')
