"""Time is counted in samples; stamps correct it only where they differ by more than 50 ms."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.audio.timeline import NS, Continuity, Timeline

MS = 1_000_000
START = 1_700_000_000 * NS


def place(timeline, stamp_ns, count=1_600):
    return timeline.place(stamp_ns, count, 16_000)


def test_the_first_chunk_is_a_start():
    assert place(Timeline(), START).continuity is Continuity.START


@given(st.lists(st.integers(-49, 49), min_size=1, max_size=50))
def test_jitter_below_the_tolerance_does_not_move_time(jitters):
    timeline = Timeline()
    place(timeline, START)
    for index, jitter in enumerate(jitters, start=1):
        true = START + index * 100 * MS
        placement = place(timeline, true + jitter * MS)
        assert placement.continuity is Continuity.CONTINUES
        assert placement.stamp_ns == true
        assert placement.difference_ns == jitter * MS


@given(st.integers(51, 250))
def test_a_small_lead_of_the_stamp_is_a_drift(lead):
    timeline = Timeline()
    place(timeline, START)
    placement = place(timeline, START + (100 + lead) * MS)
    assert placement.continuity is Continuity.DRIFT
    assert f'{lead} ms ahead of' in placement.describe()
    assert placement.stamp_ns == START + (100 + lead) * MS
    back = place(timeline, START + 200 * MS)
    assert back.continuity is Continuity.DRIFT
    assert f'{lead} ms behind' in back.describe()


@given(st.integers(251, 10_000_000))
def test_a_sudden_lead_of_the_stamp_is_a_gap(lead):
    timeline = Timeline()
    place(timeline, START)
    placement = place(timeline, START + (100 + lead) * MS)
    assert placement.continuity is Continuity.GAP
    assert placement.stamp_ns == START + (100 + lead) * MS
    assert place(timeline, START + (200 + lead) * MS).continuity is Continuity.CONTINUES


def test_a_small_step_back_after_a_late_stamp_is_a_drift():
    timeline = Timeline()
    place(timeline, START)
    place(timeline, START + 160 * MS)
    placement = place(timeline, START + 200 * MS)
    assert placement.continuity is Continuity.DRIFT
    assert placement.stamp_ns == START + 200 * MS


@given(st.integers(251, 10_000_000))
def test_a_sudden_lag_of_the_stamp_is_a_jump_back(lag):
    timeline = Timeline()
    place(timeline, START)
    assert place(timeline, START + (100 - lag) * MS).continuity is Continuity.BACKWARD


def test_exactly_the_tolerance_is_still_tolerated():
    timeline = Timeline()
    place(timeline, START)
    assert place(timeline, START + 150 * MS).continuity is Continuity.CONTINUES


def test_clocks_that_drift_apart_are_reanchored_without_a_gap():
    timeline = Timeline()
    kinds = [place(timeline, START + index * 100_100_000).continuity for index in range(1_100)]
    assert kinds.count(Continuity.DRIFT) == 2
    assert set(kinds) == {Continuity.START, Continuity.CONTINUES, Continuity.DRIFT}


def test_another_rate_starts_anew():
    timeline = Timeline()
    place(timeline, START)
    assert timeline.place(START + 100 * MS, 441, 44_100).continuity is Continuity.RATE


def test_no_nanosecond_is_lost_in_three_hours_of_odd_chunks():
    timeline = Timeline()
    sizes = np.random.default_rng(0).integers(1, 4_000, 200_000)
    counted = 0
    for size in sizes.tolist():
        stamp = START + counted * NS // 44_100
        assert timeline.place(stamp, size, 44_100).stamp_ns == stamp
        counted += size
    assert counted / 44_100 > 2.5 * 3_600


def test_every_event_says_what_happened():
    timeline = Timeline()
    place(timeline, START)
    assert '900 ms' in place(timeline, START + 1_000 * MS).describe()
    assert 'jumped back' in place(timeline, START).describe()
