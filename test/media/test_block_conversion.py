"""Blocks of any format come out in one, each at its own time."""

import numpy as np
import pytest

from mer_ros.media.block_conversion import BlockConverter
from mer_ros.media.sources import AudioBlock, AudioFormat

MONO = AudioFormat(16_000, 1)


def blocks_of(samples, rate, size, drift=0.0):
    """Cut samples (n, channels) into blocks stamped by a clock that drifts from the samples."""
    return [
        AudioBlock(5.0 + first / rate * (1 + drift), samples[first : first + size], rate)
        for first in range(0, len(samples), size)
    ]


def converted(blocks, audio=MONO):
    converter = BlockConverter(audio)
    return [converter.convert(block) for block in blocks]


@pytest.mark.parametrize('rate', [8_000, 44_100, 48_000, 96_000])
def test_a_click_keeps_its_time(rate):
    samples = np.zeros((rate, 1), np.int16)
    samples[rate // 2 : rate // 2 + rate // 4_000] = 20_000  # a quarter of a millisecond
    out = converted(blocks_of(samples, rate, round(0.03 * rate)))
    assert {(block.rate, block.samples.dtype) for block in out} == {(16_000, np.dtype(np.int16))}
    assert sum(len(block.samples) for block in out) == pytest.approx(16_000, abs=40)
    loudest = max(out, key=lambda block: int(block.samples.max()))
    time_s = loudest.stamp_s + int(loudest.samples[:, 0].argmax()) / 16_000
    assert time_s == pytest.approx(5.5 + 0.000125, abs=0.0002)


def test_stamps_follow_the_clock_and_not_the_count_of_samples():
    samples = np.zeros((10 * 48_000, 1), np.int16)
    for drift in (-0.01, 0.01):
        blocks = blocks_of(samples, 48_000, 1_440, drift)
        out = converted(blocks)
        assert [block.stamp_s for block in out] == pytest.approx(
            [block.stamp_s for block in blocks], abs=0.002
        )


def test_a_tone_stays_a_tone_without_a_seam_between_blocks():
    time_s = np.arange(44_100) / 44_100
    tone = (10_000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)[:, None]
    out = np.concatenate([block.samples for block in converted(blocks_of(tone, 44_100, 1_323))])
    expected = 10_000 * np.sin(2 * np.pi * 440 * np.arange(len(out)) / 16_000)
    assert np.abs(out[200:-200, 0] - expected[200:-200]).max() < 100


def test_what_is_in_the_format_passes_as_it_is():
    block = AudioBlock(1.0, np.arange(480, dtype=np.int16)[:, None], 16_000)
    (out,) = converted([block])
    assert out.stamp_s == 1.0
    assert np.array_equal(out.samples, block.samples)


def test_two_channels_become_their_mean_and_of_more_the_first_is_taken():
    two = AudioBlock(0.0, np.full((480, 2), 32_000, np.int16) // np.int16([1, 2]), 16_000)
    assert converted([two])[0].samples[0].tolist() == [24_000]
    four = AudioBlock(0.0, np.tile(np.int16([1, 2, 3, 4]), (480, 1)), 16_000)
    assert converted([four])[0].samples[0].tolist() == [1]
    assert converted([four], AudioFormat(16_000, 2))[0].samples[0].tolist() == [1, 2]
    one = AudioBlock(0.0, np.full((480, 1), 7, np.int16), 16_000)
    assert converted([one], AudioFormat(16_000, 2))[0].samples[0].tolist() == [7, 7]


def test_the_format_may_change_when_another_device_is_plugged_in():
    first = AudioBlock(0.0, np.zeros((1_440, 1), np.int16), 48_000)
    second = AudioBlock(1.0, np.zeros((1_323, 2), np.int16), 44_100)
    third = AudioBlock(2.0, np.zeros((480, 1), np.int16), 16_000)
    out = converted([first, second, third, first])
    assert [block.stamp_s for block in out] == [0.0, 1.0, 2.0, 0.0]
    assert [len(block.samples) for block in out] == pytest.approx([480] * 4, abs=40)
