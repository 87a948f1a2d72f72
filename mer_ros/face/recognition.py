"""Names that last: embeds faces now and then, and gives those that come back their name back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mer_ros.face.detection import Detection, Image
from mer_ros.face.embedding import FaceEmbedder, FaceEmbedding
from mer_ros.face.gallery import Gallery
from mer_ros.face.tracking import Track, Tracker


class Recognition:
    """An embedder, when to use it, and what it remembers.

    Args:
        embedder: turns faces into vectors.
        keep_s: seconds of stamps for which a face that is gone is remembered.
    """

    def __init__(self, embedder: FaceEmbedder, keep_s: float) -> None:
        self._embedder = embedder
        self._gallery = Gallery(embedder.least_similarity, keep_s)
        self._embedded_ns: dict[str, int] = {}
        self.fresh: tuple[FaceEmbedding, ...] = ()
        """Of the last image."""

    @property
    def model(self) -> str:
        """For example ``arcface@1.0``."""
        return f'{self._embedder.name}@{self._embedder.version}'

    def load(self) -> None:
        """Read the weights and run once.

        Raises:
            ModelError: they are missing or damaged.
        """
        self._embedder.load()
        box = np.array([16, 16, 64, 64], np.float32)
        self._embedder.embed(np.zeros((96, 96, 3), np.uint8), [Detection(box, 1.0)])

    def reset(self) -> None:
        """Forget every face."""
        self._gallery.reset()
        self._embedded_ns.clear()
        self.fresh = ()

    def update(
        self,
        image: Image,
        tracks: Sequence[Track],
        tracker: Tracker,
        stamp_ns: int,
        interval_s: float,
    ) -> list[Track]:
        """Embed the faces that are new or due, and give the new ones the names they had.

        Args:
            image: (H, W, 3) uint8 BGR.
            tracks: of its faces.
            tracker: theirs; it is told of the names.
            stamp_ns: of the image.
            interval_s: seconds of stamps from one embedding of a face to the next.

        Returns:
            The tracks, by the names that hold from now on.
        """
        self._gallery.forget(stamp_ns, tracker.alive)
        remembered = set(self._gallery.names)
        self._embedded_ns = {n: ns for n, ns in self._embedded_ns.items() if n in remembered}
        named = list(tracks)
        due = [index for index, track in enumerate(named) if self._due(track, interval_s)]
        vectors = self._embedder.embed(image, [named[index].detection for index in due])
        fresh = []
        for index, vector in zip(due, vectors, strict=True):
            if named[index].hits == 1:
                named[index] = self._recalled(named[index], vector, named, tracker)
            name = named[index].track_id
            self._gallery.note(name, vector, stamp_ns)
            self._embedded_ns[name] = stamp_ns
            fresh.append(FaceEmbedding(name, vector))
        self.fresh = tuple(fresh)
        return named

    def _recalled(
        self, track: Track, vector: NDArray[np.float32], seen: Sequence[Track], tracker: Tracker
    ) -> Track:
        known = self._gallery.recall(vector, {each.track_id for each in seen})
        if known is None:
            return track
        tracker.rename(track.track_id, known)
        return replace(track, track_id=known)

    def _due(self, track: Track, interval_s: float) -> bool:
        last_ns = self._embedded_ns.get(track.track_id)
        return track.hits == 1 or last_ns is None or track.last_ns - last_ns >= interval_s * 1e9
