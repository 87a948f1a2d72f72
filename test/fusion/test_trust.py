from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.fusion.trust import (
    CHANGE_S,
    SHARES,
    aged,
    expected_share,
    log_likelihood,
    log_prior,
)


def test_the_prior_is_a_distribution_over_the_shares() -> None:
    for in_order in (0.1, 0.7, 0.99):
        assert np.exp(log_prior(in_order)).sum() == pytest.approx(1.0)


def test_before_anything_was_heard_the_trust_follows_the_prior() -> None:
    low, high = (expected_share(log_prior(in_order)) for in_order in (0.2, 0.9))
    assert 0.5 < low < high < 1.0


@pytest.mark.parametrize('share', [0.1, 0.5, 0.9])
def test_a_share_of_own_voices_is_found_whatever_was_expected(share: float) -> None:
    rng = np.random.default_rng(0)
    own = rng.random(2000) < share
    said = np.where(own, rng.normal(2.0, 2.0, 2000), rng.normal(-2.0, 2.0, 2000))
    heard = log_likelihood(said).sum(axis=0)  # the log Bayes factor of the two normals is said
    for in_order in (0.1, 0.9):
        assert expected_share(log_prior(in_order) + heard) == pytest.approx(share, abs=0.05)


def test_one_utterance_moves_the_mean_as_bayes_rule_says() -> None:
    flat = np.zeros(SHARES.size)
    after = expected_share(flat + log_likelihood(np.log(3.0)))
    likelihood = 3.0 * SHARES + 1.0 - SHARES
    assert after == pytest.approx(float((SHARES * likelihood).sum() / likelihood.sum()))


@given(st.floats(-1e6, 1e6), st.floats(0.01, 0.99))
def test_agreement_raises_and_disagreement_lowers_the_trust(said: float, in_order: float) -> None:
    before = expected_share(log_prior(in_order))
    after = expected_share(log_prior(in_order) + log_likelihood(said))
    assert 0.0 < after < 1.0
    assert (after - before) * np.sign(said) >= -1e-9


def test_utterances_that_say_nothing_change_nothing() -> None:
    np.testing.assert_allclose(log_likelihood(np.zeros(3)), 0.0, atol=1e-12)


def trust_after(said: list[float], in_order: float = 0.7, every_s: float = 3.0) -> float:
    """Return the trust after utterances with these log Bayes factors."""
    heard = np.zeros(SHARES.size)
    for factor in said:
        heard = aged(heard, in_order, every_s) + log_likelihood(factor)
    return expected_share(log_prior(in_order) + heard)


def test_hours_of_good_voices_do_not_hold_the_trust_up_when_they_turn_bad() -> None:
    assert trust_after([2.0] * 1000) > 0.95
    assert trust_after([2.0] * 1000 + [-2.0] * 15) < 0.5


def test_trust_comes_back_after_hours_of_bad_voices() -> None:
    assert trust_after([-2.0] * 1000) < 0.05
    assert trust_after([-2.0] * 1000 + [2.0] * 30) > 0.9


def test_a_lone_contradiction_does_not_shake_a_recording_that_is_in_order() -> None:
    assert trust_after([2.0] * 100 + [-3.0]) > 0.93


def test_nothing_is_forgotten_in_no_time_and_everything_in_a_week() -> None:
    heard = log_likelihood([-1.0] * 20).sum(axis=0)
    np.testing.assert_array_equal(aged(heard, 0.7, 0.0), heard)
    np.testing.assert_allclose(aged(heard, 0.7, 60 * CHANGE_S), 0.0, atol=1e-9)


@given(st.floats(0.0, 1e6), st.floats(0.01, 0.99), st.lists(st.floats(-40.0, 40.0), max_size=30))
def test_with_time_the_trust_only_goes_back_towards_what_was_expected(
    elapsed_s: float, in_order: float, said: list[float]
) -> None:
    prior = log_prior(in_order)
    heard = log_likelihood(np.array(said)).sum(axis=0)
    expected, before = expected_share(prior), expected_share(prior + heard)
    after = expected_share(prior + aged(heard, in_order, elapsed_s))
    assert min(before, expected) - 1e-9 <= after <= max(before, expected) + 1e-9


@given(st.floats(-500.0, 500.0), st.floats(0.0, 1e5))
def test_a_constant_in_the_log_likelihood_means_nothing(constant: float, elapsed_s: float) -> None:
    heard = log_likelihood([-1.0, 2.0, 0.5]).sum(axis=0)
    one, other = (
        expected_share(log_prior(0.7) + aged(each, 0.7, elapsed_s))
        for each in (heard, heard + constant)
    )
    assert one == pytest.approx(other)
