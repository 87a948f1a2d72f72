"""Any rate becomes 16 kHz; how the stream is cut changes nothing, and time is kept."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.audio.chunk import TARGET_RATE, AudioError
from mer_ros.audio.resampling import Resampler

RATES = [4_000, 8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000]


def sine(rate, seconds, hertz, phase=0.3):
    time = np.arange(round(rate * seconds)) / rate
    return np.sin(2 * np.pi * hertz * time + phase).astype(np.float32)


def cut(samples, sizes):
    """Yield the samples in pieces of these sizes, over and over."""
    start, index = 0, 0
    while start < len(samples):
        size = sizes[index % len(sizes)]
        yield samples[start : start + size]
        start += size
        index += 1


@pytest.mark.parametrize('rate', RATES)
@pytest.mark.parametrize('hertz', [100.0, 440.0, 1_500.0])
def test_a_sine_keeps_frequency_phase_and_amplitude(rate, hertz):
    resampler = Resampler(rate)
    output = np.concatenate((resampler.push(sine(rate, 1.0, hertz)), resampler.flush()))
    assert len(output) == TARGET_RATE
    edge = 64
    expected = sine(TARGET_RATE, 1.0, hertz)
    assert np.abs(output - expected)[edge * 8 : -edge * 8].max() < 1e-3


@pytest.mark.parametrize('rate', [44_100, 48_000])
@pytest.mark.parametrize(
    ('hertz', 'least', 'most'), [(6_900.0, 0.99, 1.01), (8_100.0, 0.0, 1e-3), (12_000.0, 0.0, 1e-3)]
)
def test_what_16_khz_cannot_hold_is_removed_and_the_rest_kept(rate, hertz, least, most):
    output = Resampler(rate).push(sine(rate, 1.0, hertz))
    amplitude = np.sqrt(2 * np.mean(output[500:-500] ** 2))
    assert least <= amplitude <= most


@settings(deadline=None, max_examples=40)
@given(
    rate=st.sampled_from(RATES),
    sizes=st.lists(st.integers(0, 3_000), min_size=1, max_size=8).filter(any),
)
def test_the_result_does_not_depend_on_how_the_stream_is_cut(rate, sizes):
    noise = np.random.default_rng(rate).standard_normal(6_000).astype(np.float32)
    whole = Resampler(rate)
    expected = np.concatenate((whole.push(noise), whole.flush()))
    pieces = Resampler(rate)
    output = [pieces.push(piece) for piece in cut(noise, sizes)]
    assert np.array_equal(np.concatenate((*output, pieces.flush())), expected)


@pytest.mark.parametrize('rate', RATES)
def test_a_click_stays_where_it_was(rate):
    clicks = np.zeros(rate, np.float32)
    clicks[rate // 2] = 1.0
    output = Resampler(rate).push(clicks)
    true_s = (rate // 2) / rate
    assert abs(int(np.abs(output).argmax()) / TARGET_RATE - true_s) <= 0.51 / TARGET_RATE


@pytest.mark.parametrize('rate', RATES)
def test_output_comes_at_most_ten_milliseconds_late(rate):
    resampler = Resampler(rate)
    for piece in cut(sine(rate, 0.5, 200.0), [rate // 100]):
        resampler.push(piece)
    assert resampler.emitted / TARGET_RATE > 0.5 - 0.010


@pytest.mark.parametrize('rate', [47_999, 44_056, 48_077, 96_001, 191_999, 15_999, 4_001])
def test_a_rate_in_no_simple_ratio_is_taken_as_the_nearest_simple_one(rate):
    resampler = Resampler(rate)
    chunk = sine(rate, 1.0, 440.0)
    started = time.perf_counter()
    output = np.concatenate([resampler.push(piece) for piece in cut(chunk, [rate // 50])])
    assert time.perf_counter() - started < 0.5  # a second of sound; it took minutes
    lasts_ns = resampler.duration_ns(rate)
    assert lasts_ns == pytest.approx(1e9, rel=5e-4)
    assert output.size == pytest.approx(16_000 * lasts_ns / 1e9, abs=0.010 * 16_000)
    expected = sine(TARGET_RATE, 1.0, 440.0 * 1e9 / lasts_ns)[: output.size]
    assert np.abs(output - expected)[512:-512].max() < 5e-3


@pytest.mark.parametrize('rate', RATES)
def test_the_usual_rates_last_exactly_as_long(rate):
    assert Resampler(rate).duration_ns(3_600 * rate) == 3_600 * 1_000_000_000


def test_nothing_in_nothing_out():
    resampler = Resampler(44_100)
    assert resampler.push(np.zeros(0, np.float32)).size == 0
    assert resampler.flush().size == 0


def test_memory_does_not_grow_with_the_stream():
    resampler = Resampler(44_100)
    block = np.zeros(441, np.float32)
    for _ in range(2_000):
        resampler.push(block)
    assert resampler._kept.size < 2_000


@pytest.mark.parametrize('rate', [0, -1, 3_999, 192_001])
def test_an_absurd_rate_is_refused(rate):
    with pytest.raises(AudioError, match='Hz'):
        Resampler(rate)
