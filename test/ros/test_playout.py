from __future__ import annotations

import numpy as np

from mer_ros.media.sources import AudioBlock, VideoFrame
from mer_ros.ros.playout import CLOCK_SET_NS, Beginning, in_due_order

SECOND = 10**9


def test_a_film_follows_a_clock_that_is_set() -> None:
    beginning = Beginning(1000 * SECOND, follows=True)
    assert beginning.start_ns(1010 * SECOND, 10.0) == 1000 * SECOND
    # by two hours and back again
    assert beginning.start_ns(8211 * SECOND, 11.0) == 8200 * SECOND
    assert beginning.start_ns(8212 * SECOND, 12.0) == 8200 * SECOND
    assert beginning.start_ns(1013 * SECOND, 13.0) == 1000 * SECOND


def test_a_clock_that_is_merely_off_a_little_moves_no_stamps() -> None:
    beginning = Beginning(1000 * SECOND, follows=True)
    for off in (-CLOCK_SET_NS, 1, CLOCK_SET_NS):
        assert beginning.start_ns(1010 * SECOND + off, 10.0) == 1000 * SECOND


def test_with_a_clock_or_a_speed_of_its_own_a_film_stays_where_it_began() -> None:
    beginning = Beginning(1000 * SECOND, follows=False)
    assert beginning.start_ns(8211 * SECOND, 11.0) == 1000 * SECOND


def test_sound_is_due_after_its_last_sample_and_pictures_at_their_stamps() -> None:
    def sound(stamp_s: float) -> AudioBlock:
        return AudioBlock(stamp_s, np.zeros((1600, 1), np.int16), 16_000)

    def picture(stamp_s: float) -> VideoFrame:
        return VideoFrame(stamp_s, np.zeros((2, 2, 3), np.uint8))

    items = [sound(0.0), picture(0.0), picture(0.04), picture(0.08), sound(0.1), picture(0.12)]
    ordered = [(round(due, 3), type(item).__name__) for due, item in in_due_order(items)]
    assert ordered == [
        (0.0, 'VideoFrame'),
        (0.04, 'VideoFrame'),
        (0.08, 'VideoFrame'),
        (0.1, 'AudioBlock'),
        (0.12, 'VideoFrame'),
        (0.2, 'AudioBlock'),
    ]
