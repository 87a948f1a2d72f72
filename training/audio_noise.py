"""Noises for training and for the robustness tables: synthetic, or babble mixed from clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.conditioning import HighPass
from mer_ros.audio.log_mel import SAMPLE_RATE
from mer_ros.audio.settings import AudioSettings

Wave = NDArray[np.float32]
NOISES = ('white', 'pink', 'brown', 'fan', 'motor', 'babble')


def _coloured(size: int, exponent: float, rng: np.random.Generator) -> Wave:
    spectrum = np.fft.rfft(rng.normal(size=size))
    frequency = np.maximum(np.arange(spectrum.size) * SAMPLE_RATE / size, 20.0)
    noise = np.fft.irfft(spectrum * frequency ** (-exponent / 2.0), size)
    return np.asarray(noise / noise.std(), np.float32)


def _hum(size: int, rng: np.random.Generator, wander: float, tilt: float) -> Wave:
    """Sum of harmonics of a slowly wandering fundamental, with amplitude beats."""
    knots = max(size // 4000, 4)
    curve = np.interp(np.arange(size), np.linspace(0, size, knots), rng.normal(size=knots))
    fundamental = rng.uniform(40.0, 400.0) * (1.0 + wander * curve)
    phase = 2.0 * np.pi * np.cumsum(fundamental) / SAMPLE_RATE
    total = np.zeros(size)
    for harmonic in range(1, 25):
        weight = harmonic**-tilt * rng.uniform(0.2, 1.0)
        audible = fundamental * harmonic < SAMPLE_RATE / 2
        total += weight * audible * np.sin(harmonic * phase + rng.uniform(0, 2 * np.pi))
    total *= 1.0 + 0.3 * np.interp(
        np.arange(size), np.linspace(0, size, knots), rng.normal(size=knots)
    )
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


def noise(kind: str, size: int, rng: np.random.Generator, voices: Sequence[Wave] = ()) -> Wave:
    """Return (size,) float32 noise of unit power.

    Args:
        kind: one of :data:`NOISES`.
        size: samples.
        rng: source of chance.
        voices: clips that babble is mixed from.

    Raises:
        ValueError: the kind is not known, or babble was asked for without voices.
    """
    exponents = {'white': 0.0, 'pink': 1.0, 'brown': 2.0}
    if kind in exponents:
        return _coloured(size, exponents[kind], rng)
    if kind == 'fan':
        hum = _hum(size, rng, 0.01, rng.uniform(0.8, 1.6))
        return np.asarray(0.5 * hum + _coloured(size, rng.uniform(0.5, 1.5), rng), np.float32)
    if kind == 'motor':
        hum = _hum(size, rng, 0.25, rng.uniform(0.3, 1.0))
        return np.asarray(hum + 0.3 * _coloured(size, 0.5, rng), np.float32)
    if kind == 'babble' and voices:
        total = np.zeros(size, np.float32)
        for _ in range(int(rng.integers(3, 8))):
            stream: list[Wave] = []
            while sum(part.size for part in stream) < size:
                voice = voices[int(rng.integers(len(voices)))]
                stream.append(voice / max(float(voice.std()), 1e-4))
            total += np.concatenate(stream)[:size]
        return np.asarray(total / max(float(total.std()), 1e-6), np.float32)
    raise ValueError(f'no noise {kind!r} (babble needs voices); known: {", ".join(NOISES)}')


def noise_bank(voices: Sequence[Wave], pieces: int, size: int, seed: int) -> Wave:
    """Return (len(NOISES) * pieces, size) float32 noises, high-passed as the pipeline does.

    Filtered here, they can be added to sound that is filtered already, at a ratio of what is heard.
    """
    rng = np.random.default_rng(seed)
    bank = np.empty((len(NOISES) * pieces, size), np.float32)
    for index in range(bank.shape[0]):
        made = noise(NOISES[index % len(NOISES)], size, rng, voices)
        bank[index] = HighPass(AudioSettings().high_pass_hz).push(made)
    return bank
