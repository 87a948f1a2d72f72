import cv2
import numpy as np
import pytest

from mer_ros.face.errors import FaceError
from mer_ros.face.yunet import YuNetDetector, suppress
from mer_ros.models.errors import ModelError


def _by_opencv(shared_data, image, threshold, overlap):
    """Return (boxes, points, scores) of cv2.FaceDetectorYN, best first."""
    weights = str(shared_data / 'weights' / 'face_detection_yunet_2023mar.onnx')
    size = (image.shape[1], image.shape[0])
    reference = cv2.FaceDetectorYN.create(weights, '', size, threshold, overlap, 5000)
    rows = reference.detect(image)[1]
    rows = np.zeros((0, 15), np.float32) if rows is None else rows
    rows = rows[np.argsort(-rows[:, 14], kind='stable')]
    return rows[:, :4], rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14]


@pytest.mark.skipif(not hasattr(cv2, 'FaceDetectorYN'), reason='this OpenCV has no reference')
@pytest.mark.parametrize('threshold', [0.5, 0.9])
def test_equals_opencvs_own_within_a_pixel(shared_data, monkeypatch, photos, clip, threshold):
    monkeypatch.setenv('MER_MODEL_DIR', str(shared_data / 'weights'))
    ours = YuNetDetector(long_side=0, threshold=threshold)
    ours.load()
    images = list(photos.values())
    images += [f for _, f in clip('face_recognition_short_hamilton_clip.mp4', 5, 50)]
    found = 0
    for image in images:
        boxes, points, scores = _by_opencv(shared_data, image, threshold, 0.3)
        mine = ours.detect(image)
        assert len(mine) == len(boxes)
        for detection, box, point, score in zip(mine, boxes, points, scores, strict=True):
            np.testing.assert_allclose(detection.box, box, atol=1)
            np.testing.assert_allclose(detection.landmarks, point, atol=1)
            assert detection.score == pytest.approx(score, abs=1e-3)
            found += 1
    assert found >= 10


def test_shrinking_the_image_moves_nothing_much(shared_data, monkeypatch, yunet, photographed):
    monkeypatch.setenv('MER_MODEL_DIR', str(shared_data / 'weights'))
    full = YuNetDetector(long_side=0)
    full.load()
    image = photographed('image0000015.jpg', 150, 40, 400)
    one, two = yunet.detect(image)[0], full.detect(image)[0]
    assert np.abs(one.landmarks - two.landmarks).max() < 0.05 * two.box[2]


def test_landmarks_come_in_the_order_of_the_messages(yunet, photos):
    right_eye, left_eye, nose, right_mouth, left_mouth = yunet.detect(photos['user_happy.jpg'])[
        0
    ].landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


def test_suppression_keeps_the_best_of_those_that_overlap():
    boxes = np.float32([[0, 0, 10, 10], [1, 0, 10, 10], [30, 0, 10, 10], [4, 0, 10, 10]])
    scores = np.float32([0.8, 0.9, 0.7, 0.6])
    assert suppress(boxes, scores, 0.3) == [1, 2]
    assert suppress(boxes, scores, 1.0) == [1, 0, 2, 3]
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.3) == []


def test_another_file_of_that_name_is_refused(shared_data, tmp_path, monkeypatch):
    weights = (shared_data / 'weights' / 'face_detection_yunet_2023mar.onnx').read_bytes()
    path = tmp_path / 'face_detection_yunet_2023mar.onnx'
    monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))
    path.write_bytes(weights[:-1])
    with pytest.raises(ModelError, match='is damaged'):
        YuNetDetector().load()
    path.unlink()
    with pytest.raises(ModelError, match='mer models pull yunet'):
        YuNetDetector().load()


def test_it_must_be_loaded(photos):
    with pytest.raises(ModelError, match=r'call load\(\) first'):
        YuNetDetector().detect(photos['user_happy.jpg'])


@pytest.mark.parametrize(
    'options', [{'long_side': 10}, {'threshold': 0}, {'threshold': 1.5}, {'overlap': 0}]
)
def test_settings_that_cannot_work_are_refused(options):
    with pytest.raises(FaceError, match='yunet: '):
        YuNetDetector(**options)
