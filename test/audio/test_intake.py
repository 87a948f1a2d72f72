"""What comes in: clipping of the channel that is heard, and nothing lost to a late stamp."""

import numpy as np
import pytest

from mer_ros.audio.chunk import AudioChunk
from mer_ros.audio.decoding import PortAudioFormat, decode_array
from mer_ros.audio.intake import Intake
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.timeline import NS, Continuity
from mer_ros.audio.windows import WindowBuffer


@pytest.mark.parametrize(('channel', 'clipping'), [(0, 0.0), (1, 1.0), (-1, 1.0)])
def test_clipping_is_that_of_the_channel_that_is_heard(channel, clipping):
    settings = AudioSettings(channel=channel)
    buffer = WindowBuffer()
    sound = np.tile(np.float32([0.1, 1.0]), (16_640, 1))
    Intake(buffer, settings).push(AudioChunk(0, sound, 16_000))
    assert buffer.pop().clipping == pytest.approx(clipping)


@pytest.mark.parametrize(
    ('code', 'value', 'clipping'),
    [
        (PortAudioFormat.UINT8, 255, 1.0),
        (PortAudioFormat.UINT8, 0, 1.0),
        (PortAudioFormat.UINT8, 253, 0.0),
        (PortAudioFormat.INT8, 127, 1.0),
        (PortAudioFormat.INT8, -128, 1.0),
        (PortAudioFormat.INT8, 125, 0.0),
        (PortAudioFormat.INT16, 32_767, 1.0),
        (PortAudioFormat.INT16, 32_512, 0.0),
    ],
)
def test_the_highest_and_the_lowest_value_of_a_format_are_clipped(code, value, clipping):
    buffer = WindowBuffer()
    values = np.full(16_640, value, np.int64)
    Intake(buffer, AudioSettings()).push(decode_array(values, code, 1, 16_000, 0))
    assert buffer.pop().clipping == clipping


def test_a_late_stamp_costs_no_sound_that_waits():
    buffer = WindowBuffer()
    intake = Intake(buffer, AudioSettings())
    for chunk in range(100):
        late = 60_000_000 if chunk == 90 else 0
        sound = np.full((1_600, 1), 0.1, np.float32)
        intake.push(AudioChunk(chunk * 100_000_000 + late, sound, 16_000))
    assert buffer.dropped == 0
    assert buffer.ready == 19  # all of ten seconds


@pytest.mark.parametrize('hop_s', [0.05, 0.1, 0.5])
def test_one_late_stamp_a_second_turns_no_window_back(hop_s):
    buffer = WindowBuffer(hop_s=hop_s)
    intake = Intake(buffer, AudioSettings(hop_s=hop_s))
    stamps = []
    for chunk in range(500):
        late = 200_000_000 if chunk % 50 == 49 else 0
        intake.push(AudioChunk(chunk * 20_000_000 + late, np.zeros((320, 1), np.float32), 16_000))
        stamps += [window.stamp_ns for window in iter(buffer.pop, None)]
    assert len(stamps) == (500 * 320 - 16_000) // buffer.hop + 1
    assert (np.diff(stamps) > 0).all()
    assert stamps[-1] == pytest.approx(10 * NS, abs=hop_s * NS)


@pytest.mark.parametrize('burst', [10, 15, 25, 40, 50])
@pytest.mark.parametrize('stamped', [True, False])
def test_every_window_of_sound_in_bursts_comes_with_its_time(burst, stamped):
    buffer = WindowBuffer()
    intake = Intake(buffer, AudioSettings())
    stamps = []
    for chunk in range(1_000):
        arrival = (chunk // burst + 1) * burst * 20_000_000 + chunk % burst * 300_000
        sound = np.zeros((320, 1), np.float32)
        intake.push(AudioChunk(arrival, sound, 16_000, stamped=stamped))
        stamps += [window.stamp_ns for window in iter(buffer.pop, None)]
    assert len(stamps) == 39
    late = np.array(stamps[2:]) - (NS + np.arange(2, 39) * NS // 2)
    assert late.min() >= 0
    assert late.max() <= (100_000_000 if stamped else 350_000_000)
    assert (np.diff(stamps) > 0).all()


def test_a_rate_in_no_simple_ratio_keeps_its_time():
    rate, seconds = 48_040 + 37, 120
    buffer = WindowBuffer()
    intake = Intake(buffer, AudioSettings())
    stamps = []
    for chunk in range(seconds * 10):
        first, end = chunk * rate // 10, (chunk + 1) * rate // 10
        stamp = first * NS // rate
        placement = intake.push(AudioChunk(stamp, np.zeros((end - first, 1), np.float32), rate))
        assert placement.continuity in (Continuity.START, Continuity.CONTINUES)
        stamps += [window.stamp_ns for window in iter(buffer.pop, None)]
    assert len(stamps) == pytest.approx(2 * seconds - 1, abs=1)
    assert stamps[-1] == pytest.approx(NS * (len(stamps) + 1) // 2, abs=30_000_000)
    assert np.diff(stamps) == pytest.approx(np.full(len(stamps) - 1, NS // 2), abs=3_000_000)
