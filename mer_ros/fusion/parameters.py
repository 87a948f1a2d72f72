"""What was fitted for a pair of backends, and how to find it by the arrays' ``models`` strings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer_ros.emotions import COUNT
from mer_ros.fusion.errors import FusionError

EMBEDDED = Path(__file__).resolve().parent.parent / 'models' / 'embedded' / 'fusion.json'
"""The table that comes with the package."""

FALLBACK = 'default'
"""Key of the parameters for pairs that nothing was fitted for."""

UNIFORM = (1.0 / COUNT,) * COUNT

_RANGES = {
    'face_temperature': (0.01, 100.0),
    'audio_temperature': (0.01, 100.0),
    'face_weight': (0.0, 100.0),
    'audio_weight': (0.0, 100.0),
    'kernel_width': (0.0, 100.0),
    'agreement_slope': (0.0, 1000.0),
    'agreement_bias': (-1000.0, 1000.0),
    'in_order': (1e-6, 1.0 - 1e-6),
    'baseline_utterances': (0.0, 1e6),
}
"""Further than any fit goes; what lies outside is a slip, or no number at all."""


@dataclass(frozen=True)
class FusionParameters:
    """Fitted numbers of one pair of backends.

    Attributes:
        face_temperature: on top of the backend's own calibration.
        audio_temperature: the same for audio.
        face_weight: w in company of a fully reliable voice.
        audio_weight: w in company of a fully reliable face.
        face_prior: (7) class prior the face model was trained under.
        audio_prior: (7) class prior the audio model was trained under.
        prior: (7) class prior where it is deployed.
        kernel_width: of the similarity kernel, in units of valence/arousal; 0 = identity.
        agreement_slope: how far the log agreement counts as a log Bayes factor.
        agreement_bias: added to it.
        in_order: P(nearly every voice that is bound to a face belongs to it), before anything
            was heard; else any share of them may (:mod:`~mer_ros.fusion.trust`).
        baseline_utterances: how many utterances the belief is worth that faces have no bias (a
            resting face that looks sad); it is learned from the voice. 0 = it is not learned.
        note: where the numbers come from.
    """

    face_temperature: float = 1.0
    audio_temperature: float = 1.0
    face_weight: float = 1.0
    audio_weight: float = 1.0
    face_prior: tuple[float, ...] = UNIFORM
    audio_prior: tuple[float, ...] = UNIFORM
    prior: tuple[float, ...] = UNIFORM
    kernel_width: float = 0.0
    agreement_slope: float = 1.0
    agreement_bias: float = 0.0
    in_order: float = 0.9
    baseline_utterances: float = 0.0
    note: str = ''

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise FusionError(f'{name} must be from {low:g} to {high:g}, not {value!r:.40}')
        for name in ('face_prior', 'audio_prior', 'prior'):
            values = getattr(self, name)
            right = len(values) == COUNT and all(value > 0.0 for value in values)
            if not right or not abs(sum(values) - 1.0) <= 1e-3:
                raise FusionError(f'{name} must be {COUNT} positive numbers that sum to 1')

    def prior_array(self) -> NDArray[np.float64]:
        """Return the deployed prior, (7,) float64, sums to 1."""
        prior = np.asarray(self.prior, np.float64)
        return np.asarray(prior / prior.sum(), np.float64)

    def log_bayes_factor(self, agreement: ArrayLike) -> NDArray[np.float64]:
        """Return (...) log odds of own against foreign voice that a log agreement amounts to."""
        scaled = self.agreement_slope * np.asarray(agreement, np.float64)
        return np.asarray(scaled + self.agreement_bias, np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FusionParameters:
        """Read one entry of the table.

        Raises:
            FusionError: a key is unknown or a value does not fit.
        """
        values = dict(data)
        try:
            for name in ('face_prior', 'audio_prior', 'prior'):
                if name in values:
                    values[name] = tuple(float(value) for value in values[name])
            return cls(**values)
        except (TypeError, ValueError, OverflowError) as error:
            raise FusionError(f'fusion parameters cannot be read: {error}') from error


def _entry(name: str, data: Mapping[str, Any]) -> FusionParameters:
    try:
        return FusionParameters.from_json(data)
    except FusionError as error:
        raise FusionError(f'pair {name!r}: {error}') from error


def backend(models: Iterable[str], modality: str) -> str:
    """Return the classifier's name in ``models`` strings, ``''`` when there is none.

    ``backend(('face:haar+lite@1.0',), 'face') == 'lite'``
    """
    for entry in models:
        head, _, rest = entry.partition(':')
        if head == modality and rest:
            return rest.partition('@')[0].rpartition('+')[2]
    return ''


class ParameterTable:
    """Parameters by pair of backends, ``'<face classifier>+<audio classifier>'``."""

    def __init__(self, entries: Mapping[str, FusionParameters]) -> None:
        """Keep the entries.

        Raises:
            FusionError: there is no entry called ``default``.
        """
        if FALLBACK not in entries:
            raise FusionError(f'the table of fusion parameters has no entry {FALLBACK!r}: add one')
        self._entries = dict(entries)

    @classmethod
    def single(cls, parameters: FusionParameters) -> ParameterTable:
        """Return a table that gives the same parameters to every pair."""
        return cls({FALLBACK: parameters})

    @classmethod
    def read(cls, path: Path = EMBEDDED) -> ParameterTable:
        """Read ``fusion.json``.

        Raises:
            FusionError: the file is missing or cannot be understood.
        """
        try:
            data = json.loads(path.read_text(encoding='utf-8'))
            entries = {name: _entry(name, entry) for name, entry in data['pairs'].items()}
        except FusionError as error:
            raise FusionError(f'{path}: {error}') from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            mend = (
                'reinstall the package' if path == EMBEDDED else 'take it away for the embedded one'
            )
            raise FusionError(
                f'{path}: no fusion parameters ({error}): {mend}, or run training/fusion.py'
            ) from error
        return cls(entries)

    def names(self) -> list[str]:
        """Return the keys, sorted."""
        return sorted(self._entries)

    def get(self, name: str) -> FusionParameters:
        """Return the entry of a key.

        Raises:
            FusionError: there is none.
        """
        if name not in self._entries:
            raise FusionError(
                f'no fusion parameters called {name!r}: have {", ".join(self.names())}'
            )
        return self._entries[name]

    def find(
        self, face_models: Iterable[str], audio_models: Iterable[str]
    ) -> tuple[FusionParameters, str]:
        """Return (parameters, note) for two arrays' ``models``; the note is '' when all is fitted.

        Where one side is not named, or the pair was not fitted, what is known of a backend by its
        first entry holds all the same: its temperature, and of the face's, or of a voice alone,
        the priors. So nothing changes for a face when a voice comes that says nothing.
        """
        face, audio = backend(face_models, 'face'), backend(audio_models, 'audio')
        key = f'{face}+{audio}'
        if key in self._entries:
            return self._entries[key], ''
        default = self._entries[FALLBACK]
        of_face = self._first(lambda one, other: one == face) or default
        of_audio = self._first(lambda one, other: other == audio) or default
        prior = (of_face if face else of_audio).prior
        found = replace(
            default,
            face_temperature=of_face.face_temperature,
            audio_temperature=of_audio.audio_temperature,
            # A backend's own training prior counts where the deployed one was chosen with it.
            face_prior=of_face.face_prior if face else prior,
            audio_prior=prior if face else of_audio.audio_prior,
            prior=prior,
        )
        if not face or not audio:
            return found, ''
        return found, f'nothing was fitted for {key}: default weights are used'

    def _first(self, wanted: Callable[[str, str], bool]) -> FusionParameters | None:
        """Return the first entry of which (face, audio) is wanted."""
        for key, entry in self._entries.items():
            face, plus, audio = key.partition('+')
            if plus and wanted(face, audio):
                return entry
        return None
