"""Time is counted in samples; stamps correct it only where they differ by more than 50 ms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.audio.timeline import NS, Continuity, Pace, Timeline

MS = 1_000_000
START = 1_700_000_000 * NS
SEEN = (Continuity.GAP, Continuity.BACKWARD)


def burst_stamps(count, chunk_ms, burst_ms, jitter_ms=0.0, lost=()):
    """Return (number of the chunk, ns) of chunks stamped as they arrive, a burst at a time."""
    random = np.random.default_rng(burst_ms)
    stamps, number, sent_ms, free_ms = [], 0, 0.0, 0.0
    while number < count:
        sent_ms += burst_ms
        free_ms = max(free_ms, sent_ms + random.uniform(0.0, jitter_ms))
        while (number + 1) * chunk_ms <= sent_ms:
            free_ms += 0.3
            if number not in lost:
                stamps.append((number, START + round(free_ms * MS)))
            number += 1
    return stamps


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


@settings(deadline=None, max_examples=60)
@given(
    chunk_ms=st.sampled_from([10, 20, 32, 64, 100]),
    burst_ms=st.integers(100, 1_000),
    jitter_ms=st.sampled_from([0.0, 30.0, 100.0]),
    tolerance_ms=st.sampled_from([50, 300]),
)
def test_bursts_stamped_on_arrival_are_no_gap(chunk_ms, burst_ms, jitter_ms, tolerance_ms):
    timeline = Timeline()
    for number, stamp in burst_stamps(20_000 // chunk_ms, chunk_ms, burst_ms, jitter_ms):
        count, true = 16 * chunk_ms, START + number * chunk_ms * MS
        placement = timeline.place(stamp, count, 16_000, tolerance_ms * MS)
        assert placement.continuity not in SEEN
        if number * chunk_ms > 3_000:
            # No earlier than it was said, no later than the earliest of a burst tells.
            late_ms = (placement.stamp_ns - true) / MS
            assert 0 <= late_ms <= 2 * chunk_ms + 2 * jitter_ms + tolerance_ms + 30


@pytest.mark.parametrize(('chunk_ms', 'chunks'), [(250, 3), (400, 2), (1_000, 1)])
def test_bursts_of_long_chunks_are_no_gap(chunk_ms, chunks):
    timeline = Timeline()
    for _, stamp in burst_stamps(40, chunk_ms, chunk_ms * chunks):
        assert timeline.place(stamp, 16 * chunk_ms, 16_000).continuity not in SEEN


@pytest.mark.parametrize('burst_ms', [200, 400, 600, 800, 1_000])
@pytest.mark.parametrize('lost_ms', [520, 700, 2_000])
@pytest.mark.parametrize('first', [405, 430])
def test_sound_lost_out_of_bursts_is_a_gap_a_window_or_so_later(burst_ms, lost_ms, first):
    timeline = Timeline()
    lost = range(first, first + lost_ms // 20)
    gaps, moved_ns = [], 0
    for number, stamp in burst_stamps(700, 20, burst_ms, 20.0, lost):
        placement = timeline.place(stamp, 320, 16_000)
        since_ms = (number - lost.stop) * 20
        if placement.continuity in SEEN:
            gaps.append(placement.continuity)
            assert 0 <= since_ms <= burst_ms + 500
        if since_ms >= 0 and placement.continuity is not Continuity.CONTINUES:
            moved_ns += placement.difference_ns
        if since_ms > 2_000:
            assert 0 <= placement.stamp_ns - (START + number * 20 * MS) <= 120 * MS
    # What is sure is told at once, the rest when the earliest stamp of a burst has shown it; so
    # what is lost across two bursts is seen in two steps, one of which is a gap from 0.5 s.
    assert gaps in ([Continuity.GAP], [Continuity.GAP] * 2)
    assert moved_ns == pytest.approx(lost_ms * MS, abs=60 * MS)


def test_how_late_stamps_were_is_forgotten():
    timeline = Timeline()
    for index in range(100):
        place(timeline, START + index * 100 * MS + (200 * MS if index == 10 else 0))
    # Where stamps were late lately a lead may be one more of them, and here they were not.
    assert place(timeline, START + 10_200 * MS).continuity is Continuity.DRIFT


def test_a_clock_that_stood_still_and_is_set_was_not_late_before():
    timeline = Timeline()
    for _ in range(30):
        place(timeline, NS)
    for index in range(50):
        placed = place(timeline, START + index * 100 * MS)
        assert placed.stamp_ns == START + index * 100 * MS
        assert placed.continuity is (Continuity.CONTINUES if index else Continuity.GAP)


def test_one_late_stamp_a_second_moves_time_once():
    timeline = Timeline()
    kinds, stamps = [], []
    for index in range(200):
        late = 200 * MS if index % 10 == 5 else 0
        placement = place(timeline, START + index * 100 * MS + late)
        kinds.append(placement.continuity)
        stamps.append(placement.stamp_ns)
    assert kinds.count(Continuity.DRIFT) == 2
    assert stamps[10:] == [START + index * 100 * MS for index in range(10, 200)]


@pytest.mark.parametrize('tolerance_ms', [50, 300, 2_000])
def test_far_behind_is_a_jump_back_however_little_by_little_it_came(tolerance_ms):
    """A difference that was tolerated, and a step that alone would be, are a jump together."""
    timeline = Timeline()
    timeline.place(START, 1_600, 16_000, tolerance_ms * MS)
    within = -(tolerance_ms - 1) * MS
    placement = timeline.place(START + 100 * MS + within, 1_600, 16_000, tolerance_ms * MS)
    assert placement.continuity is Continuity.CONTINUES
    stamp = START + 200 * MS + within - 245 * MS
    placement = timeline.place(stamp, 1_600, 16_000, tolerance_ms * MS)
    assert placement.continuity is Continuity.BACKWARD
    assert placement.stamp_ns == stamp


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


@pytest.mark.parametrize('lead', [200, 400])
def test_what_may_come_of_bursts_names_the_parameters(lead):
    timeline = Timeline()
    place(timeline, START)
    line = place(timeline, START + (100 + lead) * MS).describe()
    assert 'set reanchor_s (unstamped: reanchor_unstamped_s)' in line
    assert '\n' not in line


def pace_of(stamps_ms, count, rate=16_000):
    pace = Pace()
    for stamp in stamps_ms:
        pace.add(START + round(stamp * MS), count, rate)
    return pace.ratio()


@pytest.mark.parametrize('chunk_ms', [10, 20, 100, 1_000])
@pytest.mark.parametrize('ratio', [0.5, 0.6890625, 0.919, 1.0, 1.088, 3.0, 5.5125])
def test_the_pace_is_that_of_the_sound(ratio, chunk_ms):
    times = np.arange(0.0, 8_000.0, chunk_ms)
    assert pace_of(times, round(16 * chunk_ms * ratio)) == pytest.approx(ratio, rel=0.01)


@pytest.mark.parametrize('ratio', [0.5, 1.0, 5.5125])
def test_the_pace_is_seen_through_jitter(ratio):
    jitter = np.random.default_rng(0).uniform(0.0, 6.0, 400)
    times = np.arange(400) * 20.0 + jitter
    assert pace_of(times, round(320 * ratio)) == pytest.approx(ratio, rel=0.02)


@pytest.mark.parametrize('lost', [0.05, 0.2, 0.4, 0.5, 0.7])
@pytest.mark.parametrize('seed', range(5))
def test_lost_chunks_say_nothing_of_the_sample_rate(lost, seed):
    kept = np.random.default_rng(seed).random(1_000) >= lost
    pace = Pace()
    for index in np.flatnonzero(kept):
        pace.add(START + int(index) * 20 * MS, 320, 16_000)
        assert abs(pace.ratio() - 1.0) <= 0.05


@pytest.mark.parametrize('burst_ms', [40, 100, 300, 500, 800, 1_000])
def test_bursts_say_nothing_of_the_sample_rate(burst_ms):
    pace = Pace()
    for _, stamp in burst_stamps(1_000, 20, burst_ms, 20.0):
        pace.add(stamp, 320, 16_000)
        assert abs(pace.ratio() - 1.0) <= 0.05


def test_what_waited_at_the_start_says_nothing_of_the_sample_rate():
    pace = Pace()
    for index in range(500):
        pace.add(START + max(0, index - 50) * 20 * MS + index, 320, 16_000)
        assert abs(pace.ratio() - 1.0) <= 0.05


def test_the_pace_is_not_known_at_once_nor_after_a_jump():
    assert pace_of([0, 20, 40, 60, 80, 100], 1_764) == 1.0
    assert pace_of([*np.arange(0, 4_000, 20.0), *np.arange(0, 1_000, 20.0)], 1_764) == 1.0


@pytest.mark.parametrize('ppm', [-20, 0, 20, 1000])
def test_what_is_remembered_does_not_grow_with_the_hours(ppm):
    timeline, pace = Timeline(), Pace()
    for number in range(60_000):  # ten minutes of 10 ms chunks, of a clock that is a little fast
        stamp_ns = START + round(number * 10 * MS * (1 - ppm * 1e-6))
        place(timeline, stamp_ns, 160)
        pace.add(START, 160, 16_000)  # of a driver that repeats its first stamp
    assert len(timeline._origins) <= 501
    assert len(pace._chunks) <= 501
    assert pace.ratio() == 1.0


@pytest.mark.parametrize('loss', [0.06, 0.1, 0.3])
def test_lost_chunks_are_no_slower_rate(loss):
    random, pace, alarms = np.random.default_rng(4), Pace(), 0
    for number in range(6_000):
        if random.random() >= loss:
            pace.add(START + number * 10 * MS + round(random.uniform(-1, 1) * MS), 160, 16_000)
            alarms += abs(pace.ratio() - 1.0) > 0.05 if number % 50 == 0 else 0
    assert alarms == 0


def test_an_utterance_at_a_time_is_no_slower_rate():
    random, pace, stamp_ns = np.random.default_rng(5), Pace(), START
    for _ in range(60):
        seconds = random.uniform(1.0, 5.0)
        pace.add(stamp_ns, round(seconds * 16_000), 16_000)
        stamp_ns += round((seconds + random.uniform(0.3, 1.3)) * NS)
        assert pace.ratio() == 1.0
