"""The pipeline's conditioning and ``mer_ros.audio.log_mel`` in torch, for batches on any device."""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy import signal
from torch import Tensor
from torch.nn import functional

from mer_ros.audio.log_mel import FLOOR, FRAME, HOP, SAMPLE_RATE, mel_filters
from mer_ros.audio.settings import AudioSettings

_FFT = 512
_PEAK = 0.99


@functools.cache
def _window(device: torch.device) -> Tensor:
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(FRAME) + 0.5) / FRAME)
    return torch.from_numpy((2.0 * window / window.sum()).astype(np.float32)).to(device)


@functools.cache
def _filters(device: torch.device) -> Tensor:
    return torch.from_numpy(mel_filters().T.copy()).to(device)


def log_mel(samples: Tensor) -> Tensor:
    """Map (B, n) float32 sound at 16 kHz to (B, 64, n // 160), as the runtime's log_mel does."""
    edge = (FRAME - HOP) // 2
    padded = functional.pad(samples[:, None], (edge, edge), mode='reflect')[:, 0]
    frames = padded.unfold(1, FRAME, HOP) * _window(samples.device)
    spectrum = torch.fft.rfft(frames, _FFT)
    power = spectrum.real.square() + spectrum.imag.square()
    return torch.log(power @ _filters(samples.device) + FLOOR).transpose(1, 2).contiguous()


@functools.cache
def high_pass(size: int, device: torch.device) -> Tensor:
    """Return (size // 2 + 1,) complex64: the pipeline's high-pass over the bins of an FFT."""
    sections = signal.butter(
        2, AudioSettings().high_pass_hz, 'highpass', fs=SAMPLE_RATE, output='sos'
    )
    bins = np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE)
    _, response = signal.sosfreqz(sections, bins, fs=SAMPLE_RATE)
    return torch.from_numpy(response.astype(np.complex64)).to(device)


def normalise(samples: Tensor) -> Tensor:
    """Bring each row of (B, n) to the pipeline's level, within the pipeline's limits."""
    settings = AudioSettings()
    rms = samples.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-12)
    peak = samples.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
    gain = torch.minimum(10.0 ** (settings.normalise_dbfs / 20.0) / rms, _PEAK / peak)
    return samples * gain.clamp(max=10.0 ** (settings.normalise_max_gain_db / 20.0))
