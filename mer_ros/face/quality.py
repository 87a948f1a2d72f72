"""How much a view of a face is worth: its product is the reliability of the estimate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face.detection import Detection
from mer_ros.face.pose import head_pose

SIDE = 48
"""Of the crops that the ranges below were fitted on; sharpness and contrast depend on it."""


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
        """Product of the factors, 0..1; of size and sharpness, which see one fault, the worse."""
        detail = min(self.size, self.sharpness)
        return detail * self.light * self.pose * self.detection * self.face


def assess(
    detection: Detection, crop: NDArray[np.uint8], face_score: float = math.nan
) -> FaceQuality:
    """Judge one view of a face.

    The ranges of size, sharpness, light and yaw follow the exponent that makes the classifier's
    answers likeliest on faces that it was not trained on, alone and beside a voice
    (`benchmarks/face_quality.py`, `benchmarks/degraded_faces.py --choose`). At their low end they
    go to 0, where that exponent no longer matters. That of pitch is a choice: too few of those
    faces look up or down.

    Args:
        detection: the face.
        crop: (S, S) uint8 grey, as it was classified; judged at 48 pixels where S is more.
        face_score: P(face) of the classifier, nan where it has none.
    """
    if crop.shape[0] > SIDE:
        shrunk = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        crop = np.asarray(shrunk, np.uint8)
    pixels = math.sqrt(max(0.0, float(detection.box[2]) * float(detection.box[3])))
    return FaceQuality(
        size=_log_ramp(pixels, 3.0, 28.0),
        sharpness=_log_ramp(sharpness(crop), 0.0002, 0.05),
        light=_log_ramp(float(crop.std()), 0.8, 7.0),
        pose=1.0 if detection.landmarks is None else _facing(detection.landmarks),
        detection=_ramp(detection.score, 0.0, 0.7),
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
    return _ramp(-abs(pose.yaw), -100.0, -20.0) * _ramp(-abs(pose.pitch), -60.0, -25.0)


def _ramp(value: float, zero: float, one: float) -> float:
    """Return 0 up to ``zero``, 1 from ``one``, a straight line between."""
    return min(1.0, max(0.0, (value - zero) / (one - zero)))


def _log_ramp(value: float, zero: float, one: float) -> float:
    """Return :func:`_ramp` on a logarithmic scale; 0 for what is not positive."""
    return _ramp(math.log(value), math.log(zero), math.log(one)) if value > 0.0 else 0.0
