"""MediaPipe's face mesh: 68 points where the face has them, its pose, and the open mouth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mer_ros.face.detection import Detection
from mer_ros.face.landmarks import mouth_opening
from mer_ros.face.mesh import IBUG, FaceMesh
from mer_ros.face.pose import head_pose
from mer_ros.models.errors import ModelError


@pytest.fixture(scope='module')
def mesh():
    landmarker = FaceMesh()
    landmarker.load()
    return landmarker


def _five(points):
    """The five points of a detector out of 68."""
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    return np.array([*eyes, points[30], points[48], points[54]])


def test_the_68_points_lie_where_the_detectors_five_do(mesh, yunet, photos):
    errors = []
    for image in photos.values():
        face = yunet.detect(image)[0]
        points = mesh.locate(image, [face])[0]
        assert points.shape == (68, 2)
        assert points.dtype == np.float32
        distance = np.linalg.norm(face.landmarks[1] - face.landmarks[0])
        errors.append(np.linalg.norm(_five(points) - face.landmarks, axis=1) / distance)
    assert np.median(errors) < 0.08
    assert np.max(np.mean(errors, axis=1)) < 0.2


def test_the_points_keep_the_order_of_ibug(mesh, yunet, photos):
    image = photos['user_happy.jpg']
    points = mesh.locate(image, yunet.detect(image))[0]
    jaw, nose, mouth = points[:17], points[27:31], points[48:68]
    assert (np.diff(jaw[2:15, 0]) > 0).all()
    assert jaw[8, 1] == jaw[:, 1].max()
    assert (np.diff(nose[:, 1]) > 0).all()
    assert mouth[0, 0] == mouth[:, 0].min()
    assert mouth[6, 0] == mouth[:, 0].max()
    assert (points[17:27, 1].max()) < points[36:48, 1].min()
    assert len(set(IBUG)) == 68


def test_a_box_without_landmarks_is_enough(mesh, yunet, photos):
    image = photos['user_surprised.jpg']
    face = yunet.detect(image)[0]
    bare = Detection(face.box, face.score)
    with_points, without = (mesh.locate(image, [each])[0] for each in (face, bare))
    assert np.linalg.norm(with_points - without, axis=1).mean() < 0.05 * face.box[2]


def test_moved_turned_and_scaled_images_move_the_points_alike(mesh, yunet, photos):
    image = photos['user_happy.jpg']
    face = yunet.detect(image)[0]
    points = mesh.locate(image, [face])[0]
    matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), 25, 0.8)
    turned = cv2.warpAffine(image, matrix, image.shape[1::-1])
    moved = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
    other = mesh.mesh(turned, Detection(face.box, 0.9, moved.astype(np.float32)))
    expected = points @ matrix[:, :2].T + matrix[:, 2]
    assert np.linalg.norm(other.landmarks - expected, axis=1).mean() < 0.03 * face.box[2]
    assert other.pose.roll - mesh.mesh(image, face).pose.roll == pytest.approx(-25, abs=2)


def test_the_mouth_is_open_where_it_is(mesh, yunet, photos):
    opening = {}
    for name, image in photos.items():
        opening[name] = mouth_opening(mesh.locate(image, yunet.detect(image)[:1])[0])
    assert opening['user_surprised.jpg'] > opening['user_angry.jpg'] + 0.1
    assert opening['user_angry.jpg'] < 0.1
    tilt = np.array([[0.8, -0.6], [0.6, 0.8]])
    points = mesh.locate(photos['user_surprised.jpg'], yunet.detect(photos['user_surprised.jpg']))
    assert mouth_opening(points[0] @ tilt.T * 3) == pytest.approx(opening['user_surprised.jpg'])


def test_the_pose_follows_that_of_the_five_points(mesh, yunet, clip):
    pairs = []
    for name in ('WDA_AlexandriaOcasioCortez_000.mp4', 'video-retalking_face_3.mp4'):
        for _, image in clip(name, 20, 5):
            face = yunet.detect(image)[0]
            ours, other = mesh.mesh(image, face).pose, head_pose(face.landmarks)
            pairs.append((ours.yaw, other.yaw, ours.roll, other.roll))
    yaw, other_yaw, roll, other_roll = np.array(pairs).T
    assert np.corrcoef(yaw, other_yaw)[0, 1] > 0.7
    assert np.abs(roll - other_roll).mean() < 5


def test_a_mirrored_face_is_turned_the_other_way(mesh, yunet, photos):
    for name in ('image0003626.jpg', 'user_happy.jpg'):
        image = photos[name]
        mirrored = np.ascontiguousarray(image[:, ::-1])
        one, other = (mesh.mesh(i, yunet.detect(i)[0]).pose for i in (image, mirrored))
        assert other.yaw == pytest.approx(-one.yaw, abs=6)
        assert other.pitch == pytest.approx(one.pitch, abs=6)


def test_where_there_is_no_face_there_are_no_points(mesh):
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    assert mesh.locate(noise, [Detection(np.float32([200, 100, 150, 150]), 0.5)]) == [None]
    assert mesh.locate(noise, []) == []


def test_it_must_be_loaded(photos):
    with pytest.raises(ModelError, match=r'call load\(\) first'):
        FaceMesh().mesh(photos['user_happy.jpg'], Detection(np.float32([0, 0, 9, 9]), 1.0))
