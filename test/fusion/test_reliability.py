from __future__ import annotations

import numpy as np
import pytest
from fusion_arrays import sharp
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.emotions import Emotion
from mer_ros.fusion.reliability import (
    belonging,
    decay,
    doubted,
    gated,
    kernel,
    log_agreement,
)

UNIFORM = np.full(7, 1 / 7)
ANGER, FEAR, JOY = sharp(Emotion.ANGER), sharp(Emotion.FEAR), sharp(Emotion.HAPPINESS)


def test_evidence_halves_with_every_half_life() -> None:
    assert decay(0.0, 2.0) == 1.0
    assert decay(2.0, 2.0) == 0.5
    assert decay(6.0, 2.0) == 0.125
    assert decay(-1.0, 2.0) == 1.0


def test_near_emotions_are_more_alike_than_far_ones() -> None:
    similar = kernel(0.4)
    np.testing.assert_array_equal(similar, similar.T)
    np.testing.assert_array_equal(np.diag(similar), 1.0)
    assert similar[Emotion.ANGER, Emotion.FEAR] > similar[Emotion.ANGER, Emotion.HAPPINESS]
    np.testing.assert_array_equal(kernel(0.0), np.eye(7))


def test_the_same_emotion_agrees_and_another_does_not() -> None:
    for width in (0.0, 0.3):
        same = float(log_agreement(ANGER, ANGER, UNIFORM, width))
        near = float(log_agreement(ANGER, FEAR, UNIFORM, width))
        far = float(log_agreement(ANGER, JOY, UNIFORM, width))
        assert same > 0.0 > far
        assert same > near >= far
    assert log_agreement(ANGER, UNIFORM, UNIFORM, 0.0) == pytest.approx(0.0, abs=1e-6)


def test_agreement_is_symmetric() -> None:
    one = log_agreement(ANGER, JOY, UNIFORM, 0.3)
    assert one == pytest.approx(log_agreement(JOY, ANGER, UNIFORM, 0.3))


@given(st.floats(0.02, 0.98), st.floats(-3.0, 3.0))
def test_agreement_raises_and_disagreement_lowers_the_trust(trust: float, agreement: float) -> None:
    after = float(belonging(trust, agreement))
    assert 0.0 < after < 1.0
    assert (after - trust) * agreement >= -1e-9


def test_bayes_rule_is_what_belonging_does() -> None:
    assert float(belonging(0.5, np.log(3.0))) == pytest.approx(0.75)


@given(st.floats(0.0, 1.0))
def test_doubt_mixes_with_the_prior(doubt: float) -> None:
    mixed = doubted(ANGER, UNIFORM, doubt)
    assert mixed.sum() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(mixed, (1 - doubt) * ANGER + doubt * UNIFORM, atol=1e-7)


def test_a_worthless_witness_says_nothing_about_the_other() -> None:
    assert gated(0.8, 0.0, 0.1) == 0.8
    assert gated(0.8, 1.0, 0.25) == pytest.approx(0.2)
