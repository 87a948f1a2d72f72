from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mer_ros.estimates import Estimate, EstimateArray, Modality
from mer_ros.fusion.combination import Statement, check_array, combine
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import posterior

Line = NDArray[np.float64]

units = st.floats(0.0, 1.0)


def _drawn(seed: int, concentration: float) -> Line:
    return np.random.default_rng(seed).dirichlet(np.full(7, concentration))


def distributions() -> st.SearchStrategy[Line]:
    """Return flat, ordinary and all but certain distributions."""
    return st.builds(_drawn, st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.5, 10.0]))


def statements(reliability: st.SearchStrategy[float] = units) -> st.SearchStrategy[Statement]:
    return st.builds(Statement, st.just(0), distributions(), reliability)


def priors() -> st.SearchStrategy[tuple[float, ...]]:
    return st.integers(0, 2**32 - 1).map(lambda seed: tuple(_drawn(seed, 10.0).tolist()))


def parameters() -> st.SearchStrategy[FusionParameters]:
    weights = st.floats(0.0, 2.0)
    return st.builds(
        FusionParameters,
        face_weight=weights,
        audio_weight=weights,
        face_prior=priors(),
        audio_prior=priors(),
        prior=priors(),
        kernel_width=st.sampled_from([0.0, 0.3]),
        agreement_slope=weights,
        agreement_bias=st.floats(-1.0, 1.0),
    )


@given(statements(), statements(), parameters(), units)
def test_the_posterior_sums_to_one_and_the_record_is_within_its_ranges(
    face: Statement, audio: Statement, fitted: FusionParameters, trust: float
) -> None:
    both = combine(face, audio, fitted, trust)
    assert posterior(both.log_evidence, fitted.prior_array()).sum() == pytest.approx(1.0)
    assert 0.0 <= both.reliability <= 1.0
    assert all(0.0 <= item.reliability <= 1.0 for item in both.record)
    shares = sum(item.weight for item in both.record)
    assert shares == 0.0 or shares == pytest.approx(1.0, abs=1e-6)


@given(statements(), statements(), parameters(), units, st.floats(0.05, 2.0))
def test_the_similarity_kernel_never_touches_the_posterior(
    face: Statement, audio: Statement, fitted: FusionParameters, trust: float, width: float
) -> None:
    sharp, blurred = (
        combine(face, audio, replace(fitted, kernel_width=each), trust) for each in (0.0, width)
    )
    np.testing.assert_array_equal(sharp.log_evidence, blurred.log_evidence)


@given(statements(), statements(st.just(0.0)), parameters(), units)
def test_a_worthless_modality_leaves_exactly_what_the_other_gives_alone_whatever_the_trust(
    good: Statement, worthless: Statement, fitted: FusionParameters, trust: float
) -> None:
    np.testing.assert_array_equal(
        combine(good, worthless, fitted, trust).log_evidence,
        combine(good, None, fitted, trust).log_evidence,
    )
    np.testing.assert_array_equal(
        combine(worthless, good, fitted, trust).log_evidence,
        combine(None, good, fitted, trust).log_evidence,
    )


@pytest.mark.parametrize('label', [7, 254, -1])
def test_a_label_that_is_none_is_refused(label: int) -> None:
    face = Estimate('face_1', label, np.full(7, 1 / 7, np.float32), 0.5, 0.5)
    array = EstimateArray(0, '', Modality.FACE, (), 0, 640, 480, (face,), 0.0)
    with pytest.raises(FusionError, match=f'label {label} is none'):
        check_array(array)


@given(statements(st.just(0.0)), statements(st.just(0.0)), parameters(), units)
def test_two_worthless_modalities_leave_the_prior_and_no_reliability(
    face: Statement, audio: Statement, fitted: FusionParameters, trust: float
) -> None:
    nothing = combine(face, audio, fitted, trust)
    assert nothing.reliability == 0.0
    assert not nothing.log_evidence.any()


@given(statements(st.just(1.0)), distributions(), parameters())
def test_a_voice_that_surely_is_not_this_faces_says_nothing_of_it(
    face: Statement, voice: Line, fitted: FusionParameters
) -> None:
    other = Statement(0, np.asarray(fitted.audio_prior), 1.0)
    np.testing.assert_allclose(
        combine(face, Statement(0, voice, 1.0), fitted, 0.0).log_evidence,
        combine(face, other, fitted, 1.0).log_evidence,
        atol=1e-9,
    )
