from __future__ import annotations

import numpy as np
import pytest

from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.fitting import fit, fit_temperature, likelihood_loss, swapped
from mer_ros.fusion.pooling import temper


def table(labels: np.ndarray, skill: float, seed: int) -> np.ndarray:
    """Return calibrated distributions: softmax of log-likelihood ratios plus unit noise."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.0, (labels.size, 7))
    logits[np.arange(labels.size), labels] += skill
    powers = np.exp(skill * logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def test_a_temperature_is_found_again() -> None:
    labels = np.random.default_rng(0).integers(0, 7, 3000)
    sure = temper(table(labels, 1.5, 1), 1 / 2.5)
    assert fit_temperature(sure, labels) == pytest.approx(2.5, rel=0.1)


@pytest.mark.parametrize('share', [0.0, 0.5, 1.0])
def test_swapping_moves_the_share_that_is_asked_for(share: float) -> None:
    order = swapped(100, share, 1)
    assert sorted(order) == list(range(100))
    assert np.count_nonzero(order != np.arange(100)) == 100 * share


def test_independent_calibrated_backends_need_no_weights() -> None:
    labels = np.random.default_rng(0).integers(0, 7, 500)
    fitted = fit(table(labels, 1.2, 1), table(labels, 1.6, 2), labels, np.arange(500) % 5)
    assert fitted.face_temperature == pytest.approx(1.0, abs=0.2)
    assert fitted.face_weight == pytest.approx(1.0, abs=0.15)
    assert fitted.audio_weight == pytest.approx(1.0, abs=0.15)
    assert 0.5 < fitted.agreement_slope < 2.0


def test_too_little_to_fit_on_is_refused() -> None:
    labels = np.zeros(100, np.int64)
    uniform = np.full((100, 7), 1 / 7)
    with pytest.raises(FusionError, match='too few'):
        fit(uniform, uniform, labels, labels)


def test_the_loss_is_the_negative_log_likelihood() -> None:
    uniform = np.full((3, 7), 1 / 7)
    assert likelihood_loss(uniform, np.array([0, 3, 6])) == pytest.approx(np.log(7))
