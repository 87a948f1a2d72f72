from __future__ import annotations

from mer_ros.fusion.streams import Arrival, Laps, Stream

SECOND = 1_000_000_000


def test_stamps_that_go_on_are_new_and_tell_the_period() -> None:
    stream = Stream()
    assert [stream.arrive(index * SECOND // 2) for index in range(3)] == [Arrival.NEW] * 3
    assert stream.period_ns == SECOND // 2
    assert (stream.first_ns, stream.newest_ns) == (0, SECOND)


def test_a_skipped_result_does_not_lengthen_the_period() -> None:
    stream = Stream()
    for half in (0, 1, 2, 5, 6):
        stream.arrive(half * SECOND // 2)
    assert stream.period_ns == SECOND // 2


def test_two_results_next_to_each_other_are_no_period() -> None:
    stream = Stream()
    for stamp in (0, 500_000_000, 500_062_500, 1_000_062_500):
        assert stream.arrive(stamp) is Arrival.NEW
    assert stream.period_ns == 500_000_000


def test_a_stamp_told_again_is_a_repetition() -> None:
    stream = Stream()
    for stamp in (0, SECOND // 2, SECOND):
        stream.arrive(stamp)
    assert stream.arrive(SECOND) is Arrival.REPEATED
    assert stream.arrive(SECOND // 2) is Arrival.REPEATED
    assert stream.newest_ns == SECOND


def test_a_loop_is_a_jump_back_even_at_the_same_stamps() -> None:
    stream = Stream()
    stamps = [index * SECOND // 10 for index in range(30)]
    for stamp in stamps:
        stream.arrive(stamp)
    assert stream.arrive(stamps[0]) is Arrival.JUMPED_BACK
    assert [stream.arrive(stamp) for stamp in stamps[1:]] == [Arrival.NEW] * 29


def test_a_new_stamp_up_to_a_second_before_the_newest_is_late_and_leaves_no_trace() -> None:
    stream = Stream()
    stream.arrive(10 * SECOND)
    assert stream.arrive(10 * SECOND - 1) is Arrival.LATE
    assert stream.arrive(9 * SECOND) is Arrival.LATE
    assert stream.newest_ns == 10 * SECOND
    assert stream.arrive(11 * SECOND) is Arrival.NEW


def test_a_new_stamp_further_before_the_newest_is_a_jump_back() -> None:
    stream = Stream()
    stream.arrive(10 * SECOND)
    assert stream.arrive(9 * SECOND - 1) is Arrival.JUMPED_BACK
    assert stream.newest_ns == 9 * SECOND - 1


def test_a_lap_is_left_when_all_streams_that_were_seen_have_begun_anew() -> None:
    laps = Laps()
    assert [laps.arrive('face', stamp * SECOND) for stamp in (0, 1, 5)] == [0, 0, 0]
    assert [laps.arrive('audio', stamp * SECOND) for stamp in (1, 4)] == [0, 0]
    assert laps.arrive('face', SECOND) == 1
    assert not laps.left(('face', 'audio'))
    assert laps.arrive('audio', 4 * SECOND - 1) == 0  # told again or a little back: no new lap
    assert laps.arrive('audio', SECOND) == 1
    assert laps.left(('face', 'audio', 'never seen'))


def test_a_stream_that_missed_laps_begins_anew_in_the_present_one() -> None:
    laps = Laps()
    laps.arrive('audio', 5 * SECOND)
    laps.present = 3
    assert laps.arrive('audio', 6 * SECOND) == 0
    assert laps.arrive('audio', SECOND) == 3
    assert laps.arrive('face', SECOND) == 3


def test_after_the_clock_jumped_a_short_way_back_begins_a_lap_once() -> None:
    laps = Laps()
    for stream in ('face', 'audio'):
        laps.arrive(stream, SECOND // 2)
    laps.clock_jumped(SECOND // 10)
    assert laps.arrive('face', SECOND // 10) == 1
    assert laps.arrive('face', SECOND // 20) == 1  # the jump has been used
    laps.clock_jumped(SECOND // 10)
    assert laps.arrive('face', SECOND // 20) == 1
    assert laps.arrive('audio', SECOND // 10) == 1
