"""Which way a head is turned, from five landmarks.

Weak perspective: the eyes and the mouth lie in a plane and the tip of the nose before it. Turned
by yaw, the tip moves sideways by depth x sin(yaw) while the eyes draw together by cos(yaw), so
tan(yaw) is the shift in eye distances over the depth in eye distances; pitch alike along the
face's long axis, measured from where the tip lies in a frontal face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.face.alignment import TEMPLATE

NOSE_DEPTH = 0.62
"""How far the tip of the nose stands out of the plane of eyes and mouth, in eye distances."""


@dataclass(frozen=True)
class HeadPose:
    """Degrees; zero is upright and straight into the camera.

    Attributes:
        yaw: positive: turned to the image's right.
        pitch: positive: looking down.
        roll: positive: tilted clockwise as seen in the image.
    """

    yaw: float
    pitch: float
    roll: float


def _across(points: NDArray[np.float64]) -> tuple[float, float, float, float, float]:
    """Return eye distance, eye-to-mouth distance, roll, and the nose's place across and along."""
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    axis = points[1] - points[0] + points[4] - points[3]
    roll = math.atan2(axis[1], axis[0])
    across = np.array([math.cos(roll), math.sin(roll)])
    along = np.array([-across[1], across[0]])
    width = float((points[1] - points[0]) @ across)
    length = float((mouth - eyes) @ along)
    nose = points[2] - (eyes + mouth) / 2
    return width, length, roll, float(nose @ across), float(nose @ along)


_WIDTH, _LENGTH, _, _, _NOSE = _across(TEMPLATE.astype(np.float64))


def head_pose(landmarks: NDArray[np.float32]) -> HeadPose:
    """Return the pose of a head from its (5, 2) landmarks; never fails.

    Points that no face could have (eyes upside down, on one spot) give the pose of a head turned
    fully away, 90 degrees.
    """
    width, length, roll, side, along = _across(landmarks.astype(np.float64))
    if width <= 1e-6 or length <= 1e-6:
        return HeadPose(90.0, 90.0, math.degrees(roll))
    yaw = math.atan2(side, NOSE_DEPTH * width)
    frontal = _NOSE / _LENGTH * length
    pitch = math.atan2(along - frontal, NOSE_DEPTH * _WIDTH / _LENGTH * length)
    return HeadPose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll))
