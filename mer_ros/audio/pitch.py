"""Pitch of a voice by normalised autocorrelation.

After Boersma (1993), "Accurate short-term analysis of the fundamental frequency": the
autocorrelation of each windowed frame is divided by that of the window, so that its highest
peak is the strength of the voicing. One FFT a frame: the cost does not depend on the sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mer_ros.audio.chunk import TARGET_RATE, Samples

LOW_HZ = 75.0
HIGH_HZ = 500.0
FRAME = 640
"""Samples: 40 ms, three periods of the lowest pitch."""
HOP = 320
VOICED = 0.5
"""Strength from which a frame counts as voiced (Boersma: 0.4 to 0.5)."""
_SILENCE = 1e-3
"""RMS below which a frame is not voiced, whatever it repeats: -60 dBFS."""
_OCTAVE_COST = 0.02
"""Taken off the strength for each octave down, so that the shortest of equal periods wins."""
_FFT = 2048


@dataclass(frozen=True)
class PitchTrack:
    """Pitch over time.

    Attributes:
        hertz: (k,) float32, 0 where not voiced.
        strength: (k,) float32 in 0..1, height of the peak.
    """

    hertz: Samples
    strength: Samples

    @property
    def voiced(self) -> Samples:
        """The pitches of the voiced frames, (m,) float32 Hz."""
        return self.hertz[self.hertz > 0.0]


def pitch(samples: Samples) -> PitchTrack:
    """Return the pitch every 20 ms.

    Args:
        samples: (n,) float32, 16 kHz; fewer than 640 give an empty track.
    """
    if samples.size < FRAME:
        nothing = np.zeros(0, np.float32)
        return PitchTrack(nothing, nothing)
    window = np.hanning(FRAME)
    frames = sliding_window_view(samples, FRAME)[::HOP].astype(np.float64)
    frames = frames - frames.mean(axis=1, keepdims=True)
    rms = np.sqrt(np.mean(frames**2, axis=1))
    correlation = _autocorrelation(frames * window)
    own = _autocorrelation(window[None])[0]
    shortest, longest = int(TARGET_RATE / HIGH_HZ), int(TARGET_RATE / LOW_HZ) + 1
    lags = np.arange(shortest - 1, longest + 2)
    normal = correlation[:, lags] / (np.maximum(correlation[:, :1], 1e-12) * own[lags] / own[0])
    before, at, after = normal[:, :-2], normal[:, 1:-1], normal[:, 2:]
    is_peak = (at >= before) & (at > after)
    # Between two lags a high voice peaks well above both: compare the tops of parabolas.
    curve = np.where(is_peak, np.minimum(before - 2.0 * at + after, -1e-12), -1.0)
    shifts = 0.5 * (before - after) / curve
    tops = at - 0.25 * (before - after) * shifts
    score = np.where(is_peak, tops - _OCTAVE_COST * np.log2(lags[1:-1] / shortest), -1.0)
    best = score.argmax(axis=1)
    rows = np.arange(len(best))
    shift = shifts[rows, best]
    strength = np.clip(np.where(score[rows, best] > -1.0, tops[rows, best], 0.0), 0.0, 1.0)
    hertz = TARGET_RATE / (lags[1:-1][best] + np.clip(shift, -0.5, 0.5))
    hertz = np.where((strength >= VOICED) & (rms >= _SILENCE), hertz, 0.0)
    return PitchTrack(hertz.astype(np.float32), strength.astype(np.float32))


def _autocorrelation(
    frames: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    spectrum = np.fft.rfft(frames, _FFT, axis=1)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2, axis=1), np.float64)
