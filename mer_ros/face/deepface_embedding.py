"""``arcface``, ``facenet``, ``vgg_face``: the embedding networks of the deepface package.

Their published ONNX files are run directly, as in ``deepface_emotion``. A face goes in as in
``DeepFace.represent`` with its defaults: upright, BGR, 0..1, not normalised further; but cut out
by our alignment, square, instead of letterboxed in black.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mer_ros.face.alignment import crop
from mer_ros.face.detection import Detection, Image, checked
from mer_ros.face.embedding import unit
from mer_ros.models import store
from mer_ros.models.errors import ModelError
from mer_ros.models.session import OnnxModel


class DeepFaceEmbedder:
    """One of deepface's embedding networks; the classes below say which.

    Args:
        threads: of ONNX Runtime.
    """

    name = ''
    version = ''
    model = ''
    """Name in the catalogue."""
    # One less deepface's own distance for "verified" (its config/threshold.py, cosine).
    least_similarity = 0.0

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._net: OnnxModel | None = None
        self._input = ''
        self._size = 0

    def load(self) -> None:
        """Read the weights.

        Raises:
            ModelError: they are missing, damaged or another kind of network's.
        """
        weights = store.find(self.model)
        net = OnnxModel(weights, self._threads)
        self._input, shape = next(iter(net.inputs.items()))
        size = shape[1] if len(shape) == 4 and shape[3] == 3 and shape[1] == shape[2] else 0
        if not isinstance(size, int) or not size or len(net.inputs) != 1:
            raise ModelError(
                f'{weights} takes {net.inputs}, not (N, S, S, 3): it is not the network '
                f'{self.name} of deepface; delete that file and run `mer models pull {self.model}`'
            )
        self.version = '1.0'  # of the release that the files are published in
        self._size = size
        self._net = net

    def embed(self, image_bgr: Image, faces: Sequence[Detection]) -> NDArray[np.float32]:
        """Return (N, D) float32 vectors of length 1, N ≥ 0.

        Raises:
            ModelError: it is not loaded.
            FaceError: the image is no (H, W, 3) uint8 one, or a face has no size.
        """
        if self._net is None:
            raise ModelError(f'the embedder {self.name} is not loaded: call load() first')
        if not faces:
            return np.zeros((0, 0), np.float32)
        planes = [np.ascontiguousarray(plane) for plane in checked(image_bgr).transpose(2, 0, 1)]
        crops = np.stack([[crop(plane, face, self._size) for plane in planes] for face in faces])
        images = crops.transpose(0, 2, 3, 1).astype(np.float32) / np.float32(255.0)
        vectors = self._net.run({self._input: np.ascontiguousarray(images)})[self._net.outputs[0]]
        return unit(vectors.reshape(len(faces), -1))


class ArcFaceEmbedder(DeepFaceEmbedder):
    """ArcFace (Deng et al., 2019), 512 numbers."""

    name, model, least_similarity = 'arcface', 'arcface', 0.32


class FacenetEmbedder(DeepFaceEmbedder):
    """FaceNet (Schroff et al., 2015), 128 numbers."""

    name, model, least_similarity = 'facenet', 'facenet', 0.6


class VggFaceEmbedder(DeepFaceEmbedder):
    """VGG-Face (Parkhi et al., 2015), 4096 numbers."""

    name, model, least_similarity = 'vgg_face', 'vgg_face', 0.32
