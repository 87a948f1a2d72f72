from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fusion_arrays import faces, payloads, person, voice
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.fusion.engine import FusionEngine
from mer_ros.fusion.parameters import FusionParameters, ParameterTable
from mer_ros.fusion.patience import LEAST_IDLE_S, LONGEST_IDLE_S, SLACK_S, STAMPS_PER_S, Patience
from mer_ros.fusion.sequencing import Sequencer
from mer_ros.fusion.settings import FusionSettings

HOLD_S = 0.3
NS = 10**9

Event = tuple[float, int, Any]


def recording(late_s: float, seconds: float = 8.0) -> list[Event]:
    """Return (time in the bag, 0 face or 1 audio, array); the voice's results come late."""
    rng = np.random.default_rng(5)
    events: list[Event] = []
    for frame in range(round(seconds * 20)):
        seen = person('face_1', rng.dirichlet(np.ones(7)).astype(np.float32), 0.8, 0.9)
        events.append((frame / 20 + 0.03, 0, faces(frame / 20, seen)))
    for hop in range(1, round(2 * (seconds - late_s))):
        heard = voice(hop / 2, rng.dirichlet(np.ones(7)).astype(np.float32))
        events.append((hop / 2 + late_s, 1, heard))
    return sorted(events, key=lambda event: event[:2])


def replay(
    events: list[Event], speed: float, jitter: list[float] | None = None, pause_s: float = 0.0
) -> list[Any]:
    """Return what is fused, and when: (real seconds, result)."""
    engine = FusionEngine(FusionSettings(), ParameterTable.single(FusionParameters()))
    target, patience = Sequencer(engine, HOLD_S), Patience()
    fused: list[Any] = []
    latest = [0.0, 0.0]
    arrivals = []
    for index, (at_s, kind, array) in enumerate(events):
        due = at_s / speed + (jitter[index % len(jitter)] if jitter else 0.0)
        due += pause_s if at_s > 4.0 else 0.0
        latest[kind] = max(latest[kind], due)  # a stream keeps its own order
        arrivals.append((latest[kind], kind, array))

    def wait(until: float) -> None:
        now = arrivals[0][0] if not fused else fused[-1][0]
        while True:
            deadline = target.deadline()
            if deadline is None:
                return
            now = max(now, now + patience.until_s(deadline, now))
            if now >= until:
                return
            for each in target.poll(patience.read(now) + 1e-9):
                fused.append((now, each))

    for now, kind, array in sorted(arrivals, key=lambda event: event[:2]):
        wait(now)
        time_s = patience.tick('fa'[kind], array.stamp_ns, now, True)
        push = target.push_audio if kind else target.push_face
        fused += [(now, each) for each in push(array, time_s)]
    wait(1e9)
    return fused


def results(fused: list[Any]) -> list[Any]:
    return payloads([each for _, each in fused])


jitters = st.lists(st.floats(0.0, 0.02), min_size=1, max_size=7)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([0.05, 0.3, 1.0, 3.0, 10.0]), st.sampled_from([0.1, 0.6, 1.2]), jitters)
def test_voices_that_came_late_when_recorded_go_with_the_same_faces_at_any_speed(
    speed: float, late_s: float, jitter: list[float]
) -> None:
    events = recording(late_s)
    assert results(replay(events, speed, jitter)) == results(replay(events, 1.0))


def test_what_is_held_when_a_replay_ends_is_published() -> None:
    events = recording(1.2)
    fused = replay(events, 1.0)
    assert sum(kind == 0 for _, kind, _ in events) == len(fused)
    assert fused[-1][0] <= events[-1][0] + LEAST_IDLE_S + HOLD_S + 0.01


def test_a_voice_that_stops_holds_the_faces_once() -> None:
    events = [each for each in recording(0.1) if each[1] == 0 or each[0] < 3.0]
    late = {each.stamp_ns: at_s - each.stamp_ns / NS for at_s, each in replay(events, 1.0)}
    longest_s = HOLD_S * STAMPS_PER_S
    assert longest_s - 0.1 <= max(late.values()) <= longest_s + 0.1
    gone = [stamp for stamp, each in late.items() if each > 0.1 and stamp > 2 * NS]
    assert max(gone) - min(gone) <= longest_s * NS


def test_live_time_is_real_time() -> None:
    patience = Patience()
    assert patience.tick('a', 5 * NS, 100.0, False) == 0.0
    assert patience.tick('a', 90 * NS, 100.25, False) == pytest.approx(0.25)
    assert patience.read(100.5) == pytest.approx(0.5)
    assert patience.until_s(0.75, 100.5) == pytest.approx(0.25)


def test_replayed_time_is_that_of_the_stamps_and_no_faster_than_real_time() -> None:
    slow, quick = Patience(), Patience()
    for index in range(101):
        slow.tick('a', index * NS // 10, index * 0.1, True)
        quick.tick('a', index * NS // 10, index * 0.001, True)
    assert slow.read(10.0) == pytest.approx(10.0 / STAMPS_PER_S, abs=0.05)
    assert quick.read(0.1) == pytest.approx(0.1, abs=0.01)


def test_bursts_cost_no_time() -> None:
    patience = Patience()
    for index in range(400):
        patience.tick('a', index * NS // 20, (index // 8) * 0.4, True)
    assert patience.read(20.0) == pytest.approx(20.0 / STAMPS_PER_S, abs=0.2)


def test_a_pause_does_not_make_time_fly_afterwards() -> None:
    patience = Patience()
    for index in range(10):
        patience.tick('a', index * NS // 10, index * 0.1, True)
    before = patience.tick('a', NS, 60.0, True)
    for index in range(1, 101):
        patience.tick('a', NS + index * NS // 10, 60.0 + index * 0.001, True)
    assert patience.read(60.1) - before <= SLACK_S + 0.11


def test_time_goes_forward_whatever_the_stamps_and_the_clock_do() -> None:
    rng = np.random.default_rng(2)
    patience, now, last = Patience(), 0.0, 0.0
    for _ in range(2000):
        now += float(rng.exponential(0.2))
        stamp_ns = int(rng.integers(0, 30 * NS))
        stream, replayed = 'ab'[int(rng.integers(2))], bool(rng.integers(4))
        for value in (patience.read(now), patience.tick(stream, stamp_ns, now, replayed)):
            assert value >= last
            last = value


@pytest.mark.parametrize('leap_s', [0, 100])
def test_stamps_that_lead_nowhere_do_not_make_time_stand_still(leap_s: int) -> None:
    patience = Patience()
    for index in range(100):
        patience.tick('a', (index % 2) * leap_s * NS, index * 0.1, True)
    assert patience.read(9.9) >= 9.9 - LONGEST_IDLE_S


def test_a_sparse_replay_is_not_taken_for_one_that_has_ended() -> None:
    patience = Patience()
    for index in range(5):
        patience.tick('a', index * NS, index * 2.0, True)
    assert patience.until_s(patience.read(8.0) + 0.1, 8.0) == pytest.approx(4.1)
    for index in range(5):
        patience.tick('a', (5 + index) * NS, 8.0 + index * 60.0, True)
    assert patience.until_s(patience.read(248.0) + 0.1, 248.0) == pytest.approx(
        LONGEST_IDLE_S + 0.1
    )
