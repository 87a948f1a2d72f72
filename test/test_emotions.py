import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros import emotions
from mer_ros.emotions import Emotion


def test_constants_equal_those_of_the_message(repository):
    lines = (repository / 'msg' / 'Emotion.msg').read_text().splitlines()
    constants = dict(line.split()[1].split('=') for line in lines if line.startswith('uint8 ')
                     and '=' in line)  # fmt: skip
    assert {name: int(value) for name, value in constants.items()} == {
        **{emotion.name: int(emotion) for emotion in Emotion},
        'UNKNOWN': emotions.UNKNOWN,
    }


def test_every_label_has_a_name_and_only_those():
    assert [emotions.label_name(i) for i in range(emotions.COUNT)] == list(emotions.LABELS)
    assert emotions.label_name(emotions.UNKNOWN) == 'unknown'
    with pytest.raises(ValueError, match='7'):
        emotions.label_name(7)


def test_deepface_order_is_ours():
    assert [emotions.ALIASES[word] for word in emotions.DEEPFACE_ORDER] == list(Emotion)


def test_folding_ravdess_adds_calm_to_neutral():
    folded = emotions.fold([0.1, 0.2, 0.05, 0.05, 0.1, 0.3, 0.1, 0.1], emotions.RAVDESS_ORDER)
    assert folded[Emotion.NEUTRAL] == pytest.approx(0.5)
    assert folded[Emotion.ANGER] == pytest.approx(0.1)
    assert folded.dtype == np.float32


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_folding_keeps_the_sum(values):
    folded = emotions.fold(values, emotions.RAVDESS_ORDER)
    assert float(folded.sum()) == pytest.approx(sum(values), abs=1e-5)


def test_folding_refuses_unknown_words_and_wrong_counts():
    with pytest.raises(ValueError, match='bored'):
        emotions.fold([1.0], ['bored'])
    with pytest.raises(ValueError, match='2 columns but 1 names'):
        emotions.fold([0.5, 0.5], ['happy'])


def test_valence_and_arousal_of_a_certain_emotion_are_its_own():
    points = emotions.valence_arousal(np.eye(7))
    np.testing.assert_allclose(points, emotions.VALENCE_AROUSAL, atol=1e-6)
    assert points[Emotion.HAPPINESS][0] > 0 > points[Emotion.SADNESS][0]
    assert tuple(points[Emotion.NEUTRAL]) == (0.0, 0.0)


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 1), min_size=7, max_size=7))
def test_valence_and_arousal_stay_in_range(weights):
    point = emotions.valence_arousal(np.array(weights) / sum(weights))
    assert point.shape == (2,)
    assert (np.abs(point) <= 1).all()


def test_the_deviation_of_valence_is_zero_when_sure_and_half_the_way_between_two():
    sure = emotions.valence_arousal_deviation(np.eye(7))
    assert np.allclose(sure, 0, atol=1e-6)
    two = np.eye(7)[[emotions.Emotion.HAPPINESS, emotions.Emotion.SADNESS]].mean(axis=0)
    between = np.diff(emotions.VALENCE_AROUSAL[[4, 3]], axis=0)[0] / 2
    assert np.allclose(emotions.valence_arousal_deviation(two), between, atol=1e-6)
