from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.pooling import (
    FLOOR,
    Opinion,
    evidence,
    pool,
    posterior,
    shares,
    temper,
    weights,
)

UNIFORM = np.full(7, 1 / 7)


def _drawn(seed: int, concentration: float) -> NDArray[np.float64]:
    return np.random.default_rng(seed).dirichlet(np.full(7, concentration))


def distributions() -> st.SearchStrategy[NDArray[np.float64]]:
    """Return flat, ordinary and all but certain distributions, zeros included."""
    return st.builds(_drawn, st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.5, 10.0]))


units = st.floats(0.0, 1.0)


def opinions() -> st.SearchStrategy[Opinion]:
    return st.builds(Opinion, distributions(), units, st.floats(0.0, 3.0), distributions())


@given(st.lists(opinions(), max_size=3), distributions())
def test_probabilities_sum_to_one(
    given_opinions: list[Opinion], prior: NDArray[np.float64]
) -> None:
    pooled = pool(given_opinions, prior)
    assert pooled.shape == (7,)
    assert np.all(pooled >= 0.0)
    assert pooled.sum() == pytest.approx(1.0, abs=1e-12)


@given(opinions(), opinions(), distributions())
def test_reliability_zero_gives_exactly_what_the_other_gives_alone(
    one: Opinion, other: Opinion, prior: NDArray[np.float64]
) -> None:
    worthless = Opinion(other.probabilities, 0.0, other.weight, other.prior)
    assert np.array_equal(pool([one, worthless], prior), pool([one], prior))
    assert np.array_equal(pool([worthless, one], prior), pool([one], prior))


@given(distributions(), distributions(), st.floats(0.0, 3.0))
def test_alone_and_fully_reliable_a_modality_gives_its_calibrated_probabilities(
    table: NDArray[np.float64], prior: NDArray[np.float64], weight: float
) -> None:
    pooled = pool([Opinion(table, 1.0, weight, prior)], prior)
    floored = np.maximum(table, FLOOR)
    np.testing.assert_allclose(pooled, floored / floored.sum(), rtol=1e-9)


@given(distributions(), distributions())
def test_alone_it_goes_to_the_prior_as_its_reliability_falls(
    table: NDArray[np.float64], prior: NDArray[np.float64]
) -> None:
    def divergence(reliability: float) -> float:
        pooled = pool([Opinion(table, reliability, 1.0, UNIFORM)], prior)
        floored = np.maximum(prior, FLOOR)
        return float(np.sum(pooled * np.log(pooled / (floored / floored.sum()))))

    distances = [divergence(reliability) for reliability in (1.0, 0.7, 0.4, 0.1, 0.0)]
    assert all(far >= near - 1e-9 for far, near in pairwise(distances))
    assert distances[-1] == pytest.approx(0.0, abs=1e-9)


@given(st.lists(opinions(), min_size=2, max_size=4), distributions())
def test_permuting_the_modalities_changes_no_bit(
    given_opinions: list[Opinion], prior: NDArray[np.float64]
) -> None:
    results = {pool(list(order), prior).tobytes() for order in permutations(given_opinions)}
    assert len(results) == 1


@given(distributions(), distributions(), st.floats(0.0, 3.0))
def test_the_weight_in_company_comes_in_continuously(
    table: NDArray[np.float64], other: NDArray[np.float64], weight: float
) -> None:
    one = Opinion(table, 1.0, weight, UNIFORM)

    def exponent(company: float) -> float:
        return weights([one, Opinion(other, company, 1.0, UNIFORM)])[0]

    assert exponent(0.0) == 1.0
    assert exponent(1.0) == pytest.approx(weight)
    assert exponent(0.25) == pytest.approx(1.0 + 0.25 * (weight - 1.0))


@given(st.lists(opinions(), max_size=3))
def test_shares_sum_to_one_or_are_all_zero(given_opinions: list[Opinion]) -> None:
    total = sum(shares(given_opinions))
    assert total == 0.0 or total == pytest.approx(1.0)


def test_no_expert_has_a_veto() -> None:
    never = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    often = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    pooled = pool([Opinion(never, 0.5, 1.0, UNIFORM), Opinion(often, 1.0, 1.0, UNIFORM)], UNIFORM)
    assert np.all(np.isfinite(pooled))
    assert pooled.argmax() == 0


def test_agreeing_experts_are_surer_than_each() -> None:
    table = np.array([0.5, 0.3, 0.1, 0.025, 0.025, 0.025, 0.025])
    pooled = pool([Opinion(table, 1.0, 1.0, UNIFORM)] * 2, UNIFORM)
    assert pooled[0] > 0.6


@given(distributions(), st.floats(0.2, 5.0))
def test_a_temperature_keeps_the_order(table: NDArray[np.float64], temperature: float) -> None:
    cooled = temper(table, temperature)
    assert cooled.sum() == pytest.approx(1.0)
    assert cooled[table.argmax()] == pytest.approx(cooled.max())


def test_no_evidence_is_the_prior() -> None:
    prior = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4])
    np.testing.assert_allclose(posterior(evidence([]), prior), prior)


@pytest.mark.parametrize(
    'opinion',
    [
        Opinion(UNIFORM, 1.5, 1.0, UNIFORM),
        Opinion(UNIFORM, -0.1, 1.0, UNIFORM),
        Opinion(UNIFORM, float('nan'), 1.0, UNIFORM),
        Opinion(np.full(7, np.nan), 1.0, 1.0, UNIFORM),
        Opinion(np.full(8, 1 / 8), 1.0, 1.0, UNIFORM),
    ],
)
def test_what_no_modality_may_say_is_refused(opinion: Opinion) -> None:
    with pytest.raises(FusionError):
        evidence([opinion])
