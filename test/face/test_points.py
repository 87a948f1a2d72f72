import cv2
import networks
import numpy as np
import pytest

from mer_ros.face.detection import Detection
from mer_ros.face.pipeline import FacePipeline
from mer_ros.face.points import LandmarkNet
from mer_ros.face.settings import FaceSettings
from mer_ros.models.errors import ModelError

embedded = pytest.mark.skipif(
    not LandmarkNet.available(), reason='the embedded model is not in this checkout'
)


def test_it_must_be_loaded():
    with pytest.raises(ModelError, match=r'call load\(\) first'):
        LandmarkNet().fill(np.zeros((9, 9), np.uint8), [])


@embedded
def test_points_of_haar_boxes_are_near_yunets(haar, yunet, photos):
    net = LandmarkNet()
    net.load()
    errors = []
    for photo in photos.values():
        gray = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
        bare = max(haar.detect(photo), key=lambda d: d.score)
        ours = net.fill(gray, [bare])[0].landmarks
        theirs = yunet.detect(photo)[0].landmarks
        eyes = np.linalg.norm(theirs[1] - theirs[0])
        errors.append(np.linalg.norm(ours - theirs, axis=1).mean() / eyes)
    assert np.median(errors) < 0.15


@embedded
def test_landmarks_that_are_there_are_kept():
    net = LandmarkNet()
    net.load()
    known = Detection(np.float32([0, 0, 50, 50]), 1.0, np.float32(np.eye(5, 2)))
    gray = np.zeros((60, 60), np.uint8)
    bare = Detection(np.float32([5, 5, 50, 50]), 1.0)
    filled = net.fill(gray, [known, bare])
    assert filled[0] is known
    assert filled[1].landmarks.shape == (5, 2)
    assert net.fill(gray, []) == []


@pytest.fixture
def own_net(tmp_path, monkeypatch, write_card):
    """Write a network of zeros, of the given shape of points, where the user's models lie."""

    def write(*shape):
        networks.write_zeros(tmp_path / 'face_points.onnx', points=shape)
        write_card(tmp_path / 'face_points.onnx')
        monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))

    return write


def test_points_of_another_shape_are_refused_when_they_are_loaded(own_net):
    own_net(8)
    with pytest.raises(ModelError, match=r'face_points\.onnx must give points .*gives \(2, 8\)'):
        LandmarkNet().load()
    own_net(5, 2)
    LandmarkNet().load()


def test_points_that_coincide_leave_the_face_its_box(own_net, haar, brightness, photographed):
    own_net(5, 2)
    pipeline = FacePipeline(haar, brightness, FaceSettings(landmarks='auto'))
    pipeline.load()
    (estimate,) = pipeline.process(photographed('user_happy.jpg', 100, 50, 300), 0).estimates
    assert len(estimate.landmarks) == 0


@embedded
@pytest.mark.parametrize(('setting', 'count'), [('auto', 5), ('off', 0)])
def test_the_setting_decides(haar, brightness, photographed, setting, count):
    pipeline = FacePipeline(haar, brightness, FaceSettings(landmarks=setting))
    pipeline.load()
    array = pipeline.process(photographed('user_happy.jpg', 100, 50, 300), 0)
    assert len(array.estimates[0].landmarks) == count
