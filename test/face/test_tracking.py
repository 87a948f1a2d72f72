import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.face.detection import Detection
from mer_ros.face.tracking import Tracker, iou

S = 1_000_000_000


def _at(x, y=100.0, side=80.0):
    return Detection(np.float32([x, y, side, side]), 0.9)


def _ids(tracks):
    return [track.track_id for track in tracks]


def test_iou_of_known_boxes():
    others = np.float32([[0, 0, 10, 10], [5, 0, 10, 10], [20, 0, 1, 1], [0, 0, 0, 0]])
    table = iou(np.float32([[0, 0, 10, 10]]), others)
    np.testing.assert_allclose(table, [[1, 1 / 3, 0, 0]])


def test_one_hit_is_enough_and_ids_are_stable():
    tracker = Tracker()
    for frame in range(30):
        tracks = tracker.update([_at(100 + frame), _at(400 - frame)], frame * S // 30)
        assert _ids(tracks) == ['face_1', 'face_2']
    assert tracks[0].hits == 30
    assert tracks[0].velocity[0] == pytest.approx(30, rel=0.1)


def test_order_of_detections_does_not_change_who_is_who():
    tracker = Tracker()
    tracker.update([_at(100), _at(400)], 0)
    assert _ids(tracker.update([_at(402), _at(101)], S // 30)) == ['face_2', 'face_1']


def test_a_short_loss_keeps_the_name_and_a_long_one_does_not():
    for gap, name in ((0.9, 'face_1'), (1.1, 'face_2')):
        tracker = Tracker(lost_s=1.0)
        tracker.update([_at(100)], 0)
        tracker.update([], round(0.5 * gap * S))
        assert _ids(tracker.update([_at(105)], round(gap * S))) == [name]


def test_losses_are_counted_in_seconds_not_in_images():
    for rate in (5, 30, 120):
        tracker = Tracker(lost_s=1.0)
        tracker.update([_at(100)], 0)
        for frame in range(1, round(0.9 * rate)):
            tracker.update([], frame * S // rate)
        assert _ids(tracker.update([_at(100)], round(0.95 * S))) == ['face_1']


def test_crossing_faces_keep_their_names():
    tracker = Tracker()
    for frame in range(40):
        left, right = _at(100 + 8 * frame, 100), _at(420 - 8 * frame, 130)
        ids = _ids(tracker.update([left, right], frame * S // 30))
    assert ids == ['face_1', 'face_2']


def test_a_face_that_stands_still_keeps_its_name_when_its_neighbours_change():
    tracker = Tracker()
    assert _ids(tracker.update([_at(100), _at(145)], 0)) == ['face_1', 'face_2']
    assert _ids(tracker.update([_at(145), _at(190)], S // 30)) == ['face_2', 'face_3']


def test_fast_motion_at_a_low_rate_is_followed_by_distance():
    tracker = Tracker()
    for frame in range(6):
        ids = _ids(tracker.update([_at(50 + 45 * frame)], frame * S // 5))
    assert ids == ['face_1']


def test_a_face_elsewhere_is_somebody_else():
    tracker = Tracker()
    tracker.update([_at(100)], 0)
    assert _ids(tracker.update([_at(400)], S // 30)) == ['face_2']
    assert _ids(tracker.update([_at(400), _at(100)], 2 * S // 30)) == ['face_2', 'face_1']


@pytest.mark.parametrize(('apart', 'lost'), [(1.2, 1.0), (1 / 30, 0.0)])
def test_a_face_that_was_never_missed_keeps_its_name_however_slow_the_images(apart, lost):
    tracker = Tracker(lost_s=lost)
    ids = [_ids(tracker.update([_at(100)], round(frame * apart * S))) for frame in range(5)]
    assert ids == [['face_1']] * 5


def test_who_stands_there_long_after_is_somebody_else():
    tracker = Tracker()
    tracker.update([_at(100)], 0)
    assert _ids(tracker.update([_at(100)], 60 * S)) == ['face_2']


def test_time_that_jumps_back_forgets_everything():
    tracker = Tracker()
    stamps = [i * S // 10 for i in range(20)]
    first = [_ids(tracker.update([_at(400), _at(100, side=40)], stamp)) for stamp in stamps]
    again = [_ids(tracker.update([_at(100, side=40), _at(400)], stamp)) for stamp in stamps]
    assert first == again == [['face_1', 'face_2']] * 20


def test_a_stamp_a_little_back_changes_no_name():
    tracker = Tracker()
    tracker.update([_at(400), _at(100)], 2 * S)
    tracker.update([_at(404), _at(100)], 2 * S + S // 30)
    for back in (1, S // 60, S // 2):
        assert _ids(tracker.update([_at(100), _at(404)], 2 * S - back)) == ['face_2', 'face_1']
    assert _ids(tracker.update([_at(100), _at(404)], 3 * S)) == ['face_2', 'face_1']


def test_two_images_of_one_stamp_are_the_same_time():
    tracker = Tracker()
    tracker.update([_at(100)], S)
    tracks = tracker.update([_at(103)], S)
    assert _ids(tracks) == ['face_1']
    assert np.isfinite(tracks[0].velocity).all()


def test_empty_images_are_fine():
    assert Tracker().update([], 0) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(-50, 700), st.floats(-50, 500), st.floats(1, 300)),
                 max_size=5),
        max_size=12,
    )
)  # fmt: skip
def test_names_are_never_given_twice_in_an_image(images):
    tracker = Tracker()
    for frame, faces in enumerate(images):
        ids = _ids(tracker.update([_at(*face) for face in faces], frame * S // 10))
        assert len(ids) == len(faces) == len(set(ids))
