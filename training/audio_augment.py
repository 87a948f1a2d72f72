"""Augmentation of whole batches in torch, on the device that the network is trained on.

Chance comes from the ``torch.Generator`` given, which names the device. Nothing waits for the
device: how many rows are changed is fixed, and which ones is drawn there. Sound is (B, n) float32
at 16 kHz, spectra are (B, 64, T) log-mels. All of it is synthetic; no noise corpus is needed.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional

from mer_ros.audio.log_mel import BANDS, HIGH_HZ, LOW_HZ, SAMPLE_RATE

SLOWEST, FASTEST = 0.85, 1.17
TAPS = 12
"""Samples that one of a sound played faster or slower is interpolated from."""
_PHASES = 256
_CUTOFF = 0.92
_KNOTS = 6


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Return numbers between low and high."""
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)


def some(generator: torch.Generator, share: float, of: int) -> Tensor:
    """Return (round(share * of),) different row numbers below ``of``, in random order."""
    order = torch.rand(of, generator=generator, device=generator.device).argsort()
    return order[: round(share * of)]


@functools.cache
def _kernel(device: torch.device) -> Tensor:
    """Return (TAPS, _PHASES): windowed sinc (Hann) at each fraction of a sample."""
    fraction = torch.arange(_PHASES, dtype=torch.float64) / _PHASES
    distance = torch.arange(TAPS, dtype=torch.float64)[:, None] - (TAPS // 2 - 1) - fraction
    kernel = torch.sinc(_CUTOFF * distance) * (1.0 + torch.cos(math.pi * distance / (TAPS // 2)))
    return (kernel / kernel.sum(dim=0)).float().to(device)


def source_size(count: int) -> int:
    """Return how many samples :func:`play` needs for ``count``."""
    return math.ceil(count * FASTEST) + TAPS


def play(source: Tensor, step: Tensor, count: int) -> Tensor:
    """Play faster (step > 1) or slower; pitch and formants move along.

    Args:
        source: (B, source_size(count)); the first sample returned is that at TAPS // 2 - 1.
        step: (B,) SLOWEST..FASTEST.
        count: samples returned.
    """
    place = torch.arange(count, device=source.device) * step[:, None]
    whole = place.long()
    phase = ((place - whole) * _PHASES).long()
    kernel = _kernel(source.device)
    played = kernel[0][phase] * source.gather(1, whole)
    for tap in range(1, TAPS):
        played += kernel[tap][phase] * source.gather(1, whole + tap)
    return played


def room(generator: torch.Generator, x: Tensor) -> Tensor:
    """Convolve with random exponentially decaying responses, T60 of 0.15 to 0.9 s.

    The sound is taken as a loop: what rings on from before it is that of its own end.
    """
    size, count = x.shape
    if not size:  # which some transforms refuse
        return x
    index = torch.arange(count, device=x.device)
    t60 = uniform(generator, 0.15, 0.9, size, 1) * SAMPLE_RATE
    response = torch.randn(x.shape, generator=generator, device=x.device)
    response = response * torch.exp(-6.9 * index / t60)
    response = response * (index >= uniform(generator, 16.0, 200.0, size, 1))
    level = 10.0 ** (-uniform(generator, 0.0, 12.0, size, 1) / 20.0)
    response = response * (level / response.norm(dim=1, keepdim=True))
    response[:, 0] = 1.0
    return torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(response), count)


def clipping(generator: torch.Generator, x: Tensor) -> Tensor:
    """Cut off the loudest 0.5 to 8 % of the samples."""
    ranked = x.abs().sort(dim=1).values
    kept = 1.0 - uniform(generator, 0.005, 0.08, x.shape[0], 1)
    limit = ranked.gather(1, (kept * (x.shape[1] - 1)).long()).clamp(min=1e-4)
    return torch.maximum(torch.minimum(x, limit), -limit)


def mu_law(x: Tensor) -> Tensor:
    """Quantise to eight bits the way G.711 does (mu = 255)."""
    peak = x.abs().amax(dim=1, keepdim=True).clamp(min=1e-6)
    squeezed = torch.sign(x) * torch.log1p(255.0 * x.abs() / peak) / math.log(256.0)
    coarse = torch.round(squeezed * 127.0) / 127.0
    return torch.sign(coarse) * torch.expm1(coarse.abs() * math.log(256.0)) / 255.0 * peak


@functools.cache
def telephone(size: int, device: torch.device) -> Tensor:
    """Return (size // 2 + 1,) gains that keep 300 to 3400 Hz, fourth order (Butterworth)."""
    hertz = torch.fft.rfftfreq(size, 1.0 / SAMPLE_RATE).clamp(min=1.0)
    gains = 1.0 / torch.sqrt((1.0 + (300.0 / hertz) ** 8) * (1.0 + (hertz / 3400.0) ** 8))
    return gains.to(device)


@functools.cache
def _hats(size: int, device: torch.device) -> Tensor:
    """Return (_KNOTS, size // 2 + 1): linear interpolation on the mel axis between knots."""
    low, high = _mel(torch.tensor([LOW_HZ, HIGH_HZ]))
    position = (_mel(torch.fft.rfftfreq(size, 1.0 / SAMPLE_RATE)) - low) / (high - low)
    distance = position.clamp(0.0, 1.0) * (_KNOTS - 1) - torch.arange(_KNOTS)[:, None]
    return (1.0 - distance.abs()).clamp(min=0.0).to(device)


def microphones(generator: torch.Generator, rows: int, size: int) -> Tensor:
    """Return (rows, size // 2 + 1) smooth random gains, 2 dB on average, and +-9 dB of level."""
    device = generator.device
    knots = 0.5 * torch.randn(rows, _KNOTS, generator=generator, device=device)
    return torch.exp(0.5 * (knots @ _hats(size, device) + uniform(generator, -2, 2, rows, 1)))


def add_noise(generator: torch.Generator, x: Tensor, bank: Tensor, share: float) -> Tensor:
    """Add pieces of the bank's (P, m) noises to a share of the rows, at an SNR of -3 to 35 dB."""
    device, count = x.device, x.shape[1]
    rows = some(generator, share, x.shape[0])
    drawn = rows.shape
    first = torch.randint(bank.shape[0], drawn, generator=generator, device=device)
    start = torch.randint(bank.shape[1] - count, drawn, generator=generator, device=device)
    index = (first * bank.shape[1] + start)[:, None] + torch.arange(count, device=device)
    noise = bank.reshape(-1)[index]
    speech = x[rows].square().mean(dim=1, keepdim=True)
    ratio = speech / noise.square().mean(dim=1, keepdim=True).clamp(min=1e-12)
    amplitude = 10.0 ** (-uniform(generator, -3.0, 35.0, rows.shape[0], 1) / 20.0)
    return x.index_add(0, rows, noise * amplitude * ratio.sqrt())


def warp(generator: torch.Generator, x: Tensor, strength: float) -> Tensor:
    """Scale the frequency axis of each log-mel (length of the vocal tract)."""
    size, _, frames = x.shape
    factor = torch.exp(uniform(generator, -strength, strength, size, 1))
    band = torch.arange(BANDS, dtype=torch.float32, device=x.device)[None]
    low, high = (2595.0 * math.log10(1.0 + hertz / 700.0) for hertz in (LOW_HZ, HIGH_HZ))
    step = (high - low) / (BANDS + 1)
    hertz = 700.0 * (10.0 ** ((low + step * (band + 1)) / 2595.0) - 1.0)
    source = (_mel(hertz * factor) - low) / step - 1.0
    time = torch.linspace(-1.0, 1.0, frames, device=x.device)[None, None, :]
    rows = (source / (BANDS - 1) * 2.0 - 1.0)[:, :, None]
    grid = torch.stack(torch.broadcast_tensors(time, rows), dim=-1)
    warped = functional.grid_sample(x[:, None], grid, padding_mode='border', align_corners=True)
    return warped[:, 0]


def mix(generator: torch.Generator, x: Tensor, target: Tensor, share: float) -> tuple[Tensor, ...]:
    """Mix log-mels, brought to one level, and targets with others' (Zhang et al., 2018)."""
    order = some(generator, 1.0, x.shape[0])
    level = torch.logsumexp(x.flatten(1), 1)
    other = x[order] + (level - level[order])[:, None, None]
    return torch.lerp(other, x, share), torch.lerp(target[order], target, share)


def mask(generator: torch.Generator, x: Tensor, strength: float) -> Tensor:
    """Replace a few bands and frames by the crop's mean (Park et al., 2019)."""
    size, bands, frames = x.shape
    hidden = torch.zeros_like(x, dtype=torch.bool)
    for axis, length, widest in ((1, bands, 8), (1, bands, 8), (2, frames, 12)):
        width = uniform(generator, 0.0, widest * strength, size, 1)
        start = uniform(generator, 0.0, 1.0, size, 1) * (length - width)
        index = torch.arange(length, device=x.device)[None]
        masked = (index >= start) & (index < start + width)
        hidden = hidden | masked.unsqueeze(3 - axis)
    return torch.where(hidden, x.mean(dim=(1, 2), keepdim=True), x)


def _mel(hertz: Tensor) -> Tensor:
    return 2595.0 * torch.log10(1.0 + hertz / 700.0)
