import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.face.alignment import BOX_MARGIN, TEMPLATE, crop, similarity, to_crop
from mer_ros.face.detection import Detection
from mer_ros.face.errors import FaceError


def _box(x, y, w, h):
    return Detection(np.float32([x, y, w, h]), 1.0)


@settings(deadline=None)
@given(st.floats(0.1, 10), st.floats(-3.1, 3.1), st.floats(-300, 300), st.floats(-300, 300))
def test_similarity_finds_any_turn_scale_and_shift(scale, angle, dx, dy):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = (TEMPLATE * 48).astype(np.float32)
    target = (source @ turn.T + [dx, dy]).astype(np.float32)
    found = similarity(source, target)
    np.testing.assert_allclose(found[:, :2], turn, atol=2e-3)
    np.testing.assert_allclose(source @ found[:, :2].T + found[:, 2], target, atol=2e-2)


def test_similarity_agrees_with_opencv_on_points_that_do_not_fit_exactly():
    rng = np.random.default_rng(0)
    source = (TEMPLATE * 100).astype(np.float32)
    target = (source * 2 + 30 + rng.normal(0, 2, (5, 2))).astype(np.float32)
    ours = similarity(source, target)
    theirs = cv2.estimateAffinePartial2D(source, target, method=cv2.LMEDS, refineIters=100)[0]
    residual = [np.square(source @ m[:, :2].T + m[:, 2] - target).sum() for m in (ours, theirs)]
    assert residual[0] <= residual[1] + 1e-3


def test_coinciding_landmarks_are_refused():
    with pytest.raises(FaceError, match='coincide'):
        similarity(np.zeros((5, 2), np.float32), TEMPLATE)


def test_landmarks_come_to_lie_on_the_template(yunet, photos):
    for photo in photos.values():
        face = yunet.detect(photo)[0]
        matrix = to_crop(face, 48)
        placed = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        assert np.abs(placed - TEMPLATE * 48).max() < 5


def test_crop_of_a_box_is_the_box():
    gray = np.zeros((100, 100), np.uint8)
    gray[20:60, 30:70] = 200
    found = crop(gray, Detection(np.float32([30, 19.08, 40, 40]), 1), 40, margin=0)
    assert (found[1:-1, 1:-1] == 200).all()


def test_pixels_are_not_shifted_by_half():
    ramp = np.tile(np.arange(100, dtype=np.uint8), (100, 1))
    same = crop(ramp, _box(20, 20 - 0.023 * 40, 40, 40), 40, margin=0)
    np.testing.assert_array_equal(same[5], np.arange(20, 60))
    half = crop(ramp, _box(20, 20, 40, 40), 20, margin=0).astype(float)
    np.testing.assert_allclose(half[5], np.arange(20.5, 60, 2), atol=0.51)


def test_large_faces_are_averaged_not_sampled():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (800, 800), np.uint8)
    small = crop(noise, _box(50, 50, 700, 700), 48)
    assert small.std() < 12  # 700 / 48 squared pixels a pixel; sampling would keep 74


@pytest.mark.parametrize(
    'box',
    [(-50, -50, 100, 100), (590, 430, 100, 100), (-900, 20, 60, 60), (0, 0, 5000, 5000),
     (300, 200, 1, 1), (639, 479, 3, 3)],
)  # fmt: skip
def test_boxes_over_the_edge_repeat_the_border(box):
    gray = np.full((480, 640), 77, np.uint8)
    found = crop(gray, _box(*box), 48)
    assert found.shape == (48, 48)
    assert (found == 77).all()


@pytest.mark.parametrize('box', [(10, 10, 0, 0), (10, 10, float('nan'), 10), (0, 0, -5, -5)])
def test_boxes_without_size_are_refused(box):
    with pytest.raises(FaceError, match='a face of'):
        crop(np.zeros((50, 50), np.uint8), _box(*box), 48)


def test_box_and_landmark_crops_show_the_same_face(haar, yunet, photos):
    """The margin was chosen so that a haar box is cut as its landmarks would have it."""
    sides = []
    for photo in photos.values():
        bare = max(haar.detect(photo), key=lambda d: d.score)
        full = yunet.detect(photo)[0]
        one, two = to_crop(bare, 48, BOX_MARGIN), to_crop(full, 48)
        sides.append(np.hypot(two[0, 0], two[1, 0]) / one[0, 0])
        placed = full.landmarks @ one[:, :2].T + one[:, 2]
        assert np.abs(placed - TEMPLATE * 48).mean() < 5
    assert np.median(sides) == pytest.approx(1, abs=0.15)


def test_a_turned_head_is_set_upright(yunet, photos):
    photo = photos['image0000015.jpg']
    height, width = photo.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 20, 1)
    turned = cv2.warpAffine(photo, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    crops = [
        crop(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), yunet.detect(image)[0], 48).astype(float)
        for image in (photo, turned)
    ]
    assert np.corrcoef(crops[0].ravel(), crops[1].ravel())[0, 1] > 0.97
