"""How much a window of sound can be trusted: the reliability of the audio evidence.

Reliability is a product of factors in 0..1, each of one cause, so that a low value can be read:

- ``level``: 0 at -65 dBFS of speech, 1 from -45 dBFS (linear in dB). Below, quantisation and the
  microphone's own noise are what is classified.
- ``clipping``: 1 without clipped samples, falling linearly to 0.2 at 10 % of them: clipped speech
  still tells something.
- ``snr``: 0 at -5 dB of speech over background, 1 from 15 dB (linear in dB). As long as no
  background was heard the ratio is not known, and the factor is 1.
- ``speech``: the share of frames with speech over 0.5, at most 1: half a second of speech in a
  window of one is full evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mer_ros.audio.background import SPEECH, level_dbfs
from mer_ros.audio.windows import Window

_LEVEL_DBFS = (-65.0, -45.0)
_SNR_DB = (-5.0, 15.0)
_CLIPPED_SHARE = 0.1
_CLIPPED_WORST = 0.2
_SPEECH_SHARE = 0.5
_SNR_LIMITS_DB = (-20.0, 60.0)


@dataclass(frozen=True)
class AudioQuality:
    """Quality of one window.

    Attributes:
        level_dbfs: level of the speech frames, or of the whole window where there are none.
        clipping: share of clipped samples, 0..1.
        snr_db: speech over background, -20..60; nan where no background was heard.
        speech_share: share of frames with speech, 0..1.
        level_factor: see the module.
        clipping_factor: see the module.
        snr_factor: see the module.
        speech_factor: see the module.
    """

    level_dbfs: float
    clipping: float
    snr_db: float
    speech_share: float
    level_factor: float
    clipping_factor: float
    snr_factor: float
    speech_factor: float

    @property
    def reliability(self) -> float:
        """The product of the factors, 0..1."""
        return self.level_factor * self.clipping_factor * self.snr_factor * self.speech_factor


def assess(window: Window) -> AudioQuality:
    """Return the quality of an annotated window."""
    level = window.speech_dbfs
    if np.isnan(level):
        level = level_dbfs(float(np.mean(np.square(window.samples, dtype=np.float64))))
    snr = snr_db(window.speech_dbfs, window.noise_dbfs)
    share = float(np.mean(window.speech >= SPEECH)) if window.speech.size else 0.0
    return AudioQuality(
        level_dbfs=level,
        clipping=window.clipping,
        snr_db=snr,
        speech_share=share,
        level_factor=_ramp(level, *_LEVEL_DBFS),
        clipping_factor=1.0 - (1.0 - _CLIPPED_WORST) * min(1.0, window.clipping / _CLIPPED_SHARE),
        snr_factor=1.0 if np.isnan(snr) else _ramp(snr, *_SNR_DB),
        speech_factor=min(1.0, share / _SPEECH_SHARE),
    )


def snr_db(speech_dbfs: float, noise_dbfs: float) -> float:
    """Return the ratio of speech to background in dB, -20..60; nan where one is not known.

    What is measured as speech is speech plus background, so the background is taken off first.
    """
    if np.isnan(speech_dbfs) or np.isnan(noise_dbfs):
        return float('nan')
    noise = 10.0 ** (noise_dbfs / 10.0)
    speech = max(10.0 ** (speech_dbfs / 10.0) - noise, 0.0)
    low, high = _SNR_LIMITS_DB
    if speech <= noise * 10.0 ** (low / 10.0):
        return low
    return min(high, 10.0 * float(np.log10(speech / noise)))


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))
