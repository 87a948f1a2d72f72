"""Following faces from image to image, so that a face keeps its name.

Assignment by the Hungarian method over overlap and distance. Time is the stamps', in seconds, so
that a track lives equally long at any frame rate and replay speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mer_ros.face.detection import Detection
from mer_ros.face.settings import JUMP_NS

_UNMATCHED = 2.0
"""Cost of a face without its track: more than any one match, less than two bad ones, so that a
face that stands still keeps its name when one beside it goes and another comes."""

_VELOCITY_S = 0.3  # time constant of the estimate of motion
_SLOWEST_NS = 5_000_000_000  # after longer somebody else may stand there


@dataclass(frozen=True)
class Track:
    """One face followed up to a stamp.

    Attributes:
        track_id: ``face_1``, ``face_2``, ... in the order of appearance.
        detection: what was found at ``last_ns``.
        first_ns: stamp at which it was first seen.
        last_ns: stamp at which it was last seen.
        hits: images in which it was found.
        velocity: (2,) float32 pixels a second of the box's centre.
    """

    track_id: str
    detection: Detection
    first_ns: int
    last_ns: int
    hits: int
    velocity: NDArray[np.float32]


class Tracker:
    """Gives each face a name that it keeps, through losses of up to ``lost_s``.

    Args:
        lost_s: seconds for which a face that is not found keeps its name.
        min_overlap: IoU with where it is expected that makes a detection the same face.
        max_distance: or: distance of the centres, in face sizes, that does (fast motion at a
            low frame rate leaves no overlap).
        predict: expect a face where its motion takes it, instead of where it was.
    """

    def __init__(
        self,
        lost_s: float = 1.0,
        min_overlap: float = 0.2,
        max_distance: float = 0.6,
        predict: bool = True,
    ) -> None:
        self._lost_ns = round(lost_s * 1e9)
        self._min_overlap = min_overlap
        self._max_distance = max_distance
        self._predict = predict
        self._tracks: list[Track] = []
        self._count = 0
        self._stamp_ns: int | None = None

    def reset(self) -> None:
        """Forget every face; names start again at ``face_1``."""
        self._tracks = []
        self._count = 0
        self._stamp_ns = None

    @property
    def alive(self) -> tuple[str, ...]:
        """Names of the faces that are seen, or not yet given up."""
        return tuple(track.track_id for track in self._tracks)

    def update(self, detections: Sequence[Detection], stamp_ns: int) -> list[Track]:
        """Take the faces of one image.

        A stamp more than ``JUMP_NS`` before the last one is a new start: everything is forgotten.

        Args:
            detections: the faces found.
            stamp_ns: of the image.

        Returns:
            The track of each detection, in their order.
        """
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns - JUMP_NS:
            self.reset()
        before_ns, self._stamp_ns = self._stamp_ns, stamp_ns
        # Whoever was in the image before has not been missed yet, however slow the images come.
        self._tracks = [
            track
            for track in self._tracks
            if stamp_ns - track.last_ns
            <= (max(self._lost_ns, _SLOWEST_NS) if track.last_ns == before_ns else self._lost_ns)
        ]
        matched = self._assign(detections, stamp_ns)
        seen = [
            self._continued(self._tracks[matched[index]], detection, stamp_ns)
            if index in matched
            else self._started(detection, stamp_ns)
            for index, detection in enumerate(detections)
        ]
        lost = [t for i, t in enumerate(self._tracks) if i not in matched.values()]
        self._tracks = seen + lost
        return seen

    def rename(self, track_id: str, known: str) -> None:
        """Give a face that has just begun the name it had before it was lost.

        The next new face gets the name that this one does not need, if it was the newest.

        Args:
            track_id: of a face that is followed.
            known: a name that no other face of this image has; a lost face of that name is the
                same one.
        """
        self._tracks = [
            replace(track, track_id=known) if track.track_id == track_id else track
            for track in self._tracks
            if track.track_id != known
        ]
        if track_id == f'face_{self._count}':
            self._count -= 1

    def _started(self, detection: Detection, stamp_ns: int) -> Track:
        self._count += 1
        return Track(
            f'face_{self._count}', detection, stamp_ns, stamp_ns, 1, np.zeros(2, np.float32)
        )

    @staticmethod
    def _continued(track: Track, detection: Detection, stamp_ns: int) -> Track:
        elapsed = (stamp_ns - track.last_ns) / 1e9
        velocity = track.velocity
        if elapsed > 0.0:
            moved = (_centre(detection.box) - _centre(track.detection.box)) / elapsed
            share = 1.0 - np.exp(-elapsed / _VELOCITY_S)
            velocity = np.asarray(velocity + share * (moved - velocity), np.float32)
        return Track(track.track_id, detection, track.first_ns, stamp_ns, track.hits + 1, velocity)

    def _assign(self, detections: Sequence[Detection], stamp_ns: int) -> dict[int, int]:
        """Return {index of the detection: index of its track}."""
        if not self._tracks or not detections:
            return {}
        found = np.stack([detection.box for detection in detections]).astype(np.float64)
        expected = np.stack([self._expected(track, stamp_ns) for track in self._tracks])
        overlap = iou(found, expected)
        size = np.sqrt(found[:, 2] * found[:, 3])[:, None]
        other = np.sqrt(expected[:, 2] * expected[:, 3])[None, :]
        apart = np.linalg.norm(_centre(found)[:, None] - _centre(expected)[None, :], axis=-1)
        distance = apart / np.maximum((size + other) / 2, 1e-6)
        alike = np.minimum(size, other) / np.maximum(np.maximum(size, other), 1e-6)
        same = (overlap >= self._min_overlap) | ((distance <= self._max_distance) & (alike >= 0.6))
        cost = np.where(same, 1.0 - overlap + distance, _UNMATCHED)
        rows, columns = linear_sum_assignment(cost)
        return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if same[r, c]}

    def _expected(self, track: Track, stamp_ns: int) -> NDArray[np.float64]:
        box = track.detection.box.astype(np.float64)
        if self._predict:
            # Beyond a few tenths of a second a straight line says less than the last place.
            elapsed = min(max((stamp_ns - track.last_ns) / 1e9, 0.0), _VELOCITY_S)
            box[:2] += track.velocity * elapsed
        return box


def _centre(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(boxes[..., :2] + boxes[..., 2:] / 2, np.float64)


def iou(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the (N, M) intersection over union of (N, 4) and (M, 4) boxes x, y, width, height."""
    one, two = first[:, None].astype(np.float64), second[None].astype(np.float64)
    low = np.maximum(one[..., :2], two[..., :2])
    high = np.minimum(one[..., :2] + one[..., 2:], two[..., :2] + two[..., 2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=-1)
    union = np.prod(one[..., 2:], axis=-1) + np.prod(two[..., 2:], axis=-1) - common
    return np.asarray(common / np.maximum(union, 1e-9), np.float64)
