"""What the pipelines said of clips and photos, kept in a folder as JSON."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mer_ros.audio.feature_record import AudioFeatures
from mer_ros.estimates import Estimate, EstimateArray, Evidence, Modality
from mer_ros.models import store

MODELS = ('face_lite', 'face_points', 'audio_lite', 'silero')
"""What looks and listens beside the detector."""


@dataclass(frozen=True)
class Footage:
    """What the pipelines said of one clip or photo."""

    name: str
    faces: tuple[EstimateArray, ...]
    audio: tuple[EstimateArray, ...]
    features: tuple[AudioFeatures, ...] = ()


class Cache:
    """A folder with a file for each picture or film and detector.

    Taken from it is what the same models said of a file of the same size and time. It knows nothing
    of changes of the code: delete it after one.
    """

    def __init__(self, folder: Path, detector: str) -> None:
        """Make the folder.

        Raises:
            ModelError: a model is not there.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._detector = folder, detector
        names = (detector, *MODELS)
        digests = [hashlib.sha256(store.find(name).read_bytes()).hexdigest() for name in names]
        self._models = dict(zip(names, digests, strict=True))

    def kept(self, path: Path, make: Callable[[], Footage], **how: float) -> Footage:
        """Return what is in the folder, or make it and put it there.

        Args:
            path: of the picture or film.
            make: looks and listens.
            how: what else the result depends on.

        Raises:
            FileNotFoundError: there is no picture or film.
        """
        stat = path.stat()
        key = {'models': self._models, 'bytes': stat.st_size, 'time_ns': stat.st_mtime_ns, **how}
        place = self._folder / f'{self._detector}_{path.name}.json'
        if place.exists():
            try:
                stored = json.loads(place.read_text(encoding='utf-8'))
                if stored['of'] == key:
                    return footage_of(stored['footage'])
            except (ValueError, KeyError, TypeError) as error:
                print(f'{place} is damaged ({error!r}): made anew', file=sys.stderr)
        made = make()
        part = place.with_suffix('.part')
        content = {'of': key, 'footage': asdict(made)}
        part.write_text(json.dumps(content, default=lambda array: array.tolist()), encoding='utf-8')
        part.replace(place)
        return made


def footage_of(fields: Mapping[str, Any]) -> Footage:
    """Return what the JSON of a footage says.

    Raises:
        KeyError, TypeError, ValueError: it is of none.
    """
    return Footage(
        fields['name'],
        tuple(_array(each) for each in fields['faces']),
        tuple(_array(each) for each in fields['audio']),
        tuple(_features(each) for each in fields['features']),
    )


def _array(fields: dict[str, Any]) -> EstimateArray:
    typed = {
        'modalities': Modality(fields['modalities']),
        'models': tuple(fields['models']),
        'estimates': tuple(_estimate(each) for each in fields['estimates']),
    }
    return EstimateArray(**fields | typed)


def _estimate(fields: dict[str, Any]) -> Estimate:
    typed = {
        'probabilities': np.array(fields['probabilities'], np.float32),
        'roi': tuple(fields['roi']),
        'landmarks': np.array(fields['landmarks'], np.float32).reshape(-1, 2),
        'evidence': tuple(_evidence(each) for each in fields['evidence']),
    }
    return Estimate(**fields | typed)


def _evidence(fields: dict[str, Any]) -> Evidence:
    typed = {
        'modality': Modality(fields['modality']),
        'probabilities': np.array(fields['probabilities'], np.float32),
    }
    return Evidence(**fields | typed)


def _features(fields: dict[str, Any]) -> AudioFeatures:
    typed = {
        'names': tuple(fields['names']),
        'values': np.array(fields['values'], np.float32),
        'envelope': np.array(fields['envelope'], np.float32),
    }
    return AudioFeatures(**fields | typed)
