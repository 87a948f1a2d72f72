"""Sound that is told twice is heard once, and what only looks told twice is heard."""

import numpy as np
import pytest

from mer_ros.audio.chunk import AudioChunk
from mer_ros.audio.intake import Intake
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.timeline import NS, Continuity
from mer_ros.audio.windows import WindowBuffer


def windows_of(order, sound, stamped=True):
    """Return (stamp, samples) of all windows of chunks of 20 ms that come in an order."""
    buffer = WindowBuffer()
    intake, kinds = Intake(buffer, AudioSettings()), []
    for index in order:
        stamp_ns = NS + index * 20_000_000
        chunk = AudioChunk(stamp_ns, sound[index].copy(), 48_000, stamped=stamped)
        kinds.append(intake.push(chunk).continuity)
    windows = [(window.stamp_ns, window.samples.tobytes()) for window in iter(buffer.pop, None)]
    return windows, kinds


def behind(count, lag):
    """Return numbers of chunks as two relays give them, the second a few chunks behind."""
    numbers = [(index, 0, index) for index in range(count)]
    numbers += [(index + lag, 1, index) for index in range(count)]
    return [index for _, _, index in sorted(numbers)]


@pytest.mark.parametrize('lag', [0, 1, 3, 20])
def test_sound_that_comes_twice_is_heard_once_bit_for_bit(lag):
    sound = np.random.default_rng(0).normal(0.0, 0.1, (150, 960, 1)).astype(np.float32)
    sound[60:90] = 0.0  # silence, all of whose chunks are alike
    once, kinds = windows_of(range(150), sound)
    assert len(once) == 4
    assert Continuity.REPEATED not in kinds
    twice, kinds = windows_of(behind(150, lag), sound)
    assert twice == once
    assert kinds.count(Continuity.REPEATED) == 150


def test_what_came_before_is_known_after_a_jump_back_too():
    sound = np.random.default_rng(0).normal(0.0, 0.1, (200, 960, 1)).astype(np.float32)
    lap = list(range(100))
    once, _ = windows_of(lap + lap, sound)
    twice, _ = windows_of(sorted(lap + lap) + sorted(lap + lap), sound)
    assert twice == once
    relays = [*lap, 0, 1, 99, 2, 3, *lap[4:]]  # the last of one relay comes when the other loops
    assert windows_of(relays, sound)[0] == once


def test_silence_with_the_stamp_of_a_late_chunk_is_heard():
    silence = np.zeros((150, 960, 1), np.float32)
    order = [*range(50), 59, *range(51, 150)]  # the fiftieth is stamped 0.18 s late
    assert Continuity.REPEATED not in windows_of(order, silence)[1]


def test_chunks_alike_with_other_stamps_or_with_times_of_arrival_are_heard():
    silence = np.zeros((150, 960, 1), np.float32)
    assert Continuity.REPEATED not in windows_of(range(150), silence)[1]
    assert Continuity.REPEATED not in windows_of(behind(150, 0), silence, stamped=False)[1]


def test_a_clock_that_stands_still_costs_three_chunks_and_no_more():
    silence = np.zeros((1, 960, 1), np.float32)
    _, kinds = windows_of([0] * 100, silence)
    assert kinds.count(Continuity.REPEATED) == 3
    assert Continuity.REPEATED not in kinds[4:]


@pytest.mark.parametrize('tick_ms', [10, 25, 100])
@pytest.mark.parametrize('hz', [0, 1_000])
def test_sound_that_does_not_change_is_heard_with_stamps_of_a_clock_with_long_ticks(tick_ms, hz):
    steady = np.sin(2 * np.pi * hz * np.arange(80) / 16_000).astype(np.float32)[:, None]
    noise = np.random.default_rng(0).normal(0.0, 0.1, (40, 80, 1)).astype(np.float32)

    def kinds_of(sounds):
        intake = Intake(WindowBuffer(), AudioSettings())
        for index, sound in enumerate(sounds):
            stamp_ns = (NS + index * 5_000_000) // (tick_ms * 1_000_000) * tick_ms * 1_000_000
            yield intake.push(AudioChunk(stamp_ns, sound, 16_000)).continuity

    kinds = list(kinds_of([steady] * 400))
    assert kinds.count(Continuity.REPEATED) <= 3  # until it is known
    assert kinds.count(Continuity.DRIFT) <= 1
    if not hz:
        assert Continuity.REPEATED not in kinds_of([*noise, *[steady] * 400])


def test_other_sound_with_the_same_stamp_is_heard():
    intake = Intake(WindowBuffer(), AudioSettings())
    for value in (0.1, 0.2, 0.2, 0.1):
        sound = np.full((320, 1), value, np.float32)
        assert intake.push(AudioChunk(NS, sound, 16_000)).continuity is not Continuity.REPEATED
    again = AudioChunk(NS, np.full((320, 1), 0.1, np.float32), 8_000)
    assert intake.push(again).continuity is Continuity.RATE


def test_what_is_remembered_of_sound_does_not_grow_with_the_hours():
    intake = Intake(WindowBuffer(), AudioSettings())
    for index in range(5_000):
        intake.push(AudioChunk(index * 20_000_000, np.zeros((320, 1), np.float32), 16_000))
    assert len(intake._repeats._heard) <= 26
