"""Settings refuse what cannot work, and say the range."""

from dataclasses import fields

import numpy as np
import pytest

from mer_ros.audio.chunk import AudioError
from mer_ros.audio.conditioning import HighPass
from mer_ros.audio.settings import RANGES, AudioSettings


def test_the_defaults_are_those_of_the_contract():
    settings = AudioSettings()
    assert (settings.window_s, settings.hop_s, settings.reanchor_s) == (1.0, 0.5, 0.05)
    assert settings.prior() == pytest.approx(np.full(7, 1 / 7))


def test_every_number_has_a_range_that_its_default_is_in():
    defaults = AudioSettings()
    for field in fields(AudioSettings):
        value = getattr(defaults, field.name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            low, high = RANGES[field.name]
            assert low <= value <= high


@pytest.mark.parametrize('name', sorted(RANGES))
def test_numbers_out_of_range_are_refused_by_name(name):
    low, high = RANGES[name]
    for value in (low - 1, high + 1, float('nan')):
        with pytest.raises(AudioError, match=name):
            AudioSettings(**{name: value})


@pytest.mark.parametrize('cutoff', [1e-6, 0.5, 0.999])
def test_a_high_pass_that_no_filter_can_be_is_refused(cutoff):
    with pytest.raises(AudioError, match=r'high_pass_hz .* to 0 for none'):
        AudioSettings(high_pass_hz=cutoff)


@pytest.mark.parametrize('cutoff', [0.0, 1.0, 500.0])
def test_every_high_pass_that_is_allowed_filters(cutoff):
    sound = np.full(16_000, 0.4, np.float32)
    assert np.isfinite(HighPass(AudioSettings(high_pass_hz=cutoff).high_pass_hz).push(sound)).all()


def test_the_buffer_must_hold_a_window_and_a_hop():
    with pytest.raises(AudioError, match='buffer_s'):
        AudioSettings(window_s=3.0, buffer_s=3.0)


@pytest.mark.parametrize('prior', [(1.0,) * 6, (0.0,) + (1.0,) * 6, (float('nan'),) * 7])
def test_a_prior_is_seven_positive_numbers(prior):
    with pytest.raises(AudioError, match='deployed_prior'):
        AudioSettings(deployed_prior=prior)


def test_a_prior_need_not_sum_to_one():
    assert AudioSettings(deployed_prior=(2.0,) * 7).prior().sum() == pytest.approx(1.0)
