import json

import numpy as np
import pytest

from mer_ros.models.card import ModelCard
from mer_ros.models.errors import ModelError

GOOD = {
    'name': 'lite', 'version': '1.0', 'task': 'face_classifier', 'temperature': 1.3,
    'prior': [0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.3], 'input': {'size': 48}, 'metrics': {'uar': 0.8},
    'licence': 'x', 'sha256': 'AB',
}  # fmt: skip


def _write(folder, **changes):
    fields = {k: v for k, v in {**GOOD, **changes}.items() if v is not None}
    (folder / 'm.json').write_text(json.dumps(fields))
    return folder / 'm.onnx'


def test_card_is_read_beside_its_model(tmp_path):
    card = ModelCard.read(_write(tmp_path))
    assert (card.name, card.version, card.temperature) == ('lite', '1.0', 1.3)
    assert card.prior.dtype == np.float32
    assert card.prior.sum() == pytest.approx(1)
    assert card.sha256 == 'ab'
    assert card.metrics['uar'] == 0.8
    assert card.clip_temperature == 1.0
    assert card.voice is None


VOICE = {'usual': [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], 'strength': 0.3, 'half': 10}


def test_what_is_usual_of_a_voice_is_read_and_sums_to_nothing(tmp_path):
    voice = ModelCard.read(_write(tmp_path, voice=VOICE)).voice
    assert (voice.strength, voice.half) == (0.3, 10.0)
    assert voice.usual == pytest.approx(np.arange(-0.3, 0.31, 0.1))


@pytest.mark.parametrize(
    'changes',
    [
        {'temperature': 0},
        {'temperature': 'warm'},
        {'clip_temperature': -1.0},
        {'prior': [1.0]},
        {'prior': [1 / 6] * 6 + [0.0]},
        {'prior': [0.5] * 7},
        {'name': None},
        {'version': None},
        {'input': 3},
        {'voice': {**VOICE, 'usual': [0.0]}},
        {'voice': {**VOICE, 'strength': 1.1}},
        {'voice': {**VOICE, 'half': 0}},
        {'voice': {'usual': VOICE['usual']}},
    ],
)
def test_impossible_cards_are_refused_with_their_path(tmp_path, changes):
    with pytest.raises(ModelError, match=r'm\.json is malformed'):
        ModelCard.read(_write(tmp_path, **changes))


def test_missing_and_broken_cards_are_named(tmp_path):
    with pytest.raises(ModelError, match='cannot read the model card'):
        ModelCard.read(tmp_path / 'm.onnx')
    (tmp_path / 'm.json').write_text('{')
    with pytest.raises(ModelError, match='cannot read the model card'):
        ModelCard.read(tmp_path / 'm.onnx')
    (tmp_path / 'm.json').write_text('[]')
    with pytest.raises(ModelError, match='malformed'):
        ModelCard.read(tmp_path / 'm.onnx')
