"""Wave-level augmentation, rendered once before training: room, telephone, codec, clipping, speed.

Everything here is synthetic or made from the training clips themselves; no noise corpus is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from mer_ros.audio.log_mel import BANDS, SAMPLE_RATE, log_mel

Wave = NDArray[np.float32]
NOISES = ('white', 'pink', 'brown', 'fan', 'motor', 'babble')


def speed(wave: Wave, factor: float) -> Wave:
    """Play faster (factor > 1) or slower; pitch and formants move along."""
    up = 40
    return np.asarray(signal.resample_poly(wave, up, round(up * factor)), np.float32)


def room(wave: Wave, rng: np.random.Generator) -> Wave:
    """Convolve with a random exponentially decaying response, T60 of 0.15 to 0.9 s."""
    t60 = rng.uniform(0.15, 0.9)
    size = int(t60 * SAMPLE_RATE)
    decay = np.exp(-6.9 * np.arange(size) / size)
    response = rng.normal(size=size) * decay
    response[: rng.integers(16, 200)] = 0.0
    energy = np.sqrt(np.sum(response**2))
    response *= 10.0 ** (-rng.uniform(0.0, 12.0) / 20.0) / energy
    response[0] = 1.0
    return np.asarray(signal.fftconvolve(wave, response)[: wave.size], np.float32)


def telephone(wave: Wave, _: np.random.Generator) -> Wave:
    """Keep 300 to 3400 Hz, as an 8 kHz line does."""
    bands = signal.butter(4, (300.0, 3400.0), 'bandpass', fs=SAMPLE_RATE, output='sos')
    return np.asarray(signal.sosfilt(bands, wave), np.float32)


def mu_law(wave: Wave, _: np.random.Generator) -> Wave:
    """Quantise to eight bits the way G.711 does (mu = 255)."""
    peak = max(float(np.abs(wave).max()), 1e-6)
    scaled = wave / peak
    squeezed = np.sign(scaled) * np.log1p(255.0 * np.abs(scaled)) / np.log(256.0)
    coarse = np.round(squeezed * 127.0) / 127.0
    restored = np.sign(coarse) * np.expm1(np.abs(coarse) * np.log(256.0)) / 255.0
    return np.asarray(restored * peak, np.float32)


def clipping(wave: Wave, rng: np.random.Generator) -> Wave:
    """Cut off the loudest 0.5 to 8 % of the samples."""
    limit = float(np.quantile(np.abs(wave), 1.0 - rng.uniform(0.005, 0.08)))
    return np.clip(wave, -max(limit, 1e-4), max(limit, 1e-4))


_CHAIN: tuple[tuple[float, Callable[[Wave, np.random.Generator], Wave]], ...] = (
    (0.5, room),
    (0.12, clipping),
    (0.15, telephone),
    (0.12, mu_law),
)


def variant(wave: Wave, rng: np.random.Generator) -> tuple[Wave, float]:
    """Return a randomly degraded copy and the speed factor it was played at."""
    factor = round(float(rng.uniform(0.85, 1.17)) * 40) / 40 if rng.random() < 0.6 else 1.0
    changed = speed(wave, factor) if factor != 1.0 else wave
    for probability, step in _CHAIN:
        if rng.random() < probability:
            changed = step(changed, rng)
    return changed, factor


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


def noise_bank(voices: Sequence[Wave], pieces: int, frames: int, seed: int) -> NDArray[np.float32]:
    """Return (len(NOISES) * pieces, 64, frames) log-mel spectra of unit-power noises."""
    rng = np.random.default_rng(seed)
    bank = np.empty((len(NOISES) * pieces, BANDS, frames), np.float32)
    for index in range(bank.shape[0]):
        kind = NOISES[index % len(NOISES)]
        bank[index] = log_mel(noise(kind, frames * 160, rng, voices))
    return bank
