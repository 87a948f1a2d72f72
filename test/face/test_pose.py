import cv2
import numpy as np
import pytest

from mer_ros.face.alignment import TEMPLATE
from mer_ros.face.pose import NOSE_DEPTH, head_pose

_EYES = np.linalg.norm(TEMPLATE[1] - TEMPLATE[0])
_HEAD = np.column_stack([TEMPLATE - TEMPLATE.mean(axis=0), np.zeros(5)]).astype(np.float64)
_HEAD[2, 2] = -NOSE_DEPTH * _EYES  # the camera looks along +z


def _turned(yaw, pitch=0.0, roll=0.0, distance=12.0):
    """Project the model head, turned by degrees, as a camera some face sizes away sees it."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points = _HEAD @ (about_z @ about_x @ about_y).T
    return (points[:, :2] / (1 + points[:, 2:] / distance) * 100 + 300).astype(np.float32)


@pytest.mark.parametrize('yaw', [-45, -20, 0, 20, 45])
def test_yaw_is_found(yaw):
    pose = head_pose(_turned(yaw))
    assert pose.yaw == pytest.approx(yaw, abs=4)
    assert pose.pitch == pytest.approx(0, abs=5)


@pytest.mark.parametrize('pitch', [-30, -15, 15, 30])
def test_pitch_is_found_and_down_is_positive(pitch):
    found = head_pose(_turned(0, pitch)).pitch
    assert found == pytest.approx(pitch, abs=8)


@pytest.mark.parametrize('roll', [-170, -40, 0, 25, 90])
def test_roll_is_found_and_changes_nothing_else(roll):
    pose = head_pose(_turned(15, 0, roll))
    assert pose.roll == pytest.approx(roll, abs=3)
    assert pose.yaw == pytest.approx(15, abs=3)


def test_a_face_that_looks_right_in_the_image_has_positive_yaw():
    points = (TEMPLATE * 100).astype(np.float32)
    points[2, 0] += 5
    assert head_pose(points).yaw > 0


def test_agrees_with_a_full_perspective_solution():
    """solvePnP with the same head model is the reference that needs a camera model."""
    camera = np.array([[1200, 0, 300], [0, 1200, 300], [0, 0, 1]], np.float64)
    for yaw in (-35, -10, 25, 40):
        points = _turned(yaw).astype(np.float64)
        solved, rotation, _ = cv2.solvePnP(
            _HEAD * 100, points, camera, None, flags=cv2.SOLVEPNP_EPNP
        )
        assert solved
        matrix = cv2.Rodrigues(rotation)[0]
        reference = np.degrees(np.arctan2(matrix[0, 2], matrix[2, 2]))
        assert abs(head_pose(points.astype(np.float32)).yaw) == pytest.approx(abs(reference), abs=6)


def test_photos_of_frontal_faces_are_frontal(yunet, photos):
    poses = [head_pose(yunet.detect(photo)[0].landmarks) for photo in photos.values()]
    assert np.median([abs(pose.yaw) for pose in poses]) < 12
    assert np.median([abs(pose.pitch) for pose in poses]) < 20


@pytest.mark.parametrize('points', [np.zeros((5, 2)), (TEMPLATE * [1, -1])[::-1]])
def test_impossible_points_count_as_turned_away(points):
    assert head_pose(points.astype(np.float32)).yaw == 90
