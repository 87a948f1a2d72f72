"""The front end of the embedded speech model."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mer_ros.audio.log_mel import BANDS, FLOOR, log_mel, mel_filters


def tone(hertz: float, samples: int = 16000) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(samples) / 16000).astype(np.float32)


@pytest.mark.parametrize(('samples', 'frames'), [(16000, 100), (15999, 99), (8000, 50), (400, 2)])
def test_there_is_a_frame_every_ten_milliseconds(samples: int, frames: int) -> None:
    assert log_mel(np.zeros(samples, np.float32)).shape == (BANDS, frames)


def test_silence_is_the_floor_and_a_full_scale_tone_is_near_zero() -> None:
    assert log_mel(np.zeros(16000, np.float32)) == pytest.approx(np.log(FLOOR), abs=1e-3)
    assert -2.0 < float(log_mel(tone(1000.0)).max()) < 0.5


def test_a_higher_tone_lies_in_a_higher_band() -> None:
    peaks = [int(log_mel(tone(hertz)).mean(axis=1).argmax()) for hertz in (150, 500, 2000, 6000)]
    assert peaks == sorted(set(peaks))


def test_a_gain_is_an_offset() -> None:
    loud = tone(440.0) + np.random.default_rng(0).normal(0, 0.05, 16000).astype(np.float32)
    difference = log_mel(loud) - log_mel(0.1 * loud)
    assert float(np.median(difference)) == pytest.approx(np.log(100.0), abs=0.05)


def test_every_band_hears_something() -> None:
    assert (mel_filters().sum(axis=1) > 0.99).all()


def test_it_gives_the_same_bits_again() -> None:
    wave = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    assert log_mel(wave).tobytes() == log_mel(wave.copy()).tobytes()


@pytest.mark.parametrize('samples', [np.zeros(399, np.float32), np.zeros((2, 16000), np.float32)])
def test_what_is_no_mono_frame_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match='mono samples'):
        log_mel(samples)


def test_a_window_takes_a_few_milliseconds_at_most() -> None:
    wave = np.random.default_rng(2).normal(0, 0.1, 16000).astype(np.float32)
    log_mel(wave)
    taken = []
    for _ in range(50):
        started = time.perf_counter()
        log_mel(wave)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.005
