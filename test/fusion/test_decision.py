from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mer_ros.emotions import UNKNOWN, Emotion
from mer_ros.fusion.decision import CHANCE, Decision, SubjectState, threshold
from mer_ros.fusion.settings import FusionSettings

PRIOR = np.full(7, 1 / 7)
SECOND = 1_000_000_000
ANGER, JOY = int(Emotion.ANGER), int(Emotion.HAPPINESS)


def speaking_for(label: int, strength: float = 3.0) -> NDArray[np.float64]:
    table = np.zeros(7)
    table[label] = strength
    return table


def run(
    settings: FusionSettings, signal: list[tuple[float, int]], rate: float, until: float
) -> list[tuple[float, Decision]]:
    """Feed a step signal [(from second, label)] at a rate."""
    state = SubjectState(settings)
    found = []
    for frame in range(round(until * rate)):
        seconds = frame / rate
        label = [what for start, what in signal if start <= seconds + 1e-9][-1]
        decision = state.update(speaking_for(label), 1.0, round(seconds * SECOND), PRIOR)
        found.append((seconds, decision))
    return found


def change(found: list[tuple[float, Decision]], label: int) -> float:
    return next(seconds for seconds, decision in found if decision.label == label)


def test_a_step_is_decided_at_the_same_time_at_any_frame_rate() -> None:
    signal = [(0.0, JOY), (2.0, ANGER)]
    moments = [change(run(FusionSettings(), signal, rate, 4.0), ANGER) for rate in (10, 15, 30, 60)]
    assert max(moments) - min(moments) <= 0.1
    assert 2.0 < moments[-1] < 2.6


def test_smoothing_over_irregular_stamps_is_exact() -> None:
    settings = FusionSettings()
    coarse, fine = SubjectState(settings), SubjectState(settings)
    for state in (coarse, fine):
        state.update(speaking_for(JOY), 1.0, 0, PRIOR)
    one = coarse.update(speaking_for(ANGER), 1.0, SECOND, PRIOR)
    for part in (1, 5, 6, 7, 10):
        many = fine.update(speaking_for(ANGER), 1.0, part * SECOND // 10, PRIOR)
    np.testing.assert_allclose(many.probabilities, one.probabilities, rtol=1e-12)


@given(st.lists(st.floats(0.01, 5.0), min_size=1, max_size=20), st.integers(0, 6))
def test_probabilities_sum_to_one_and_confidence_is_the_labels(
    steps: list[float], label: int
) -> None:
    state = SubjectState(FusionSettings())
    stamp = 0
    for index, step in enumerate(steps):
        stamp += round(step * SECOND)
        told = state.update(speaking_for((label + index) % 7), 0.7, stamp, PRIOR)
        assert told.probabilities.sum() == pytest.approx(1.0)
        assert told.confidence == told.probabilities[told.label]
        assert told.since_ns <= stamp


def test_a_single_contrary_frame_does_not_flip_the_label() -> None:
    state = SubjectState(FusionSettings())
    labels = []
    for frame in range(60):
        said = ANGER if frame == 40 else JOY
        labels.append(state.update(speaking_for(said), 1.0, frame * SECOND // 30, PRIOR).label)
    assert set(labels) == {JOY}


def test_two_near_labels_do_not_flicker() -> None:
    rng = np.random.default_rng(0)
    state, plain = SubjectState(FusionSettings()), []
    labels = []
    for frame in range(300):
        table = np.zeros(7)
        table[[JOY, ANGER]] = rng.normal(1.0, 1.0, 2)
        plain.append(int(table.argmax()))
        labels.append(state.update(table, 1.0, frame * SECOND // 30, PRIOR).label)

    def flips(row: list[int]) -> int:
        return int(np.count_nonzero(np.diff(row)))

    assert flips(labels) < 0.1 * flips(plain)


def test_a_label_is_held_for_the_dwell() -> None:
    settings = FusionSettings(smoothing_s=0.0, dwell_s=1.0)
    found = run(settings, [(0.0, JOY), (0.2, ANGER)], 20, 3.0)
    assert change(found, ANGER) == pytest.approx(1.0)


def test_label_since_is_the_stamp_of_the_decision() -> None:
    found = run(FusionSettings(), [(0.0, JOY), (2.0, ANGER)], 30, 4.0)
    moment = change(found, ANGER)
    assert found[0][1].since_ns == 0
    assert found[-1][1].since_ns == round(moment * SECOND)


def test_without_any_evidence_the_label_is_unknown_at_once() -> None:
    state = SubjectState(FusionSettings())
    state.update(speaking_for(JOY), 1.0, 0, PRIOR)
    told = state.update(np.zeros(7), 0.0, SECOND // 30, PRIOR)
    assert told.label == UNKNOWN
    assert told.confidence == 0.0
    np.testing.assert_array_equal(told.probabilities, PRIOR)


def test_thresholds_follow_the_reliability_towards_chance() -> None:
    assert threshold(0.5, 1.0, 1.0) == 0.5
    assert threshold(0.5, 0.0, 1.0) == pytest.approx(CHANCE)
    assert threshold(0.5, 0.0, 0.0) == 0.5
    assert CHANCE < threshold(0.5, 0.5, 1.0) < 0.5


def test_a_dim_face_can_still_change_its_label() -> None:
    state = SubjectState(FusionSettings())
    for frame in range(90):
        said = speaking_for(JOY if frame < 45 else ANGER, 0.6)
        told = state.update(said, 0.2, frame * SECOND // 30, PRIOR)
    assert told.label == ANGER


def test_the_neutral_bias_is_one_logit() -> None:
    told = [
        SubjectState(FusionSettings(neutral_bias=bias)).update(speaking_for(JOY), 1.0, 0, PRIOR)
        for bias in (0.0, -1.0)
    ]
    ratio = [item.probabilities[Emotion.NEUTRAL] / item.probabilities[JOY] for item in told]
    assert ratio[1] == pytest.approx(ratio[0] * np.exp(-1.0))


def test_stamps_that_do_not_move_on_change_nothing() -> None:
    state = SubjectState(FusionSettings())
    first = state.update(speaking_for(JOY), 1.0, SECOND, PRIOR)
    again = state.update(speaking_for(ANGER), 1.0, SECOND, PRIOR)
    np.testing.assert_array_equal(first.probabilities, again.probabilities)


@pytest.mark.parametrize('stamp_s', [9.0, 13.1, 1000.0])
def test_an_older_stamp_or_one_after_a_long_silence_starts_anew(stamp_s: float) -> None:
    settings = FusionSettings()
    state = SubjectState(settings)
    state.update(speaking_for(ANGER), 1.0, 10 * SECOND, PRIOR)
    stamp_ns = round(stamp_s * SECOND)
    later = state.update(speaking_for(JOY), 1.0, stamp_ns, PRIOR)
    fresh = SubjectState(settings).update(speaking_for(JOY), 1.0, stamp_ns, PRIOR)
    assert (later.label, later.since_ns) == (fresh.label, fresh.since_ns) == (JOY, stamp_ns)
    np.testing.assert_array_equal(later.probabilities, fresh.probabilities)
