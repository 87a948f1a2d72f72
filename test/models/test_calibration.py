import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mer_ros.metrics import expected_calibration_error
from mer_ros.models import calibration

LOGITS = arrays(np.float64, (4, 7), elements=st.floats(-500, 500))


@settings(deadline=None)
@given(LOGITS)
def test_softmax_sums_to_one_for_any_logits(logits):
    rows = calibration.softmax(logits)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


@settings(deadline=None)
@given(LOGITS, st.floats(0.1, 10))
def test_temperature_never_changes_the_label(logits, temperature):
    rows = calibration.calibrate(logits, temperature)
    best = logits[np.arange(4), rows.argmax(axis=1)]
    assert (best >= logits.max(axis=1) - 1e-4 * np.abs(logits).max() - 1e-6).all()


@pytest.mark.parametrize('temperature', [0.0, -1.0, float('nan'), float('inf')])
def test_impossible_temperatures_are_refused(temperature):
    with pytest.raises(ValueError, match='temperature'):
        calibration.calibrate(np.zeros(7), temperature)


@pytest.mark.parametrize('temperature', [0.4, 1.0, 3.0])
def test_fit_finds_the_temperature_that_labels_were_drawn_at(temperature):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 4, (20_000, 7))
    labels = [rng.choice(7, p=p / p.sum()) for p in
              calibration.calibrate(logits, temperature).astype(np.float64)]  # fmt: skip
    fitted = calibration.fit_temperature(logits, labels)
    assert fitted == pytest.approx(temperature, rel=0.05)
    calibrated = calibration.calibrate(logits, fitted)
    assert expected_calibration_error(labels, calibrated) < 0.015


def test_fit_refuses_nothing_and_nonsense():
    with pytest.raises(ValueError, match='cannot fit'):
        calibration.fit_temperature(np.zeros((0, 7)), [])
    with pytest.raises(ValueError, match='not finite'):
        calibration.fit_temperature(np.full((2, 7), np.nan), [0, 1])
