"""``mesh``: MediaPipe's face mesh (Kartynnik et al., 2019), 468 points of a face in 3-D.

The weights are embedded, converted to ONNX (training/mesh_conversion.py), so that neither
MediaPipe nor a TensorFlow Lite runtime is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.face.alignment import to_crop
from mer_ros.face.detection import Detection, Image, checked
from mer_ros.face.pose import HeadPose
from mer_ros.models import store
from mer_ros.models.card import ModelCard
from mer_ros.models.errors import ModelError
from mer_ros.models.session import OnnxModel

MODEL, SIZE, COUNT = 'face_mesh', 192, 468
# Its training crops are 1.5 times the mesh's extent: that is this many sides of our crop, and so
# far below its middle (means over the shared photos, two rounds of fitting).
_WIDER, _LOWER = 1.45, 0.05

IBUG = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,  # jaw
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,  # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # lips, outside
    78, 82, 13, 312, 308, 317, 14, 87,  # lips, inside
)  # fmt: skip
"""Points of the mesh that lie where iBUG's 68 do (Sagonas et al., 2013)."""

# Pairs across the face (subject's right, left), and from the forehead to the chin.
_ACROSS = ((33, 263), (61, 291), (234, 454), (58, 288))
_ALONG = (10, 152)


@dataclass(frozen=True)
class Mesh:
    """The mesh of one face.

    Attributes:
        points: (468, 3) float32: pixels of the image, z away from the camera, 0 at the face's
            middle.
        score: P(there is a face), 0..1.
    """

    points: NDArray[np.float32]
    score: float

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """(68, 2) float32 pixels, order of iBUG."""
        return self.points[list(IBUG), :2]

    @property
    def pose(self) -> HeadPose:
        """Which way the head is turned, from the mesh's own three axes."""
        across = np.mean([self.points[b] - self.points[a] for a, b in _ACROSS], axis=0)
        across /= max(float(np.linalg.norm(across)), 1e-9)
        along = self.points[_ALONG[1]] - self.points[_ALONG[0]]
        x, y, z = (float(value) for value in -np.cross(across, along))
        return HeadPose(
            yaw=math.degrees(math.atan2(x, -z)),
            pitch=math.degrees(math.atan2(y, math.hypot(x, z))),
            roll=math.degrees(math.atan2(float(across[1]), float(across[0]))),
        )


class FaceMesh:
    """The landmarker ``mesh``.

    Args:
        threshold: least P(face) of a mesh that :meth:`locate` gives.
        threads: of ONNX Runtime.
    """

    name = 'mesh'

    def __init__(self, threshold: float = 0.5, threads: int = 1) -> None:
        self.version = ''
        self._threshold = threshold
        self._threads = threads
        self._net: OnnxModel | None = None

    def load(self) -> None:
        """Read the weights and the card.

        Raises:
            ModelError: one of them is missing or damaged, or the model has another interface.
        """
        path = store.find(MODEL)
        net = OnnxModel(path, self._threads)
        if net.inputs != {'image': (1, SIZE, SIZE, 3)} or {'points', 'face_logit'} - {*net.outputs}:
            raise ModelError(
                f'{path} must take image (1, {SIZE}, {SIZE}, 3) and give points and face_logit, '
                f'but takes {net.inputs} and gives {net.outputs}'
            )
        self.version = ModelCard.read(path).version
        self._net = net

    def locate(
        self, image_bgr: Image, faces: Sequence[Detection]
    ) -> list[NDArray[np.float32] | None]:
        """Return (68, 2) float32 pixels for each face, None where the mesh sees none.

        Raises:
            ModelError: it is not loaded.
            FaceError: the image is no (H, W, 3) uint8 one, or a face has no size.
        """
        meshes = (self.mesh(image_bgr, face) for face in faces)
        return [mesh.landmarks if mesh.score >= self._threshold else None for mesh in meshes]

    def mesh(self, image_bgr: Image, face: Detection) -> Mesh:
        """Return the mesh of one face; raises what :meth:`locate` does."""
        if self._net is None:
            raise ModelError('the landmarker mesh is not loaded: call load() first')
        matrix = _to_view(face)
        # cv2 takes pixel centres as whole numbers; our coordinates have them at one half.
        centred = matrix.copy()
        centred[:, 2] += centred[:, :2] @ np.array([0.5, 0.5]) - 0.5
        view = cv2.warpAffine(
            checked(image_bgr),
            centred,
            (SIZE, SIZE),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        rgb = np.ascontiguousarray(view[None, :, :, ::-1], np.float32) / np.float32(255.0)
        found = self._net.run({'image': rgb})
        points = found['points'].reshape(COUNT, 3).astype(np.float64)
        back = cv2.invertAffineTransform(matrix)
        scale = math.hypot(back[0, 0], back[1, 0])
        placed = np.column_stack([points[:, :2] @ back[:, :2].T + back[:, 2], points[:, 2] * scale])
        logit = float(found['face_logit'].reshape(-1)[0])
        return Mesh(
            placed.astype(np.float32), 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, logit))))
        )


def _to_view(face: Detection) -> NDArray[np.float64]:
    """Return the (2, 3) map from pixels of the image to those of what the network sees."""
    matrix = to_crop(face, SIZE).astype(np.float64) / _WIDER
    middle = SIZE * np.array([0.5, 0.5 + _LOWER])
    matrix[:, 2] += SIZE / 2 - middle / _WIDER
    return matrix
