import math

import cv2
import numpy as np
import pytest

from mer_ros.face.alignment import TEMPLATE, crop
from mer_ros.face.detection import Detection
from mer_ros.face.quality import assess, sharpness


@pytest.fixture
def face(yunet, photos):
    """A large frontal face of a photo and its crop."""
    photo = photos['image0000015.jpg']
    found = yunet.detect(photo)[0]
    return found, crop(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), found, 48)


def _box(side, score=1.0, landmarks=None):
    return Detection(np.float32([0, 0, side, side]), score, landmarks)


def test_a_good_view_is_worth_nearly_all(face):
    assert assess(*face, 0.99).reliability > 0.8


def test_reliability_is_the_product_with_size_and_sharpness_counted_once(face):
    quality = assess(Detection(np.float32([0, 0, 10, 10]), 0.5), face[1] // 6, 0.7)
    factors = [quality.light, quality.pose, quality.detection, quality.face]
    detail = min(quality.size, quality.sharpness)
    assert quality.reliability == pytest.approx(detail * math.prod(factors))
    assert all(0 < factor <= 1 for factor in (*factors, quality.size, quality.sharpness))
    assert quality.reliability < 0.5


def test_smaller_is_worse(face):
    values = [assess(_box(side), face[1]).size for side in (4, 8, 12, 20, 48, 100)]
    assert values == sorted(values)
    assert values[0] < 0.2
    assert values[-1] == 1


def test_blur_costs_and_contrast_does_not_count_as_sharpness(face):
    detection, view = face
    blurred = [cv2.GaussianBlur(view, (0, 0), sigma) for sigma in (0.5, 1, 1.5, 2, 3)]
    values = [assess(detection, image).sharpness for image in blurred]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5
    flat = (view * 0.5).astype(np.uint8)
    assert sharpness(flat) == pytest.approx(sharpness(view), rel=0.1)


def test_a_classifier_with_larger_crops_finds_the_same_quality(yunet, photos):
    photo = photos['image0000015.jpg']
    grey = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
    for sigma in (0.0, 1.5, 3.0):
        view = cv2.GaussianBlur(grey, (0, 0), sigma) if sigma else grey
        found = yunet.detect(cv2.cvtColor(view, cv2.COLOR_GRAY2BGR))[0]
        ours = assess(found, crop(view, found, 48))
        for side in (96, 112, 224):
            theirs = assess(found, crop(view, found, side))
            assert theirs.sharpness == pytest.approx(ours.sharpness, abs=0.08)
            assert theirs.light == pytest.approx(ours.light, abs=0.02)


def test_darkness_and_emptiness_cost(face):
    detection, view = face
    values = [assess(detection, (view * share).astype(np.uint8)).light
              for share in (1, 0.3, 0.1, 0.02, 0)]  # fmt: skip
    assert values == sorted(values, reverse=True)
    assert values[0] == 1
    assert values[-1] == 0


def test_turning_away_costs_only_where_landmarks_tell(face):
    turned = (TEMPLATE * 100).astype(np.float32)
    turned[2, 0] += 40
    assert assess(_box(100), face[1]).pose == 1
    assert assess(_box(100, 1.0, (TEMPLATE * 100).astype(np.float32)), face[1]).pose == 1
    assert assess(_box(100, 1.0, turned), face[1]).pose < 0.7


def test_doubt_of_detector_and_classifier_costs(face):
    detection, view = face
    assert assess(_box(100, 0.3), view).detection < assess(_box(100, 0.95), view).detection
    assert assess(detection, view, 0.1).face < assess(detection, view, 0.9).face
    assert assess(detection, view, math.nan).face == 1


@pytest.mark.parametrize('level', [0, 255])
def test_an_empty_crop_is_worth_nothing(level):
    assert assess(_box(100), np.full((48, 48), level, np.uint8)).reliability == 0
