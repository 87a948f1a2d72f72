"""Pieces whose stamps begin anew follow each other, with sound and pictures as they belong."""

import itertools
import logging

import numpy as np
import pytest

from mer_ros.media.joins import WRAP_S, Course, Joins, PacketTimes
from mer_ros.media.sources import VideoFrame
from mer_ros.media.video_file import VideoFileSource

PICTURES, SOUND = 0, 1


def piece(pictures_s, sound_s, start_s=1.4):
    """Return the packets of a piece: 25 pictures and 40 bits of sound a second."""
    packets = [
        PacketTimes(track, start, start, start + length)
        for track, seconds, length in ((PICTURES, pictures_s, 0.04), (SOUND, sound_s, 0.025))
        for start in (start_s + np.arange(round(seconds / length)) * length).tolist()
    ]
    return sorted(packets, key=lambda packet: packet.order_s)


def joins_of(*pieces):
    return Joins('film.ts', (packet for each in pieces for packet in each))


@pytest.mark.parametrize('start_s', [0.0, 0.7, 1.4 + WRAP_S])
def test_both_tracks_move_by_what_brings_neither_before_its_end(start_s):
    joins = joins_of(piece(3.0, 2.9), piece(2.0, 2.2, start_s), piece(4.0, 4.0))
    for track in (SOUND, PICTURES):
        first = joins.piece(track, 0, start_s, 4.3)
        assert first.start_s == start_s
        assert first.start_s + first.shift_s == pytest.approx(1.4 + 3.0)
        second = joins.piece(track, 1, 1.4, start_s + 1.9)
        assert second.start_s + second.shift_s == pytest.approx(1.4 + 3.0 + 2.2)
        assert joins.piece(track, 2, 1.4, 5.3) is None


def test_a_piece_without_sound_costs_the_sound_of_the_next_nothing():
    joins = joins_of(piece(3.0, 3.0), piece(4.0, 0.0), piece(4.0, 4.0))
    ours, theirs = joins.piece(SOUND, 0, 1.4, 4.3), joins.piece(PICTURES, 1, 1.4, 5.3)
    assert ours.shift_s == theirs.shift_s == pytest.approx(7.0)
    assert joins.piece(SOUND, 1, 1.4, 5.3) is None


def test_one_packet_with_a_stamp_from_before_begins_no_piece():
    packets = piece(3.0, 3.0)
    packets.insert(100, PacketTimes(PICTURES, 1.4, 1.4, 1.44))
    assert joins_of(packets).piece(PICTURES, 0, 1.4, 4.3) is None
    other = joins_of(packets, piece(3.0, 3.0))
    assert other.piece(PICTURES, 0, 1.4, 4.3).shift_s == pytest.approx(3.0)


def test_a_stamp_that_is_far_from_where_the_piece_begins_is_damage():
    joins = joins_of(piece(19.0, 19.0), piece(19.0, 19.0))
    assert joins.piece(PICTURES, 0, 5.0, 20.3) is None
    assert joins.piece(PICTURES, 0, 1.4, 4.0) is None
    assert joins.piece(PICTURES, 0, 1.4, 20.3) is not None


def test_for_a_damaged_stamp_the_file_is_not_read_to_its_end():
    read = []
    packets = piece(60.0, 60.0) + piece(60.0, 60.0)
    joins = Joins('film.ts', (read.append(packet) or packet for packet in packets))
    assert joins.piece(PICTURES, 0, 2.0, 4.0) is None
    assert max(packet.order_s for packet in read) < 15.0
    assert joins.piece(PICTURES, 0, 1.4, 61.3).shift_s == pytest.approx(60.0)


def test_a_damaged_stamp_moves_nothing_of_what_follows():
    course = Course(joins_of(piece(19.0, 19.0), piece(9.0, 9.0)), PICTURES, 10.0, 8.6, 19.0)
    stamps = [1.4, 4.0, 2.0, 4.04, 3_600.0, 20.36, 1.4, 1.44]
    times = [course.time_s(stamp, 12.0) for stamp in stamps]
    expected = [10.0, 12.6, 10.6, 12.64, 28.96, 29.0, 29.04]
    assert times.pop(4) is None
    assert times == pytest.approx(expected)


@pytest.mark.parametrize('loop', [False, True])
def test_joined_pieces_give_all_pictures_and_the_sound_that_belongs_to_them(
    film, tmp_path, caplog, loop
):
    first = film('first.ts', seconds=3.0, click_s=1.0)
    second = film('second.ts', seconds=2.0, click_s=1.0)
    path = tmp_path / 'joined.ts'
    path.write_bytes(first.read_bytes() + second.read_bytes() + first.read_bytes())
    source = VideoFileSource(path, loop=loop)
    with caplog.at_level(logging.WARNING):
        items = list(itertools.takewhile(lambda item: item.stamp_s < 24.0, source))
    stamps = [item.stamp_s for item in items]
    assert stamps == sorted(stamps)
    assert source.lost == 0
    frames = [item for item in items if isinstance(item, VideoFrame)]
    assert len(frames) == pytest.approx(24 * 25 if loop else 200, rel=0.05 if loop else 0)
    assert np.diff([frame.stamp_s for frame in frames]).max() < 0.2
    # Each click is at the twenty-sixth picture of its piece, whose grey is 37 * 25 modulo 256.
    clicks = []
    for item in items:
        if not isinstance(item, VideoFrame) and np.abs(item.samples.astype(int)).max() > 5_000:
            at_s = item.stamp_s + int(np.abs(item.samples[:, 0].astype(int)).argmax()) / item.rate
            if not clicks or at_s - clicks[-1] > 0.5:
                clicks.append(at_s)
    begins = np.array([0.0, 3.0, 5.0])
    assert len(clicks) >= (6 if loop else 3)
    assert np.array(clicks[:3]) - begins == pytest.approx(clicks[0], abs=0.25)
    for click_s in clicks:
        shown = min(frames, key=lambda frame: abs(frame.stamp_s - click_s)).stamp_s
        near = [frame for frame in frames if abs(frame.stamp_s - shown) < 0.09]
        assert min(abs(frame.image_bgr.mean() - 37 * 25 % 256) for frame in near) < 5
    assert len([each for each in caplog.records if 'begin anew' in each.message]) == 1
