"""Settings of the audio pipeline; the node's parameters map to these one to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from mer_ros.audio.chunk import MAX_CHANNELS, AudioError
from mer_ros.emotions import COUNT

RANGES: Mapping[str, tuple[float, float]] = {
    'window_s': (0.5, 5.0),
    'hop_s': (0.05, 5.0),
    'buffer_s': (2.0, 300.0),
    'reanchor_s': (0.001, 10.0),
    'reanchor_unstamped_s': (0.001, 10.0),
    'channel': (-1, MAX_CHANNELS - 1),
    'speech_threshold': (0.0, 1.0),
    'high_pass_hz': (0.0, 500.0),
    'normalise_dbfs': (-60.0, -3.0),
    'normalise_max_gain_db': (0.0, 60.0),
    'noise_reduction_strength': (0.0, 1.0),
    'voice_memory_s': (0.0, 86400.0),
}
"""Lowest and highest value of every number below, both allowed."""

MIN_HIGH_PASS_HZ = 1.0
"""Of a filter that is not off: far below it, double precision cannot hold its poles."""


@dataclass(frozen=True)
class AudioSettings:
    """What can be set; ranges are in :data:`RANGES`.

    Attributes:
        window_s: length of a window. The embedded classifier is trained on 1 s.
        hop_s: from one window to the next; not longer than the buffer leaves room for.
        buffer_s: most sound kept while inference is behind; the oldest goes first.
        reanchor_s: counted time follows the stamps anew when they differ by more than this.
        reanchor_unstamped_s: the same for sound that has arrival times for stamps.
        channel: the one listened to; -1 is the mean of all.
        speech_threshold: a window whose speech probability is below is UNKNOWN.
        remove_dc: remove the offset of the microphone (implied by the high-pass).
        high_pass_hz: cut-off of the rumble filter, 1 or more; 0 is off. Below every voice.
        normalise: bring each window to one level before it is classified.
        normalise_dbfs: that level (RMS).
        normalise_max_gain_db: no window is amplified by more.
        noise_reduction: subtract the background's spectrum before a window is classified.
        noise_reduction_strength: how much of the background may go, 0..1.
        voice_memory_s: the answers allow for how the voice usually sounded in about that time,
            where the classifier can do that; 0: each window is answered alone.
        embeddings: keep the embedding that each window with speech was classified by.
        deployed_prior: (7,) class frequencies where the robot works; what is said when
            nothing is heard. Empty is uniform.

    Raises:
        AudioError: a value is out of its range, or they do not go together.
    """

    window_s: float = 1.0
    hop_s: float = 0.5
    buffer_s: float = 30.0
    reanchor_s: float = 0.05
    reanchor_unstamped_s: float = 0.3
    channel: int = -1
    speech_threshold: float = 0.5
    remove_dc: bool = True
    high_pass_hz: float = 70.0
    normalise: bool = True
    normalise_dbfs: float = -23.0
    normalise_max_gain_db: float = 30.0
    noise_reduction: bool = False
    noise_reduction_strength: float = 0.8
    voice_memory_s: float = 600.0
    embeddings: bool = False
    deployed_prior: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check every value."""
        for field in fields(self):
            if field.name not in RANGES:
                continue
            low, high = RANGES[field.name]
            value = getattr(self, field.name)
            if not low <= value <= high:  # also refuses nan
                raise AudioError(f'{field.name} is {value}; set it to {low}..{high}')
        if 0.0 < self.high_pass_hz < MIN_HIGH_PASS_HZ:
            raise AudioError(
                f'high_pass_hz is {self.high_pass_hz}; set it to {MIN_HIGH_PASS_HZ} or more, or to '
                '0 for none'
            )
        if self.buffer_s < self.window_s + self.hop_s:
            raise AudioError(
                f'buffer_s is {self.buffer_s}; set it to at least window_s + hop_s '
                f'({self.window_s + self.hop_s})'
            )
        if self.deployed_prior:
            self.prior()

    def prior(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """Return the (7,) float32 deployed prior, summing to 1."""
        if not self.deployed_prior:
            return np.full(COUNT, 1.0 / COUNT, np.float32)
        values = np.array(self.deployed_prior, np.float64)
        if values.shape != (COUNT,) or not (values > 0.0).all() or not np.isfinite(values).all():
            raise AudioError(
                f'deployed_prior is {self.deployed_prior}; set it to {COUNT} positive numbers'
            )
        return np.asarray(values / values.sum(), np.float32)
