"""The background is what is heard away from speech, and never the start of a word."""

import numpy as np
import pytest

from mer_ros.audio.background import Background, level_dbfs
from mer_ros.audio.windows import Window

FRAME = 512


class Script:
    """Says what it is told, frame by frame."""

    name = 'script'
    version = '1.0'

    def __init__(self, probabilities):
        self.probabilities = list(probabilities)
        self.resets = 0

    def load(self):
        pass

    def reset(self):
        self.resets += 1

    def process(self, samples):
        count = samples.size // FRAME
        said, self.probabilities = self.probabilities[:count], self.probabilities[count:]
        return np.array(said, np.float32)


def sound(levels):
    """Return 512 samples of each level in dBFS."""
    amplitudes = np.repeat(10.0 ** (np.array(levels) / 20.0), FRAME)
    signs = np.where(np.arange(amplitudes.size) % 2, 1.0, -1.0)
    return (amplitudes * signs).astype(np.float32)


def hear(levels, probabilities, segment=1):
    samples = sound(levels)
    window = Window(0, samples, segment=segment, end=samples.size, fresh=samples)
    return Background(Script(probabilities)).annotate(window)


def test_speech_and_background_have_levels_of_their_own():
    window = hear([-60.0] * 20 + [-20.0] * 11, [0.0] * 20 + [1.0] * 11)
    assert window.noise_dbfs == pytest.approx(-60.0, abs=0.1)
    assert window.speech_dbfs == pytest.approx(-20.0, abs=0.1)
    assert window.speech.tolist() == [0.0] * 20 + [1.0] * 11
    assert window.noise_spectrum.shape == (257,)


def test_speech_that_is_noticed_late_is_not_taken_for_background():
    window = hear([-20.0] * 31, [0.05, 0.1, 0.15] + [1.0] * 28)
    assert np.isnan(window.noise_dbfs)
    assert window.noise_spectrum.size == 0


def test_frames_next_to_speech_do_not_count():
    levels = [-60.0] * 15 + [-25.0] * 2 + [-20.0] * 12 + [-30.0] * 2
    window = hear(levels, [0.0] * 17 + [1.0] * 12 + [0.1] * 2)
    assert window.noise_dbfs == pytest.approx(-60.0, abs=0.1)


def test_in_speech_without_a_pause_the_quietest_tenth_counts():
    levels = ([-20.0] * 6 + [-45.0]) * 12
    window = hear(levels, [1.0] * len(levels))
    assert window.noise_dbfs == pytest.approx(-45.0, abs=0.1)
    assert window.noise_spectrum.size == 0


def test_a_quiet_room_of_long_ago_is_no_background_of_a_loud_one():
    loud = [-30.0] * 400
    window = hear([-80.0] * 40 + loud, [0.0] * 40 + [0.3] * 400)
    assert window.noise_dbfs == pytest.approx(-30.0, abs=0.1)
    assert window.noise_spectrum.size == 0


def test_a_frame_that_is_neither_is_not_learnt():
    assert np.isnan(hear([-40.0] * 31, [0.35] * 31).noise_dbfs)


def test_the_activity_sees_each_sample_once_and_starts_anew_after_a_gap():
    script = Script([1.0] * 100)
    background = Background(script)
    before = script.resets
    first = sound([-20.0] * 20)
    one = background.annotate(Window(0, first, segment=1, end=first.size, fresh=first))
    more = sound([-20.0] * 10)
    both = np.concatenate((first, more))[-first.size :]
    end = first.size + more.size
    two = background.annotate(Window(0, both, segment=1, end=end, fresh=more))
    assert (one.speech.size, two.speech.size) == (20, 20)
    assert len(script.probabilities) == 70
    assert script.resets == before + 1
    background.annotate(Window(0, first, segment=2, end=first.size, fresh=first))
    assert script.resets == before + 2


@pytest.mark.parametrize(('power', 'dbfs'), [(1.0, 0.0), (0.01, -20.0), (0.0, -96.0)])
def test_levels_are_in_decibels_of_full_scale(power, dbfs):
    assert level_dbfs(power) == pytest.approx(dbfs)
