from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.fusion.trust import SHARES, expected_share, log_likelihood, log_prior


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
