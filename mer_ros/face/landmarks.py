"""What a landmarker is, and what 68 landmarks tell: how far the mouth is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mer_ros.face.detection import Detection, Image

_RIGHT_EYE, _LEFT_EYE = slice(36, 42), slice(42, 48)
_UPPER_LIP, _LOWER_LIP = [61, 62, 63], [67, 66, 65]  # its inner edge, from right to left


class Landmarker(Protocol):
    """Finds dense landmarks of faces that a detector has found.

    Attributes:
        name: for example ``mesh``.
        version: known after :meth:`load`.
    """

    name: str
    version: str

    def load(self) -> None:
        """Read the weights.

        Raises:
            ModelError: they are missing or damaged.
        """

    def locate(
        self, image_bgr: Image, faces: Sequence[Detection]
    ) -> list[NDArray[np.float32] | None]:
        """Return (68, 2) float32 pixels in the order of iBUG for each face of a BGR image.

        None stands for a face that the landmarker sees none in.
        """


def mouth_opening(points: NDArray[np.floating]) -> float:
    """Return how far the lips are apart, in distances of the eyes; 0 is a closed mouth.

    Its change over time shows speech; its size, a wide-open mouth. What is measured is the gap
    along the line that is upright in the face, so that a tilted head changes nothing.

    Args:
        points: (68, 2), order of iBUG.
    """
    eyes = points[_LEFT_EYE].mean(axis=0) - points[_RIGHT_EYE].mean(axis=0)
    distance = float(np.hypot(*eyes))
    if distance < 1e-6:
        return 0.0
    down = np.array([-eyes[1], eyes[0]]) / distance
    gap = (points[_LOWER_LIP] - points[_UPPER_LIP]) @ down
    return max(0.0, float(gap.mean()) / distance)
