from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mer_ros.fusion.combination import Statement, calibrated, combine
from mer_ros.fusion.context import UTTERANCE_S, Context
from mer_ros.fusion.fitting import swapped
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import posterior
from mer_ros.fusion.recording import (
    RecordingContext,
    agreement_of,
    fuse_recording,
    learn_baselines,
    learn_context,
    learn_trust,
    no_context,
    running_context,
)

PRIOR = (0.13, 0.13, 0.13, 0.13, 0.13, 0.13, 0.22)
PARAMETERS = FusionParameters(
    face_temperature=1.5,
    audio_temperature=2.0,
    face_weight=0.9,
    audio_weight=0.8,
    face_prior=PRIOR,
    audio_prior=PRIOR,
    prior=PRIOR,
    baseline_utterances=20.0,
)


def clips(count: int = 400, bias: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return calibrated faces and voices, independent given the labels; and the labels."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 7, count)

    def said(skill: float) -> np.ndarray:
        logits = rng.normal(0.0, 1.0, (count, 7))
        logits[np.arange(count), labels] += skill
        return np.asarray(skill * logits)

    face = said(1.3)
    face[:, 4] += bias
    tables = [np.exp(logits) for logits in (face, said(1.6))]
    return (*(table / table.sum(axis=1, keepdims=True) for table in tables), labels)


def test_a_recording_is_fused_as_the_engine_fuses_single_clips() -> None:
    face, audio, _ = clips(50)
    baselines = np.random.default_rng(2).normal(0.0, 0.3, face.shape)
    table = fuse_recording(face, audio, PARAMETERS, RecordingContext(0.7, baselines))
    for row in range(50):
        one = combine(
            calibrated(Statement(0, face[row], 1.0), 1.5, baselines[row]),
            calibrated(Statement(0, audio[row], 1.0), 2.0, np.zeros(7)),
            PARAMETERS,
            0.7,
        )
        expected = posterior(one.log_evidence, PARAMETERS.prior_array())
        np.testing.assert_allclose(table[row], expected, rtol=1e-9)


@pytest.mark.parametrize('share', [0.0, 0.5, 1.0])
def test_the_share_of_foreign_voices_is_found_without_being_told(share: float) -> None:
    face, audio, _ = clips()
    plain = replace(
        PARAMETERS, face_temperature=1.0, audio_temperature=1.0, baseline_utterances=0.0
    )
    foreign = audio[swapped(len(audio), share, 5)]
    trust = learn_context(face, foreign, np.zeros(len(face), np.int64), plain).trust
    assert trust == pytest.approx(1.0 - share, abs=0.15)


def test_a_bias_of_the_faces_is_learned_from_the_voices() -> None:
    face, audio, labels = clips(bias=2.0)
    subjects = np.arange(len(labels)) % 4
    learned = learn_context(face, audio, subjects, PARAMETERS)
    assert learned.baselines[:, 4].mean() < -0.5
    before = fuse_recording(face, audio, PARAMETERS, no_context(len(face), PARAMETERS))
    after = fuse_recording(face, audio, PARAMETERS, learned)
    assert np.mean(after.argmax(1) == labels) > np.mean(before.argmax(1) == labels)


def test_trust_is_shared_by_the_parts_of_a_recording() -> None:
    face, audio, _ = clips()
    zeros = learn_baselines(
        face, audio, np.zeros(len(face), np.int64), replace(PARAMETERS, baseline_utterances=0.0)
    )
    assert not zeros.any()
    agreement = agreement_of(face, audio, PARAMETERS, zeros)
    whole = learn_trust([agreement], [PARAMETERS])
    halves = learn_trust([agreement[:100], agreement[100:]], [PARAMETERS] * 2)
    assert halves == pytest.approx(whole)


def test_the_running_context_ends_near_that_of_the_recording() -> None:
    face, audio, _ = clips(bias=2.0)
    foreign = audio[swapped(len(audio), 0.5, 5)]
    nobody = np.zeros(len(face), np.int64)
    whole = learn_context(face, foreign, nobody, PARAMETERS)
    fitted, order = [PARAMETERS] * len(face), np.arange(len(face))
    running = running_context(face, foreign, nobody, fitted, order)
    assert running.trust[0] == no_context(1, PARAMETERS).trust
    assert not running.baselines[0].any()
    assert running.trust[-1] == pytest.approx(whole.trust, abs=0.2)
    assert running.baselines[-100:, 4].mean() < -0.5


def test_the_running_context_is_that_of_a_node_which_meets_one_person_after_another() -> None:
    face, audio, _ = clips(60, bias=2.0)
    subjects = np.arange(60) // 20
    order = np.random.default_rng(3).permutation(60)
    order = np.concatenate([order[subjects[order] == person] for person in (2, 0, 1)])
    running = running_context(face, audio, subjects, [PARAMETERS] * 60, order)
    context = Context()
    for place, row in enumerate(order):
        name = f'face_{subjects[row]}'
        assert running.trust[row] == pytest.approx(context.trust(PARAMETERS))
        np.testing.assert_allclose(running.baselines[row], context.baseline(name), atol=1e-12)
        said = calibrated(Statement(0, face[row], 1.0), 1.5, context.baseline(name))
        voice = calibrated(Statement(0, audio[row], 1.0), 2.0, np.zeros(7))
        stamp_ns = round(place * UTTERANCE_S * 1e9)
        context.observe(name, said.probabilities, voice.probabilities, 1.0, stamp_ns, PARAMETERS)
    first = next(row for row in order if subjects[row] == 0)
    assert np.abs(running.baselines[first]).max() > 0.0  # what all share goes on
