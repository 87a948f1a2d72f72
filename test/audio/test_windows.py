"""Windows follow each other sample by sample, for hours, and never span a gap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.audio.chunk import AudioError
from mer_ros.audio.timeline import NS, Continuity
from mer_ros.audio.windows import SAMPLE_NS, WindowBuffer

START = 5 * NS


def ramp(first, count):
    return np.arange(first, first + count, dtype=np.float32)


def drain(buffer):
    return list(iter(buffer.pop, None))


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(0, 40_000), min_size=1, max_size=30),
    pop_every=st.integers(1, 5),
)
def test_every_window_is_the_right_second_whatever_the_chunks(sizes, pop_every):
    buffer = WindowBuffer(capacity_s=300.0)
    windows, position = [], 0
    for index, size in enumerate(sizes):
        kind = Continuity.CONTINUES if index else Continuity.START
        buffer.push(ramp(position, size), START, kind)
        position += size
        if index % pop_every == 0:
            windows += drain(buffer)
    windows += drain(buffer)
    assert len(windows) == max(0, (position - 16_000) // 8_000 + 1)
    for number, window in enumerate(windows):
        assert np.array_equal(window.samples, ramp(number * 8_000, 16_000))
        assert window.stamp_ns == START + (number * 8_000 + 15_999) * SAMPLE_NS
    fresh = np.concatenate([np.zeros(0), *(window.fresh for window in windows)])
    assert np.array_equal(fresh, ramp(0, len(fresh)))


def test_a_gap_is_spanned_by_no_window_and_costs_no_complete_one():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 20_000), START, Continuity.START)
    buffer.push(ramp(50_000, 30_000), 60 * NS, Continuity.GAP)
    first, *rest = drain(buffer)
    assert np.array_equal(first.samples, ramp(0, 16_000))
    assert [int(window.samples[0]) for window in rest] == [50_000, 58_000]
    assert rest[0].stamp_ns == 60 * NS + 15_999 * SAMPLE_NS
    assert rest[0].segment != first.segment
    assert rest[0].fresh.size == 16_000


def test_a_jump_back_drops_what_waits():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 20_000), START, Continuity.START)
    buffer.push(ramp(90_000, 16_000), NS, Continuity.BACKWARD)
    (window,) = drain(buffer)
    assert window.samples[0] == 90_000
    assert window.stamp_ns == NS + 15_999 * SAMPLE_NS
    assert buffer.dropped == 20_000


def test_drift_moves_the_stamps_and_keeps_the_sound():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 12_000), START, Continuity.START)
    buffer.push(ramp(12_000, 12_000), START + 12_000 * SAMPLE_NS + 60_000_000, Continuity.DRIFT)
    first, second = drain(buffer)
    assert np.array_equal(first.samples, ramp(0, 16_000))
    assert first.stamp_ns == START + 15_999 * SAMPLE_NS + 60_000_000
    assert second.stamp_ns - first.stamp_ns == NS // 2


def test_a_window_that_ends_before_the_drift_keeps_its_time():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 16_000), START, Continuity.START)
    buffer.push(ramp(16_000, 8_000), START + 2 * NS, Continuity.DRIFT)
    first, second = drain(buffer)
    assert first.stamp_ns == START + 15_999 * SAMPLE_NS
    assert second.stamp_ns == START + 2 * NS + 7_999 * SAMPLE_NS


@pytest.mark.parametrize('hop_s', [0.05, 0.1, 0.5])
def test_stamps_of_windows_never_go_back_within_a_segment(hop_s):
    buffer = WindowBuffer(hop_s=hop_s)
    random = np.random.default_rng(0)
    stamp, windows = START, []
    buffer.push(ramp(0, 1_600), stamp, Continuity.START)
    for chunk in range(1, 200):
        kind = Continuity.DRIFT if chunk % 4 == 0 else Continuity.CONTINUES
        late = round(random.uniform(-0.54, 0.0) * NS)
        buffer.push(ramp(chunk * 1_600, 1_600), START + chunk * NS // 10 + late, kind)
        windows += drain(buffer)
    steps = np.diff([window.stamp_ns for window in windows])
    assert len(windows) == (200 * 1_600 - 16_000) // buffer.hop + 1
    assert (steps >= SAMPLE_NS).all()


def test_a_jump_back_may_bring_earlier_stamps():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 16_000), 9 * NS, Continuity.START)
    drain(buffer)
    buffer.push(ramp(0, 16_000), START, Continuity.BACKWARD)
    assert buffer.pop().stamp_ns == START + 15_999 * SAMPLE_NS


def test_as_many_windows_may_wait_as_are_asked_for():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 32_000), START, Continuity.START)
    windows = list(iter(lambda: buffer.pop(latest=True, waiting=3), None))
    assert [int(window.samples[0]) for window in windows] == [0, 8_000, 16_000]
    assert buffer.skipped == 0
    buffer.push(ramp(32_000, 32_000), START)
    first = buffer.pop(latest=True, waiting=3)
    assert int(first.samples[0]) == 32_000
    assert np.array_equal(first.fresh, ramp(32_000, 16_000))
    assert buffer.skipped == 1


def test_windows_that_wait_are_counted_across_a_gap():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 32_000), START, Continuity.START)
    buffer.push(ramp(90_000, 24_000), 60 * NS, Continuity.GAP)
    windows = list(iter(lambda: buffer.pop(latest=True, waiting=3), None))
    assert [int(window.samples[0]) for window in windows] == [16_000, 90_000, 98_000]
    assert buffer.skipped == 2


def test_the_latest_window_comes_first_when_asked_and_its_sound_is_whole():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 48_000), START, Continuity.START)
    assert buffer.ready == 5
    window = buffer.pop(latest=True)
    assert np.array_equal(window.samples, ramp(32_000, 16_000))
    assert np.array_equal(window.fresh, ramp(0, 48_000))
    assert buffer.skipped == 4
    buffer.push(ramp(48_000, 8_000), 0)
    following = buffer.pop(latest=True)
    assert np.array_equal(following.samples, ramp(40_000, 16_000))
    assert np.array_equal(following.fresh, ramp(48_000, 8_000))
    assert buffer.dropped == 0


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 30_000), st.booleans(), st.booleans()), max_size=40))
def test_memory_is_bounded_and_every_sample_accounted_for(steps):
    buffer = WindowBuffer(capacity_s=3.0)
    pushed = seen = 0
    for index, (size, pop, latest) in enumerate(steps):
        buffer.push(ramp(pushed, size), START, Continuity.CONTINUES if index else Continuity.START)
        pushed += size
        assert buffer.buffered <= 3 * 16_000
        if pop:
            window = buffer.pop(latest)
            if window is not None:
                assert int(window.samples[0]) % 8_000 == 0
                assert np.array_equal(window.samples, ramp(int(window.samples[0]), 16_000))
                seen += window.fresh.size
    handed_out_or_waiting = seen + buffer.dropped
    assert handed_out_or_waiting <= pushed <= handed_out_or_waiting + 3 * 16_000


def test_a_full_buffer_drops_the_oldest_and_goes_on_in_step():
    buffer = WindowBuffer(capacity_s=2.0)
    buffer.push(ramp(0, 100_000), START, Continuity.START)
    windows = drain(buffer)
    assert buffer.dropped == 68_000
    assert [int(window.samples[0]) for window in windows] == [72_000, 80_000]
    assert windows[0].stamp_ns == START + 87_999 * SAMPLE_NS
    assert buffer.skipped == 9


def test_hop_may_be_longer_than_the_window():
    buffer = WindowBuffer(window_s=0.5, hop_s=1.0)
    buffer.push(ramp(0, 40_000), START, Continuity.START)
    windows = drain(buffer)
    assert [int(window.samples[0]) for window in windows] == [0, 16_000, 32_000]
    assert np.array_equal(np.concatenate([w.fresh for w in windows]), ramp(0, 40_000))


def test_clipping_is_that_of_the_window_alone():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 8_000), START, Continuity.START, clipping=1.0)
    buffer.push(ramp(8_000, 16_000), START)
    assert [window.clipping for window in drain(buffer)] == [0.5, 0.0]


def test_reset_forgets_the_sound():
    buffer = WindowBuffer()
    buffer.push(ramp(0, 16_000), START, Continuity.START)
    buffer.reset()
    assert buffer.pop() is None
    buffer.push(ramp(0, 16_000), 9 * NS)
    assert buffer.pop().stamp_ns == 9 * NS + 15_999 * SAMPLE_NS


@pytest.mark.parametrize(
    ('window', 'hop', 'capacity'), [(0.0, 0.5, 30.0), (1.0, 0.0, 30.0), (1.0, 0.5, 1.2)]
)
def test_lengths_that_make_no_windows_are_refused(window, hop, capacity):
    with pytest.raises(AudioError):
        WindowBuffer(window, hop, capacity)
