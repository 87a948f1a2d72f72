"""Pairs of a face and a voice that show the same emotion, of people who never met.

No labelled clips are at hand in which neither the face nor the voice was trained on. So each face
of FER2013 with a FER+ majority is paired with a window of speech of the same emotion, drawn at
random. That assumes what the pool itself assumes, that face and voice are independent given the
emotion: such pairs show how far each one's probabilities can be believed and how agreement tells
an own voice from a foreign one, but never how much a real face and its voice err together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.lite import LiteAudioClassifier
from mer_ros.audio.pipeline import AudioPipeline
from mer_ros.cli.evaluate_audio import listen
from mer_ros.cli.labelled_clips import read_labels, select
from mer_ros.emotions import COUNT
from mer_ros.face.lite import LiteFaceClassifier
from mer_ros.models import registry
from training.face_data import FaceSet, load, split

CLIPS_A_CORPUS = 100
"""At most, so that no corpus and no language is heard more than the others."""


@dataclass(frozen=True)
class Pairs:
    """Faces and voices of one emotion each, as the two nodes publish them.

    Attributes:
        face: (N, 7) float64, calibrated, rows sum to 1.
        audio: (N, 7) float64, calibrated, of a window of 1 s.
        labels: (N,) int64, as frequent as among the faces.
    """

    face: NDArray[np.float64]
    audio: NDArray[np.float64]
    labels: NDArray[np.int64]


def faces_kept_apart(folder: Path) -> FaceSet:
    """Return the part of FER2013's train split that face_lite was not trained on."""
    return split(load(folder / 'fer2013_train.npz'), load(folder / 'fer2013_valid.npz'), 0)[1]


def classified_faces(
    classifier: LiteFaceClassifier, faces: FaceSet
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return (N, 7) probabilities and (N,) labels of the faces that have a majority."""
    sure = faces.majority >= 0
    table = classifier.classify(faces.images[sure]).probabilities.astype(np.float64)
    return table / table.sum(axis=1, keepdims=True), faces.majority[sure]


def classified_windows(
    classifier: LiteAudioClassifier, folder: Path, speakers: Collection[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return (W, 7) probabilities and (W,) labels of the speakers' windows with speech.

    Raises:
        CommandError: labels.csv cannot be read, or the speakers are not in it.
    """
    activity = registry.create('speech_activity', 'silero')
    activity.load()
    clips = select(read_labels(folder), speakers, (), ())
    rng = np.random.default_rng(0)
    chosen = []
    for corpus in sorted({clip.corpus for clip in clips}):
        inside = [clip for clip in clips if clip.corpus == corpus]
        order = rng.permutation(len(inside))[:CLIPS_A_CORPUS]
        chosen += [inside[place] for place in sorted(order)]
    answers = listen(AudioPipeline(classifier, activity), chosen)
    table = answers.windows.astype(np.float64)
    labels = np.array([clip.label for clip in chosen], np.int64)
    return table / table.sum(axis=1, keepdims=True), labels[answers.owner]


def paired(
    faces: tuple[NDArray[np.float64], NDArray[np.int64]],
    windows: tuple[NDArray[np.float64], NDArray[np.int64]],
    seed: int,
) -> Pairs:
    """Return each face with a window of its emotion; faces that none is there for are left out."""
    rng = np.random.default_rng(seed)
    (face, labels), (audio, said) = faces, windows
    rows = np.full(len(labels), -1, np.int64)
    for emotion in range(COUNT):
        candidates = np.flatnonzero(said == emotion)
        here = np.flatnonzero(labels == emotion)
        if candidates.size:
            rows[here] = rng.choice(candidates, here.size)
    kept = rows >= 0
    return Pairs(face[kept], audio[rows[kept]], labels[kept])
