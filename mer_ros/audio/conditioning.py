"""What is done to the sound before it is classified: DC, rumble, level and, if asked, noise."""

from __future__ import annotations

import numpy as np
from scipy import signal

from mer_ros.audio.chunk import TARGET_RATE, Samples

_DC_HZ = 5.0
_PEAK = 0.99
_STFT = 512
_STFT_HOP = 128


class HighPass:
    """Butterworth high-pass of second order on a stream at 16 kHz; removes DC as well.

    Args:
        cutoff_hz: 0 leaves the sound as it is, except for DC if that is asked.
        remove_dc: with ``cutoff_hz`` 0, remove what is slower than 5 Hz.
    """

    def __init__(self, cutoff_hz: float, remove_dc: bool = True) -> None:
        cutoff = cutoff_hz if cutoff_hz > 0.0 else _DC_HZ if remove_dc else 0.0
        self._sections = (
            signal.butter(2, cutoff, 'highpass', fs=TARGET_RATE, output='sos') if cutoff else None
        )
        self.reset()

    def reset(self) -> None:
        """Forget the past; the next sample is taken as having lasted for ever."""
        self._state: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None = None

    def push(self, samples: Samples) -> Samples:
        """Return (n,) float32, the filtered continuation of the stream."""
        if self._sections is None or not samples.size:
            return samples
        if self._state is None:
            # Started at rest, a filter would answer a constant offset with a thump.
            self._state = signal.sosfilt_zi(self._sections) * float(samples[0])
        filtered, self._state = signal.sosfilt(self._sections, samples, zi=self._state)
        return np.asarray(filtered, np.float32)


def normalise(samples: Samples, target_dbfs: float, max_gain_db: float) -> Samples:
    """Return the sound with its RMS brought to a level, by at most a gain, never clipped.

    Args:
        samples: (n,) float32, n >= 1.
        target_dbfs: RMS level aimed at.
        max_gain_db: silence is amplified by no more than this.
    """
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    peak = float(np.abs(samples).max())
    if peak == 0.0:
        return samples
    gain = min(10.0 ** (target_dbfs / 20.0) / rms, 10.0 ** (max_gain_db / 20.0), _PEAK / peak)
    return np.asarray(samples * np.float32(gain), np.float32)


def reduce_noise(samples: Samples, noise_spectrum: Samples, strength: float) -> Samples:
    """Return the sound with the background attenuated by spectral subtraction.

    The gain of each bin is ``1 - noise / power`` (Boll, 1979, in the power domain), smoothed
    over neighbouring bins and frames against musical noise and never below ``1 - strength``.

    Args:
        samples: (n,) float32, n >= 512.
        noise_spectrum: (257,) mean power of the Hann-windowed 512-point spectrum of the
            background; (0,), not known yet, leaves the sound as it is.
        strength: 0..1, how much of the background may go.
    """
    if not noise_spectrum.size or strength <= 0.0 or samples.size < _STFT:
        return samples
    window = np.hanning(_STFT)
    _, _, spectrum = signal.stft(
        samples, TARGET_RATE, window, _STFT, _STFT - _STFT_HOP, boundary='even'
    )
    noise = noise_spectrum.astype(np.float64)[:, None] / window.sum() ** 2
    power = np.abs(spectrum) ** 2
    kernel = np.full((3, 3), 1.0 / 9.0)
    power = signal.convolve2d(power, kernel, mode='same', boundary='symm')
    gain = np.maximum(1.0 - noise / np.maximum(power, 1e-20), 1.0 - strength)
    _, cleaned = signal.istft(
        spectrum * gain, TARGET_RATE, window, _STFT, _STFT - _STFT_HOP, boundary=True
    )
    return np.asarray(cleaned[: samples.size], np.float32)
