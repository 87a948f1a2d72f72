"""Each cause of bad sound lowers reliability, by itself and by the documented amount."""

from dataclasses import replace

import numpy as np
import pytest

from mer_ros.audio.quality import assess, snr_db
from mer_ros.audio.windows import Window

GOOD = Window(
    stamp_ns=0,
    samples=np.full(16_000, 0.1, np.float32),
    speech=np.ones(30, np.float32),
    speech_dbfs=-20.0,
    noise_dbfs=-60.0,
)


def reliability(**changes):
    return assess(replace(GOOD, **changes)).reliability


def test_good_speech_is_fully_reliable():
    assert reliability() == 1.0


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'speech_dbfs': -70.0, 'noise_dbfs': -96.0}, 0.0),
        ({'speech_dbfs': -55.0, 'noise_dbfs': -96.0}, 0.5),
        ({'clipping': 0.05}, 0.6),
        ({'clipping': 0.5}, 0.2),
        ({'noise_dbfs': -25.0}, 0.417),
        ({'noise_dbfs': -20.0}, 0.0),
        ({'noise_dbfs': float('nan')}, 1.0),
        ({'speech': np.repeat([1.0, 0.0], [6, 24]).astype(np.float32)}, 0.4),
        ({'speech': np.zeros(30, np.float32), 'speech_dbfs': float('nan')}, 0.0),
        ({'speech': np.zeros(0, np.float32)}, 0.0),
    ],
)
def test_every_cause_lowers_it_by_its_factor(changes, expected):
    assert reliability(**changes) == pytest.approx(expected, abs=0.002)


def test_causes_multiply():
    assert reliability(clipping=0.05, speech_dbfs=-55.0, noise_dbfs=-96.0) == pytest.approx(0.3)


@pytest.mark.parametrize('true_db', [0.0, 10.0, 30.0])
def test_the_background_inside_the_speech_is_taken_off(true_db):
    noise = 10 ** (-50 / 10)
    both = 10 * np.log10(noise * 10 ** (true_db / 10) + noise)
    assert snr_db(float(both), -50.0) == pytest.approx(true_db, abs=0.01)


def test_the_ratio_is_bounded_and_unknown_without_a_background():
    assert snr_db(-20.0, -96.0) == 60.0
    assert snr_db(-50.0, -40.0) == -20.0
    assert np.isnan(snr_db(-20.0, float('nan')))
