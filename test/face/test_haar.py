import itertools

import numpy as np
import pytest

from mer_ros.face.errors import FaceError
from mer_ros.face.haar import HaarDetector, score_of
from mer_ros.models.errors import ModelError


def test_score_is_a_probability_that_grows_with_the_weight():
    scores = [score_of(weight) for weight in np.linspace(-20, 60, 200)]
    assert all(0 <= score <= 1 for score in scores)
    assert all(b >= a for a, b in itertools.pairwise(scores))


def test_real_faces_score_high(haar, photos):
    scores = [max(found.score for found in haar.detect(photo)) for photo in photos.values()]
    assert min(scores) > 0.5
    assert np.median(scores) > 0.95


def test_detection_does_not_depend_on_what_was_seen_before(haar, photos):
    first = [[tuple(d.box) for d in haar.detect(photo)] for photo in photos.values()]
    again = [[tuple(d.box) for d in haar.detect(photo)] for photo in reversed(photos.values())]
    assert first == again[::-1]


def test_it_must_be_loaded(photos):
    with pytest.raises(ModelError, match=r'call load\(\) first'):
        HaarDetector().detect(photos['user_happy.jpg'])


@pytest.mark.parametrize(
    'options', [{'long_side': 3}, {'scale_factor': 1.0}, {'neighbours': 0}, {'min_face': 4}]
)
def test_settings_that_cannot_work_are_refused(options):
    with pytest.raises(FaceError, match='haar: '):
        HaarDetector(**options)


def test_an_opencv_without_cascades_is_named_with_the_mend(monkeypatch):
    import cv2

    monkeypatch.delattr(cv2, 'CascadeClassifier')
    with pytest.raises(ModelError, match='opencv-contrib-python-headless<5'):
        HaarDetector().load()


def test_a_cascade_that_is_not_one_is_named(tmp_path, monkeypatch):
    from mer_ros.models import store

    path = tmp_path / 'haarcascade_frontalface_default.xml'
    path.write_text('<opencv_storage></opencv_storage>')
    monkeypatch.setattr(store, '_package_folders', lambda _: (tmp_path,))
    with pytest.raises(ModelError, match='OpenCV cannot read'):
        HaarDetector().load()
