"""How much a view of a face is worth: its product is the reliability of the estimate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face.detection import Detection
from mer_ros.face.pose import head_pose


@dataclass(frozen=True)
class FaceQuality:
    """Factors of the reliability, each 0..1 (1: costs nothing).

    Attributes:
        size: pixels of the face in the image.
        sharpness: fine detail of the crop, whatever its contrast.
        light: contrast of the crop, which darkness and glare take away.
        pose: turned away by yaw and pitch; 1 where no landmarks tell.
        detection: the detector's score.
        face: the classifier's P(this is a face); 1 where it has no such output.
    """

    size: float
    sharpness: float
    light: float
    pose: float
    detection: float
    face: float

    @property
    def reliability(self) -> float:
        """Product of the factors, 0..1."""
        return math.prod(
            (self.size, self.sharpness, self.light, self.pose, self.detection, self.face)
        )


def assess(
    detection: Detection, crop: NDArray[np.uint8], face_score: float = math.nan
) -> FaceQuality:
    """Judge one view of a face.

    Args:
        detection: the face.
        crop: (S, S) uint8 grey, as it was classified.
        face_score: P(face) of the classifier, nan where it has none.
    """
    pixels = math.sqrt(max(0.0, float(detection.box[2]) * float(detection.box[3])))
    return FaceQuality(
        size=_ramp(pixels, 12.0, 48.0),
        sharpness=_ramp(sharpness(crop), 0.0, 0.1),
        light=_ramp(float(crop.std()), 4.0, 24.0),
        pose=1.0 if detection.landmarks is None else _facing(detection.landmarks),
        detection=_ramp(detection.score, 0.0, 0.9),
        face=1.0 if math.isnan(face_score) else _ramp(face_score, 0.0, 0.9),
    )


def sharpness(crop: NDArray[np.uint8]) -> float:
    """Return the variance of the crop's Laplacian over the crop's own variance.

    The variance of the Laplacian (Pech-Pacheco et al., 2000) at the crop's fixed size, made
    independent of contrast. Sensor noise raises it, so it is taken after a 3x3 binomial blur.
    """
    smooth = cv2.GaussianBlur(crop, (3, 3), 0).astype(np.float32)
    power = float(smooth.var())
    return float(cv2.Laplacian(smooth, cv2.CV_32F).var()) / power if power > 1.0 else 0.0


def _facing(landmarks: NDArray[np.float32]) -> float:
    pose = head_pose(landmarks)
    return _ramp(-abs(pose.yaw), -75.0, -20.0) * _ramp(-abs(pose.pitch), -60.0, -25.0)


def _ramp(value: float, zero: float, one: float) -> float:
    """Return 0 up to ``zero``, 1 from ``one``, a straight line between."""
    return min(1.0, max(0.0, (value - zero) / (one - zero)))
