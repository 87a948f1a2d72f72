from __future__ import annotations

import math

import pytest

from mer_ros.ros.counters import GOES_ON_S, GOOD_AGAIN_S, Announcements, Faults, Quantiles, Rate
from mer_ros.ros.pacing import Pacer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, message: str) -> bool:
        self.lines.append(message)
        return True

    def info(self, message: str) -> bool:
        return True


def test_a_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    rate = Rate(clock)
    for _ in range(300):
        clock.now += 1 / 30
        rate.tick()
    assert rate.hz() == pytest.approx(30, rel=0.02)
    assert rate.count == 300
    clock.now += 60
    assert rate.hz() == 0
    assert rate.silence_s() == pytest.approx(60)


def test_a_rate_is_right_soon_after_the_start() -> None:
    clock = Clock()
    rate = Rate(clock)
    for _ in range(10):
        clock.now += 0.1
        rate.tick()
    assert rate.hz() == pytest.approx(10)


def test_silence_counts_from_the_start_where_nothing_came() -> None:
    clock = Clock()
    rate = Rate(clock)
    clock.now += 3
    assert rate.silence_s() == 3


def test_quantiles_of_the_last_values() -> None:
    kept = Quantiles(size=100)
    assert all(math.isnan(value) for value in kept.p50_p95())
    for value in range(1000):
        kept.add(value)
    assert kept.p50_p95() == pytest.approx((949.5, 994.05))


def test_quantiles_forget_what_is_long_ago() -> None:
    clock = Clock()
    kept = Quantiles(within_s=10.0, now=clock)
    for _ in range(50):
        kept.add(900.0)
    clock.now += 8.0
    kept.add(0.1)
    assert kept.p50_p95()[0] == 900.0
    clock.now += 5.0
    assert kept.p50_p95() == (0.1, 0.1)
    clock.now += 10.0
    assert math.isnan(kept.p50_p95()[0])


def test_a_fault_is_logged_once_and_counted_always() -> None:
    clock, log = Clock(), Log()
    faults = Faults(log, clock)
    for _ in range(50):
        clock.now += 0.1
        faults.note('wrong_step', 'the step is wrong')
    faults.note('empty_image', 'nothing in it')
    assert len(log.lines) == 2
    assert faults.counts() == {'wrong_step': 50, 'empty_image': 1}
    assert faults.total() == 51


def test_a_fault_is_logged_again_after_a_good_while() -> None:
    clock, log = Clock(), Log()
    faults = Faults(log, clock)
    for _ in range(3):
        faults.note('wrong_step', 'the step is wrong')
        clock.now += 11
    assert len(log.lines) == 3


def test_recent_faults_go_away() -> None:
    clock = Clock()
    faults = Faults(Log(), clock)
    faults.note('first', 'a')
    clock.now += 1
    faults.note('second', 'b')
    assert faults.recent(5) == {'second': 'b', 'first': 'a'}
    clock.now += 4.5
    assert faults.recent(5) == {'second': 'b'}


def stamps(rate: float, count: int, jitter_ns: int = 0) -> list[int]:
    return [round(i * 1e9 / rate) + (jitter_ns if i % 2 else 0) for i in range(count)]


@pytest.mark.parametrize(('source', 'wanted'), [(30, 10), (30, 15), (30, 20), (25, 24), (30, 7)])
def test_a_pacer_keeps_to_the_rate_on_average(source: float, wanted: float) -> None:
    pacer = Pacer()
    passed = sum(pacer.due(stamp, wanted) for stamp in stamps(source, source * 20))
    assert passed == pytest.approx(wanted * 20, rel=0.05)
    assert passed <= wanted * 20 + 1


def test_a_pacer_lets_all_pass_at_the_rate_of_the_source_and_at_zero() -> None:
    for rate in (0.0, 30.0):
        pacer = Pacer()
        assert all(pacer.due(stamp, rate) for stamp in stamps(30, 300, jitter_ns=500_000))


def test_a_pacer_goes_on_after_a_step_back_and_after_a_gap() -> None:
    pacer = Pacer()
    for stamp in stamps(30, 300):
        pacer.due(stamp, 10)
    assert pacer.due(0, 10)
    assert pacer.due(10**12, 10)
    assert not pacer.due(10**12 + 33_000_000, 10)


def test_a_pacer_takes_over_another_rate_at_once() -> None:
    pacer = Pacer()
    assert pacer.due(0, 0.01)
    assert not pacer.due(33_000_000, 0.01)
    assert pacer.due(67_000_000, 10.0)
    assert not pacer.due(100_000_000, 10.0)


def test_what_goes_on_being_wrong_is_logged_once_and_again_after_a_good_while() -> None:
    clock, log = Clock(), Log()
    announcements = Announcements(log, clock)

    def run(seconds: float, wrong: bool) -> None:
        for _ in range(round(seconds)):
            since = clock.now - 100.0
            announcements.tell([f'no image for {since:.1f} s'] if wrong else [])
            clock.now += 1.0

    run(GOES_ON_S - 1.0, True)  # a camera that starts slowly
    run(GOOD_AGAIN_S + 1.0, False)
    assert log.lines == []
    run(30.0, True)
    assert len(log.lines) == 1
    assert log.lines[0].startswith('no image for 26.0 s (logged once')
    run(GOOD_AGAIN_S - 2.0, False)
    run(30.0, True)
    assert len(log.lines) == 1
    run(GOOD_AGAIN_S + 2.0, False)
    run(30.0, True)
    assert len(log.lines) == 2


def test_two_topics_whose_names_differ_by_a_number_are_two_things() -> None:
    clock, log = Clock(), Log()
    announcements = Announcements(log, clock)
    for _ in range(round(GOES_ON_S) + 1):
        silence = clock.now - 100.0
        announcements.tell(f'no image on /camera_{n} for {silence:.1f} s' for n in (1, 2))
        clock.now += 1.0
    assert len(log.lines) == 2
