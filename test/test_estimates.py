import dataclasses

import numpy as np
import pytest

from mer_ros.emotions import UNKNOWN
from mer_ros.estimates import Estimate, EstimateArray, Evidence, Modality, no_points, uniform


def _fields(path):
    lines = (line.split('#')[0].split() for line in path.read_text().splitlines())
    return [words[1] for words in lines if len(words) == 2 and '=' not in words[1]]


@pytest.mark.parametrize(('kind', 'message'), [(Estimate, 'Emotion'), (Evidence, 'Evidence')])
def test_fields_mirror_the_message(repository, kind, message):
    ours = [field.name.removesuffix('_ns') for field in dataclasses.fields(kind)]
    assert ours == _fields(repository / 'msg' / f'{message}.msg')


def test_array_mirrors_its_message_with_the_header_spelt_out(repository):
    ours = [f.name.removesuffix('_ns') for f in dataclasses.fields(EstimateArray)]
    assert ours[:2] == ['stamp', 'frame_id']
    named = ['emotions' if name == 'estimates' else name for name in ours[2:]]
    assert ['header', *named] == _fields(repository / 'msg' / 'EmotionArray.msg')


def test_an_empty_estimate_is_unknown_and_uniform():
    estimate = Estimate('audio')
    assert (estimate.label, estimate.confidence) == (UNKNOWN, 0.0)
    assert estimate.probabilities.sum() == pytest.approx(1)
    assert estimate.landmarks.shape == (0, 2)


def test_defaults_are_not_shared():
    assert uniform() is not uniform()
    assert Estimate('a').probabilities is not Estimate('b').probabilities
    assert no_points().dtype == np.float32


def test_modalities_are_bits_of_the_message():
    assert int(Modality.FACE | Modality.AUDIO) == 3


def test_estimates_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Estimate('a').label = 0  # type: ignore[misc]
