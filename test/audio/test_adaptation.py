"""What a voice usually sounds like, and how answers follow it."""

import numpy as np
import pytest

from mer_ros.audio.adaptation import Adaptation, centred
from mer_ros.audio.chunk import AudioError
from mer_ros.models.calibration import softmax
from mer_ros.models.card import Voice

SECOND = 1_000_000_000
USUAL = np.array([-0.3, -0.1, 0.0, 0.0, 0.1, 0.1, 0.2])


def table(count, seed=0):
    return softmax(np.random.default_rng(seed).standard_normal((count, 7)))


@pytest.fixture
def voice():
    return Adaptation(Voice(USUAL, 0.5, 10.0))


def test_nothing_heard_changes_nothing(voice):
    rows = table(3)
    assert np.array_equal(voice.adapt(rows), rows.astype(np.float32))
    voice.add(rows[:0], 0)
    assert voice.heard == 0.0


def test_a_part_of_the_difference_from_what_is_usual_is_taken_off(voice):
    rows, more = table(7), table(20, 1)
    voice.add(rows[:2], 0)
    voice.add(rows[2:], SECOND)
    assert voice.heard == pytest.approx(7.0)
    share = 0.5 * 7.0 / 17.0
    expected = np.log(more) - share * (centred(rows).mean(axis=0) - USUAL)
    found = voice.adapt(more)
    assert found == pytest.approx(softmax(expected), abs=1e-5)
    assert found.dtype == np.float32
    assert found.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-5)
    voice.reset()
    assert np.array_equal(voice.adapt(more), more.astype(np.float32))


def test_a_voice_that_sounds_as_usual_is_answered_as_it_is(voice):
    voice.add(softmax(np.repeat(USUAL[None], 50, axis=0)), 0)
    rows = table(4)
    assert voice.adapt(rows) == pytest.approx(rows, abs=1e-5)


def test_a_voice_that_always_sounds_angry_is_believed_less(voice):
    angry = softmax(np.repeat(3.0 * np.eye(7)[:1], 50, axis=0))
    voice.add(angry, 0)
    assert voice.adapt(angry[:1])[0, 0] < angry[0, 0] - 0.05


def test_certain_answers_stay_finite(voice):
    certain = np.repeat(np.eye(7)[:1], 5, axis=0)
    voice.add(certain, 0)
    found = voice.adapt(np.eye(7))
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == np.arange(7)).all()


def test_what_was_heard_fades_with_the_stamps():
    voice = Adaptation(Voice(USUAL, 0.5, 10.0), memory_s=10.0)
    voice.add(table(4), 0)
    voice.fade(10 * SECOND)
    assert voice.heard == pytest.approx(4.0 / np.e)
    voice.fade(10 * SECOND)
    assert voice.heard == pytest.approx(4.0 / np.e)


def test_what_is_said_now_is_no_habit_yet():
    voice = Adaptation(Voice(USUAL, 0.5, 10.0), memory_s=100.0, lag_s=20.0)
    for second in range(30):
        voice.add(table(1, second), second * SECOND)
    # At the stamp of the last, those of second 0 to 9 have waited long enough, and faded.
    ages = np.arange(20, 30)
    assert voice.heard == pytest.approx(np.exp(-ages / 100.0).sum())
    logs = np.concatenate([centred(table(1, second)) for second in range(10)])
    mean = np.average(logs, axis=0, weights=np.exp(-ages[::-1] / 100.0))
    share = 0.5 * voice.heard / (voice.heard + 10.0)
    expected = softmax(centred(table(1)) - share * (mean - USUAL))
    assert voice.adapt(table(1)) == pytest.approx(expected, abs=1e-6)
    voice.fade(49 * SECOND)
    assert voice.heard == pytest.approx(np.exp(-np.arange(20, 50) / 100.0).sum())
    voice.reset()
    voice.fade(100 * SECOND)
    assert voice.heard == 0.0


@pytest.mark.parametrize(('back_s', 'heard'), [(0.5, 2.0), (3.0, 0.0)])
def test_a_recording_that_begins_anew_is_a_new_voice(voice, back_s, heard):
    voice.add(table(2), 9 * SECOND)
    voice.fade(9 * SECOND - round(back_s * SECOND))
    assert voice.heard == heard


@pytest.mark.parametrize(
    'bad', [np.zeros((2, 4)), np.zeros(7), np.full((1, 7), np.nan), np.full((1, 7), -0.1)]
)
def test_what_is_no_probabilities_is_refused_and_changes_nothing(voice, bad):
    voice.add(table(1), 0)
    before = voice.adapt(table(3))
    with pytest.raises(AudioError):
        voice.add(bad, SECOND)
    assert voice.heard == 1.0
    assert np.array_equal(voice.adapt(table(3)), before)
