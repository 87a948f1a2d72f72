"""One image in, the displayed emotion of every face in it out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import valence_arousal
from mer_ros.estimates import Estimate, EstimateArray, Modality, no_points
from mer_ros.face.alignment import crop
from mer_ros.face.classification import FaceClassifier, scores_of
from mer_ros.face.detection import Detection, Detector, Image, checked, without_bad_landmarks
from mer_ros.face.embedding import FaceEmbedder, FaceEmbedding
from mer_ros.face.landmarks import Landmarker
from mer_ros.face.motion import MOTION_SIZE, MouthMotion
from mer_ros.face.points import LandmarkNet
from mer_ros.face.quality import assess
from mer_ros.face.recognition import Recognition
from mer_ros.face.settings import JUMP_NS, FaceSettings
from mer_ros.face.tracking import Track, Tracker


@dataclass(frozen=True)
class _Face:
    detection: Detection
    crop: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    face_score: float
    dense: NDArray[np.float32] | None = None


class FacePipeline:
    """Detector, landmarks, alignment, classifier, tracking, quality and mouth motion in a row.

    Label and probabilities of a face depend on its image alone; names, ``speaking`` and nothing
    else on the images before. The same images with the same stamps give the same results.

    Args:
        detector: finds the faces.
        classifier: names their expression.
        settings: the rest.
        embedder: lets a face that comes back have its name back; None (the default) computes
            nothing of the kind.
        landmarker: finds the 68 landmarks that are published instead of five; None finds none.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: FaceClassifier,
        settings: FaceSettings | None = None,
        embedder: FaceEmbedder | None = None,
        landmarker: Landmarker | None = None,
    ) -> None:
        self._detector = detector
        self._classifier = classifier
        self._settings = settings or FaceSettings()
        self._points: LandmarkNet | None = None
        self._landmarker = landmarker
        self._recognition = (
            None if embedder is None else Recognition(embedder, self._settings.reidentify_s)
        )
        self._tracker = Tracker(lost_s=self._settings.lost_s, predict=self._settings.predict)
        self._mouths: dict[str, MouthMotion] = {}
        self._stamp_ns: int | None = None

    @property
    def settings(self) -> FaceSettings:
        """What is set; a change holds from the next image on.

        ``lost_s``, ``predict``, ``landmarks`` and ``reidentify_s`` are read when the pipeline is
        made and loaded.
        """
        return self._settings

    @settings.setter
    def settings(self, settings: FaceSettings) -> None:
        self._settings = settings

    @property
    def models(self) -> tuple[str, ...]:
        """For example ``('face:haar+lite@1.0',)``."""
        return (f'face:{self._detector.name}+{self._classifier.name}@{self._classifier.version}',)

    @property
    def embeddings(self) -> tuple[FaceEmbedding, ...]:
        """What was embedded in the last image; most faces of most images are not."""
        return () if self._recognition is None else self._recognition.fresh

    @property
    def embedder(self) -> str:
        """For example ``arcface@1.0``; empty without one."""
        return '' if self._recognition is None else self._recognition.model

    def load(self) -> None:
        """Read every weight, and run once so that the first image costs no more than others.

        Raises:
            ModelError: weights are missing or damaged.
        """
        self._detector.load()
        self._classifier.load()
        if self._settings.landmarks == 'auto' and LandmarkNet.available():
            self._points = LandmarkNet()
            self._points.load()
        self._detector.detect(np.zeros((480, 640, 3), np.uint8))
        size = self._classifier.crop_size
        self._classifier.classify(np.zeros((1, size, size), np.uint8))
        if self._landmarker is not None:
            self._landmarker.load()
        if self._recognition is not None:
            self._recognition.load()

    def reset(self) -> None:
        """Forget every face; the next one is ``face_1`` again."""
        self._tracker.reset()
        self._mouths.clear()
        if self._recognition is not None:
            self._recognition.reset()
        self._stamp_ns = None

    def process(self, image_bgr: Image, stamp_ns: int, frame_id: str = '') -> EstimateArray:
        """Estimate the emotion of every face of one image.

        A stamp more than a second before the last one (a looped bag) resets first.

        Args:
            image_bgr: (H, W, 3) uint8.
            stamp_ns: when it was taken.
            frame_id: of its header.

        Returns:
            An array of at most ``max_faces`` estimates, the largest face first; none is fine.

        Raises:
            FaceError: the image is not such an image.
            ModelError: a model is not loaded, or failed.
        """
        image = checked(image_bgr)
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns - JUMP_NS:
            self.reset()
        self._stamp_ns = stamp_ns
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        faces = self._faces(image, grey)
        tracks = self._tracker.update([face.detection for face in faces], stamp_ns)
        if self._recognition is not None:
            interval = self._settings.embedding_interval_s
            tracks = self._recognition.update(image, tracks, self._tracker, stamp_ns, interval)
        self._mouths = {k: v for k, v in self._mouths.items() if k in self._tracker.alive}
        return EstimateArray(
            stamp_ns=stamp_ns,
            frame_id=frame_id,
            modalities=Modality.FACE,
            models=self.models,
            image_width=image.shape[1],
            image_height=image.shape[0],
            estimates=tuple(
                self._estimate(face, track, grey, stamp_ns)
                for face, track in zip(faces, tracks, strict=True)
            ),
        )

    def _faces(self, image: Image, grey: NDArray[np.uint8]) -> list[_Face]:
        height, width = grey.shape
        found = [
            without_bad_landmarks(detection)
            for detection in self._detector.detect(image)
            if detection.score >= self._settings.min_score
            and min(detection.box[2:]) >= self._settings.min_face
            and roi(detection, width, height) is not None
        ]
        # Ties by place, so that the order never depends on the detector's.
        found.sort(key=lambda d: (-float(d.box[2] * d.box[3]), *map(float, d.box[:2])))
        faces: list[_Face] = []
        while found and len(faces) < self._settings.max_faces:
            # A false alarm takes no face's place, and those in excess cost nothing without one.
            room = self._settings.max_faces - len(faces)
            faces += self._classified(grey, found[:room])
            found = found[room:]
        if self._landmarker is None:
            return faces
        dense = self._landmarker.locate(image, [face.detection for face in faces])
        return [replace(face, dense=points) for face, points in zip(faces, dense, strict=True)]

    def _classified(self, grey: NDArray[np.uint8], found: list[Detection]) -> list[_Face]:
        """Return those of the detections that are faces."""
        if self._points is not None:
            found = [without_bad_landmarks(each) for each in self._points.fill(grey, found)]
        crops = self._crops(grey, found)
        scores = scores_of(self._classifier, crops)
        faces = [
            _Face(detection, crops[i], scores.probabilities[i], float(scores.face_score[i]))
            for i, detection in enumerate(found)
        ]
        least = self._settings.min_face_score
        return [f for f in faces if math.isnan(f.face_score) or f.face_score >= least]

    def _crops(self, grey: NDArray[np.uint8], found: list[Detection]) -> NDArray[np.uint8]:
        size = self._classifier.crop_size
        crops = np.empty((len(found), size, size), np.uint8)
        for index, detection in enumerate(found):
            crops[index] = crop(grey, detection, size, self._settings.margin)
        return crops

    def _estimate(
        self, face: _Face, track: Track, grey: NDArray[np.uint8], stamp_ns: int
    ) -> Estimate:
        label = int(face.probabilities.argmax())
        valence, arousal = (float(value) for value in valence_arousal(face.probabilities))
        points = face.detection.landmarks if face.dense is None else face.dense
        return Estimate(
            subject_id=track.track_id,
            label=label,
            probabilities=face.probabilities,
            confidence=float(face.probabilities[label]),
            reliability=assess(face.detection, face.crop, face.face_score).reliability,
            valence=valence,
            arousal=arousal,
            label_since_ns=stamp_ns,
            speaking=self._speaking(face.detection, track, grey, stamp_ns),
            roi=roi(face.detection, grey.shape[1], grey.shape[0]) or (0, 0, 0, 0),
            landmarks=no_points() if points is None else np.asarray(points, np.float32),
        )

    def _speaking(
        self, detection: Detection, track: Track, grey: NDArray[np.uint8], stamp_ns: int
    ) -> float:
        if not self._settings.speaking:
            return 0.0
        mouth = self._mouths.setdefault(track.track_id, MouthMotion())
        view = crop(grey, detection, MOTION_SIZE, self._settings.margin)
        return mouth.update(view, stamp_ns)


def roi(detection: Detection, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Return a face's box as whole pixels inside the image; None where they have no overlap."""
    x, y, w, h = (float(value) for value in detection.box)
    if not all(math.isfinite(value) for value in (x, y, w, h)):
        return None
    left, top = max(0, round(x)), max(0, round(y))
    right, bottom = min(width, round(x + w)), min(height, round(y + h))
    if right <= left or bottom <= top:
        return None
    return left, top, right - left, bottom - top
