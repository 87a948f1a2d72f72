"""What a user may turn on the fusion, each with its range and its meaning."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

from mer_ros.fusion.errors import FusionError


def _number(default: float, low: float, high: float, description: str) -> Any:
    return field(default=default, metadata={'range': (low, high), 'description': description})


def _switch(default: bool, description: str) -> Any:
    return field(default=default, metadata={'description': description})


@dataclass(frozen=True)
class FusionSettings:
    """Settings of :class:`~mer_ros.fusion.engine.FusionEngine`; times are seconds of stamps.

    The defaults of the decision sit where benchmarks/temporal.py puts the bend between label
    flips and the time to detect a change (docs/fusion.md).

    ``fields(FusionSettings)`` carries each setting's ``range`` and ``description`` as metadata.

    Raises:
        FusionError: a value is outside its range, or two contradict each other.
    """

    audio_delay_s: float = _number(
        0.15, 0.0, 2.0,
        'A face of stamp t is fused with the newest audio of stamp <= t - this: audio results '
        'come later than face results of the same stamp, and this keeps arrival order out of it.',
    )  # fmt: skip
    audio_half_life_s: float = _number(
        2.0, 0.05, 60.0, 'The reliability of audio evidence halves with every such age.'
    )
    audio_timeout_s: float = _number(
        2.0, 0.1, 60.0, 'Audio evidence older than this is not used at all.'
    )
    face_timeout_s: float = _number(
        1.0, 0.1, 60.0,
        'Without a face array for this long, or two periods of the images where these are few, '
        'results come at the rate of the audio.',
    )  # fmt: skip
    smoothing_s: float = _number(
        0.3, 0.0, 10.0, 'Time constant of the exponential smoothing of log evidence; 0 = off.'
    )
    enter_threshold: float = _number(
        0.5, 0.0, 1.0, 'Another label takes over when its probability reaches this.'
    )
    exit_threshold: float = _number(
        0.15, 0.0, 1.0, 'The label is given up for the most probable one below this.'
    )
    threshold_adaptation: float = _number(
        1.0, 0.0, 1.0,
        'How far both thresholds follow the reliability towards chance (1/7): 0 = not at all.',
    )  # fmt: skip
    dwell_s: float = _number(0.3, 0.0, 10.0, 'Shortest time a label is held, UNKNOWN apart.')
    unknown_below: float = _number(
        0.02, 0.0, 1.0, 'Below this smoothed reliability the label is UNKNOWN.'
    )
    neutral_bias: float = _number(
        0.0,
        -5.0,
        5.0,
        'Added to the log probability of NEUTRAL, in what is published too; 0 = off.',
    )
    forget_s: float = _number(
        3.0, 0.1, 600.0, 'What was known of a subject is dropped after this long out of sight.'
    )
    agreement_gating: bool = _switch(
        True, 'Let the agreement of the modalities (kernel over valence/arousal) weigh them.'
    )
    bind_threshold: float = _number(
        0.8, 0.5, 1.0, 'A voice is bound to a face when P(it is heard) reaches this.'
    )
    release_threshold: float = _number(
        0.5, 0.0, 1.0, 'A bound voice is let go when P(its face is heard) falls below this.'
    )
    lone_face_prior: float = _number(
        0.9, 0.0, 1.0,
        'P(the voice is that of the only face in view) while its mouth gives no cue '
        '(speaking = 0): at least bind_threshold binds them, 0 keeps them apart.',
    )  # fmt: skip
    follow_s: float = _number(
        1.0, 0.0, 60.0, 'A voice stays with its face for this long after the face is lost.'
    )
    talking_discount: float = _number(
        0.0, 0.0, 1.0, 'Share of the reliability a face loses while its owner surely speaks.'
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            _check(item, getattr(self, item.name))
        if self.exit_threshold > self.enter_threshold:
            raise FusionError('exit_threshold must not be above enter_threshold: lower it')
        if self.release_threshold > self.bind_threshold:
            raise FusionError('release_threshold must not be above bind_threshold: lower it')


def _check(item: Field[Any], value: object) -> None:
    limits = item.metadata.get('range')
    if limits is None:
        if not isinstance(value, bool):
            raise FusionError(f'{item.name} must be true or false, not {value!r}')
        return
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise FusionError(f'{item.name} must be from {low:g} to {high:g}, not {value!r}')
