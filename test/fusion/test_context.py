from __future__ import annotations

import numpy as np
import pytest
from fusion_arrays import SECOND, sharp

from mer_ros.fusion.context import Context
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import log_floored, softmax
from mer_ros.fusion.trust import expected_share, log_prior

PARAMETERS = FusionParameters(in_order=0.9, baseline_utterances=10.0)


def test_trust_starts_at_its_prior() -> None:
    assert Context().trust(PARAMETERS) == expected_share(log_prior(0.9))


def test_a_voice_that_disagrees_loses_trust_and_one_that_agrees_keeps_it() -> None:
    foreign, own = Context(), Context()
    for count in range(40):
        stamp = count * 3 * SECOND
        foreign.observe(
            'face_1', sharp(0, 0.95), sharp(count % 6 + 1, 0.95), 1.0, stamp, PARAMETERS
        )
        own.observe(
            'face_1', sharp(count % 7, 0.95), sharp(count % 7, 0.95), 1.0, stamp, PARAMETERS
        )
    assert foreign.trust(PARAMETERS) < 0.3
    assert own.trust(PARAMETERS) > 0.9


def test_nothing_is_learned_from_what_is_worthless() -> None:
    context = Context()
    for count in range(40):
        context.observe('face_1', sharp(0), sharp(3), 0.0, count * SECOND, PARAMETERS)
    assert context.trust(PARAMETERS) == pytest.approx(Context().trust(PARAMETERS))
    assert not context.baseline('face_1').any()


def test_a_face_that_always_looks_sad_is_centred_on_its_voice() -> None:
    rng = np.random.default_rng(0)
    context, late = Context(), []
    for count in range(300):
        truth = int(rng.integers(7))
        voice = np.asarray(sharp(truth, 0.8), np.float64)
        biased = log_floored(sharp(truth, 0.6))
        biased[4] += 2.0
        face = softmax(biased + context.baseline('face_1'))
        context.observe('face_1', face, voice, 1.0, count * SECOND, PARAMETERS)
        if count >= 200:
            late.append(face)
    assert abs(np.mean(late, axis=0)[4] - 1 / 7) < 0.06
    assert context.baseline('face_1')[4] < -1.0


def test_a_face_learns_its_own_baseline_quicker_than_that_of_all_faces() -> None:
    context = Context()
    context.observe('face_1', sharp(4), sharp(0), 1.0, 0, PARAMETERS)
    common, both = context.baseline('face_2'), context.baseline('face_1')
    own = both - common
    assert np.abs(own).max() > 1.5 * np.abs(common).max() > 0.0


def test_no_baseline_is_learned_where_none_was_fitted() -> None:
    context = Context()
    plain = FusionParameters()
    for count in range(40):
        context.observe('face_1', sharp(4), sharp(count % 7), 1.0, count * SECOND, plain)
    assert not context.baseline('face_1').any()


def test_a_face_that_is_gone_is_forgotten_and_the_camera_is_not() -> None:
    context = Context()
    for count in range(20):
        context.observe('face_1', sharp(4), sharp(0), 1.0, count * SECOND, PARAMETERS)
    own = context.baseline('face_1').copy()
    context.forget({'face_2'})
    assert 0.0 < np.abs(context.baseline('face_1')).max() < np.abs(own).max()
    np.testing.assert_array_equal(context.baseline('face_1'), context.baseline('face_2'))
