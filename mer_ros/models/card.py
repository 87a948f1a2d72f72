"""The model card that lies beside an ONNX file as ``<model>.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT
from mer_ros.models.errors import ModelError


@dataclass(frozen=True)
class Voice:
    """How an audio classifier's answers are adapted to a voice that it hears for a while.

    Attributes:
        usual: (7,) float64, the mean centred logarithms of its answers to voices it never heard,
            half of what they said neutral; sums to 0.
        strength: share of a voice's difference from that which is taken off; 0..1.
        half: windows heard after which half of the strength is used; > 0.
    """

    usual: NDArray[np.float64]
    strength: float
    half: float


@dataclass(frozen=True)
class ModelCard:
    """What belongs to a model beside its weights.

    Attributes:
        name: for example ``lite``.
        version: for example ``1.0``.
        task: as in the catalogue.
        temperature: divides the logits; > 0; 1 where there is nothing to calibrate.
        clip_temperature: audio: divides the mean logarithms of the windows of a clip, after the
            temperature; > 0; 1 where pooled answers were not calibrated.
        prior: (7,) float32, class frequencies it was trained with; sums to 1.
        input: what the input tensor is: name, shape, range.
        metrics: measured figures, for people and for tests.
        licence: of the weights.
        sha256: of the ONNX file; empty when the card does not say.
        voice: audio: see :class:`Voice`; None where nothing was fitted.
    """

    name: str
    version: str
    task: str
    temperature: float
    prior: NDArray[np.float32]
    input: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ''
    sha256: str = ''
    clip_temperature: float = 1.0
    voice: Voice | None = None

    @staticmethod
    def path_of(model: Path) -> Path:
        """Return where the card of a model file lies."""
        return model.with_suffix('.json')

    @classmethod
    def read(cls, path: Path) -> ModelCard:
        """Read a card.

        Args:
            path: the ``.json``, or the model file it lies beside.

        Raises:
            ModelError: it is not there, not JSON, or a field is missing or impossible.
        """
        try:
            path = cls.path_of(path)
            fields = json.loads(path.read_text(encoding='utf-8'))
        except (OSError, ValueError) as error:
            raise ModelError(
                f'cannot read the model card {path}: {error}; put the card that belongs to '
                'the model beside it, or take the model away'
            ) from error
        try:
            return cls._checked(fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f'the model card {path} is malformed: {error!r}') from error

    @classmethod
    def _checked(cls, fields: Mapping[str, Any]) -> ModelCard:
        temperature = _temperature(fields, 'temperature')
        prior = np.asarray(fields.get('prior', [1.0 / COUNT] * COUNT), np.float64)
        if prior.shape != (COUNT,) or not (prior > 0.0).all() or abs(prior.sum() - 1.0) > 1e-3:
            raise ValueError(f'prior must be {COUNT} positive numbers that sum to 1')
        return cls(
            name=str(fields['name']),
            version=str(fields['version']),
            task=str(fields['task']),
            temperature=temperature,
            prior=(prior / prior.sum()).astype(np.float32),
            input=dict(fields.get('input') or {}),
            metrics=dict(fields.get('metrics') or {}),
            licence=str(fields.get('licence', '')),
            sha256=str(fields.get('sha256', '')).lower(),
            clip_temperature=_temperature(fields, 'clip_temperature'),
            voice=_voice(fields['voice']) if fields.get('voice') else None,
        )


def _temperature(fields: Mapping[str, Any], name: str) -> float:
    value = float(fields.get(name, 1.0))
    if not (np.isfinite(value) and value > 0.0):
        raise ValueError(f'{name} {value} is not a positive number')
    return value


def _voice(fields: Mapping[str, Any]) -> Voice:
    usual = np.asarray(fields['usual'], np.float64)
    strength, half = float(fields['strength']), float(fields['half'])
    if usual.shape != (COUNT,) or not np.isfinite(usual).all():
        raise ValueError(f'usual of voice must be {COUNT} numbers')
    if not (0.0 <= strength <= 1.0 and 0.0 < half < np.inf):
        raise ValueError(f'strength {strength} and half {half} of voice must be 0..1 and above 0')
    return Voice(usual - usual.mean(), strength, half)
