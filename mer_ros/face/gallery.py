"""Giving a face that comes back the name it had, by its embedding.

Only in memory, only for as long as asked for, and all of it is forgotten on reset: names hold
within one run of the camera and say nothing about who somebody is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.face.embedding import unit

_SHARE = 0.3
"""Of a new view in the vector kept for a face: it follows slow changes of light and pose."""


@dataclass(frozen=True)
class _Seen:
    vector: NDArray[np.float32]
    stamp_ns: int


class Gallery:
    """The embeddings of the faces seen lately, by name.

    Args:
        least_similarity: cosine from which a face is taken for one seen before.
        keep_s: seconds of stamps for which a face that is gone is remembered; 0: no name is given
            again.
    """

    def __init__(self, least_similarity: float, keep_s: float) -> None:
        self._least_similarity = least_similarity
        self._keep_ns = round(keep_s * 1e9)
        self._seen: dict[str, _Seen] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The faces that are remembered."""
        return tuple(self._seen)

    def reset(self) -> None:
        """Forget every face."""
        self._seen.clear()

    def forget(self, stamp_ns: int, alive: Collection[str]) -> None:
        """Forget the faces that have been gone for too long.

        Args:
            stamp_ns: of the image.
            alive: names of the faces that are followed now: these stay.
        """
        self._seen = {
            name: _Seen(seen.vector, stamp_ns) if name in alive else seen
            for name, seen in self._seen.items()
            if name in alive or stamp_ns - seen.stamp_ns <= self._keep_ns
        }

    def note(self, name: str, vector: NDArray[np.float32], stamp_ns: int) -> None:
        """Remember a view of a face: (D,) float32 of length 1."""
        if name in self._seen:
            vector = unit((1.0 - _SHARE) * self._seen[name].vector + _SHARE * vector)
        self._seen[name] = _Seen(vector, stamp_ns)

    def recall(self, vector: NDArray[np.float32], taken: Collection[str]) -> str | None:
        """Return the name of the most similar face that is similar enough, if there is one.

        Args:
            vector: (D,) float32 of length 1.
            taken: names that other faces have now.
        """
        if not self._keep_ns:
            return None
        likely = {
            name: float(seen.vector @ vector)
            for name, seen in self._seen.items()
            if name not in taken
        }
        likely = {name: alike for name, alike in likely.items() if alike >= self._least_similarity}
        return max(likely, key=lambda name: likely[name], default=None)
