"""What a user can set of the face pipeline; one field a parameter of the node."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from mer_ros.face.alignment import BOX_MARGIN
from mer_ros.face.errors import FaceError

JUMP_NS = 1_000_000_000
"""A stamp further back begins anew (a looped bag); less is jitter, or a clock being set."""


def _setting(
    default: Any, description: str, low: float | None = None, high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:  # fmt: skip
    metadata = {'description': description, 'range': (low, high), 'choices': choices}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class FaceSettings:
    """Settings of :class:`~mer_ros.face.pipeline.FacePipeline`.

    Each field's ``metadata`` has its ``description`` and its ``range`` (low, high; None is open)
    or ``choices``, so that parameters can be declared from it.

    Raises:
        FaceError: a value lies outside its range.
    """

    max_faces: int = _setting(5, 'most faces published for an image, the largest first', 1, 50)
    min_face: int = _setting(
        24,
        'smallest face published, in pixels of the image; the detectors look at it shrunk to 320 '
        'pixels, where haar finds none below 30 and few below 40',
        8,
        4096,
    )
    min_score: float = _setting(
        0.5,
        "least detector score of a face, above the detector's own (yunet 0.7, retinaface 0.9)",
        0.0,
        1.0,
    )
    min_face_score: float = _setting(
        0.1, 'least P(face) of the classifier, where it tells; 0 keeps all', 0.0, 1.0
    )
    margin: float = _setting(
        BOX_MARGIN, 'share of its side added around a box without landmarks', -0.3, 1.0
    )
    landmarks: str = _setting(
        'auto',
        'auto: find five landmarks where the detector gives none and the model is there; off: '
        'use the detector as it is',
        choices=('auto', 'off'),
    )
    lost_s: float = _setting(
        1.0, 'seconds of stamps for which a lost face keeps its name', 0.0, 60.0
    )
    predict: bool = _setting(True, 'expect a lost face where its motion takes it')
    speaking: bool = _setting(True, 'watch the mouth for P(this face is talking)')

    embedding_interval_s: float = _setting(
        1.0, 'with an embedder: seconds of stamps between two embeddings of a face', 0.0, 3600.0
    )
    reidentify_s: float = _setting(
        60.0,
        'with an embedder: seconds of stamps for which a face that is gone gets its name back; 0 '
        'never',
        0.0,
        3600.0,
    )

    def __post_init__(self) -> None:
        """Check every field against its range or choices."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            choices = field.metadata['choices']
            low, high = field.metadata['range']
            if choices and value not in choices:
                raise FaceError(f'{field.name} is {value!r}; set it to {" or ".join(choices)}')
            if low is not None and not low <= value <= high:
                raise FaceError(f'{field.name} is {value}; set it within {low}..{high}')
