import cv2
import numpy as np
import pytest

from mer_ros.face.alignment import crop
from mer_ros.face.motion import MOTION_SIZE, MouthMotion, residual_motion, talking

S = 1_000_000_000
TALKING = ['RD_Radio34_000.mp4', 'EDTalk_uncrop_Obama_20s.mp4', 'video-retalking_face_2.mp4']


def _views(detector, frames):
    """Return the aligned views of the largest face of each frame: (stamp_ns, crop)."""
    for stamp, image in frames:
        found = detector.detect(image)
        if found:
            face = max(found, key=lambda d: d.box[2])
            gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            yield stamp, crop(gray, face, MOTION_SIZE)


def _panned(photo, seconds=1.6, rate=15):
    """A still photo before a moving, noisy camera: shift, turn, zoom, flicker, JPEG."""
    rng = np.random.default_rng(0)
    height, width = photo.shape[:2]
    for index in range(round(seconds * rate)):
        t = index / rate
        wave = np.sin(2 * np.pi * np.array([0.31, 0.47, 0.23, 0.59]) * t)
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 6 * wave[0], 1 + 0.1 * wave[1])
        turn[:, 2] += 0.06 * width * wave[2:]
        image = cv2.warpAffine(photo, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        noisy = image * (1 + 0.05 * wave[3]) + rng.normal(0, 3, image.shape)
        packed = cv2.imencode('.jpg', np.clip(noisy, 0, 255).astype(np.uint8))[1]
        yield round(t * S), cv2.imdecode(packed, cv2.IMREAD_COLOR)


def _turned(photo, detector, seconds=2.4, rate=15):
    """A photo whose face turns left and right, as the surface of a cylinder does."""
    x, _, wide, _ = detector.detect(photo)[0].box
    rows, columns = np.mgrid[0 : photo.shape[0], 0 : photo.shape[1]].astype(np.float32)
    place = (columns - x - wide / 2) / (0.75 * wide)
    fade = np.clip((1 - np.abs(place)) / 0.4, 0, 1)
    for index in range(round(seconds * rate)):
        angle = 0.3 * np.sin(2 * np.pi * 0.4 * index / rate)
        turned = 0.75 * wide * np.sin(np.arcsin(np.clip(place, -1, 1)) - angle) + x + wide / 2
        across = np.asarray(columns + fade * (turned - columns), np.float32)
        image = cv2.remap(photo, across, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        yield round(index / rate * S), image


def _run(views):
    mouth = MouthMotion()
    return [mouth.update(view, stamp) for stamp, view in views]


@pytest.mark.parametrize('name', TALKING)
def test_a_talking_face_is_seen_to_talk(yunet, clip, name):
    seen = _run(_views(yunet, clip(name, 40)))
    assert np.mean(seen[12:]) > 0.8


@pytest.mark.parametrize('name', ['image0000015.jpg', 'user_surprised.jpg', 'image0003909.jpg'])
def test_a_photo_moved_before_the_camera_does_not_talk(yunet, photos, name):
    seen = _run(_views(yunet, _panned(photos[name])))
    assert np.mean(seen[12:]) < 0.2


def test_trembling_boxes_are_not_talk(haar, photos):
    seen = _run(_views(haar, _panned(photos['image0003817.jpg'])))
    assert np.mean(seen[12:]) < 0.2


def test_frame_rate_changes_little(yunet, clip):
    views = list(_views(yunet, clip('RD_Radio34_000.mp4', 75)))
    levels = [np.mean(_run(views[::step])[len(views[::step]) // 3 :]) for step in (1, 2, 3)]
    assert max(levels) - min(levels) < 0.15


def test_replay_speed_and_offset_change_nothing(yunet, clip):
    views = list(_views(yunet, clip('RD_Radio34_000.mp4', 20)))
    shifted = [(stamp + 10**18, view) for stamp, view in views]
    assert _run(views) == _run(shifted)


def test_a_gap_starts_anew(yunet, clip):
    views = list(_views(yunet, clip('RD_Radio34_000.mp4', 20)))
    mouth = MouthMotion()
    assert mouth.update(views[0][1], 0) == 0
    assert mouth.update(views[5][1], S // 10) > 0
    assert mouth.update(views[9][1], 2 * S) == 0
    assert mouth.update(views[12][1], 2 * S + S // 10) > 0


def test_two_views_of_one_stamp_are_no_motion(yunet, clip):
    views = list(_views(yunet, clip('RD_Radio34_000.mp4', 3)))
    mouth = MouthMotion()
    assert mouth.update(views[0][1], S) == 0
    assert mouth.update(views[2][1], S) == 0


def test_the_same_view_twice_has_no_motion():
    view = np.random.default_rng(0).integers(0, 256, (MOTION_SIZE, MOTION_SIZE), np.uint8)
    assert max(residual_motion(view, view)) < 0.05


@pytest.mark.parametrize('level', [0, 128, 255])
def test_a_view_without_anything_in_it_is_finite(level):
    view = np.full((MOTION_SIZE, MOTION_SIZE), level, np.uint8)
    assert np.isfinite(residual_motion(view, view)).all()


def test_more_mouth_and_less_head_motion_is_more_talk():
    assert talking(1.0, 0.2, 0.4) > talking(0.2, 0.2, 0.4)
    assert talking(0.5, 0.1, 0.4) > talking(0.5, 1.0, 0.4)
    assert talking(0.5, 0.1, 0.2) > talking(0.5, 0.1, 2.0)
    assert 0 <= talking(0, 0, 0) <= talking(100, 0, 0) <= 1


@pytest.mark.parametrize('name', ['image0000015.jpg', 'image0003909.jpg'])
def test_a_still_face_that_turns_does_not_talk(yunet, photos, name):
    seen = _run(_views(yunet, _turned(photos[name], yunet)))
    assert np.mean(seen[12:]) < 0.3


def test_images_whose_stamps_stand_still_do_not_pile_up():
    mouth, view = MouthMotion(), np.zeros((MOTION_SIZE, MOTION_SIZE), np.uint8)
    assert [mouth.update(view, S) for _ in range(500)] == [0.0] * 500
    assert len(mouth._views) == 1
