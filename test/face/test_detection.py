import numpy as np
import pytest

from mer_ros.face.detection import checked
from mer_ros.face.errors import FaceError


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros(3, np.uint8),
        None,
        b'123',
    ],
)
def test_what_is_no_bgr_image_is_refused(image):
    with pytest.raises(FaceError, match=r'^an (empty )?image of'):
        checked(image)


@pytest.mark.parametrize('shape', [(1, 1, 3), (3, 500, 3), (31, 33, 3), (600, 20, 3)])
def test_odd_sizes_find_nothing_and_break_nothing(shape, haar, yunet):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for detector in (haar, yunet):
        for found in detector.detect(image):
            assert np.isfinite(found.box).all()


def test_both_detectors_find_every_photo_in_the_same_place(haar, yunet, photos):
    for name, photo in photos.items():
        box = max(haar.detect(photo), key=lambda d: d.score).box
        points = max(yunet.detect(photo), key=lambda d: d.score).landmarks
        inside = (points > box[:2]).all() and (points < box[:2] + box[2:]).all()
        assert inside, name


def test_both_detectors_keep_off_pictures_without_faces(haar, yunet):
    rng = np.random.default_rng(3)
    pictures = [np.full((480, 640, 3), level, np.uint8) for level in (0, 128, 255)]
    pictures += [rng.integers(0, 256, (480, 640, 3), np.uint8)]
    ramp = np.linspace(0, 255, 640).astype(np.uint8)
    pictures += [np.repeat(np.tile(ramp, (480, 1))[..., None], 3, 2)]
    for picture in pictures:
        assert yunet.detect(picture) == []
        assert haar.detect(picture) == []


def test_scale_of_the_image_does_not_move_the_face(yunet, haar, photographed):
    import cv2

    image = photographed('user_happy.jpg', 100, 50, 300)
    large = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    for detector in (haar, yunet):
        one, two = detector.detect(image)[0].box, detector.detect(large)[0].box / 2
        assert np.abs(one - two).max() < 0.06 * one[2]
