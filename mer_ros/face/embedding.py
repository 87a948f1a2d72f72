"""What a face embedder is: it turns faces into vectors that lie close for the same person.

Embeddings identify people. They are off unless asked for, live in memory only, for as long as a
face may come back, and nothing here writes or logs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mer_ros.face.detection import Detection, Image


@dataclass(frozen=True)
class FaceEmbedding:
    """The embedding of one face in one image.

    Attributes:
        subject_id: the face's name, as in the estimates.
        vector: (D,) float32 of length 1.
    """

    subject_id: str
    vector: NDArray[np.float32]


class FaceEmbedder(Protocol):
    """Turns faces into vectors; each face by itself.

    Attributes:
        name: for example ``arcface``.
        version: known after :meth:`load`.
        least_similarity: cosine from which two faces are taken for the same person.
    """

    name: str
    version: str
    least_similarity: float

    def load(self) -> None:
        """Read the weights.

        Raises:
            ModelError: they are missing or damaged.
        """

    def embed(self, image_bgr: Image, faces: Sequence[Detection]) -> NDArray[np.float32]:
        """Return (N, D) vectors of length 1 for N ≥ 0 faces of a (H, W, 3) uint8 BGR image."""


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (N, D) vectors scaled to length 1; zeros stay zeros."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)
