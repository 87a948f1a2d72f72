"""From the trained network to the files the robot loads: ONNX, its check, its card."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from audio_corpora import CHUNK, Clip
from audio_evaluation import WindowSet, parts_of, report, windows
from audio_noise import NOISES, noise
from audio_recipe import Recipe
from numpy.typing import NDArray
from torch import nn

from mer_ros.audio.log_mel import BANDS, HOP, SAMPLE_RATE
from mer_ros.models.card import ModelCard
from training.card_terms import Terms
from training.errors import TrainingError

Array = NDArray[np.float32]
OURS = Terms(licence='CC-BY-NC-SA-4.0', version='2.1')
"""Of what is trained on our data."""
TOLERANCE = 1e-4
SNRS_DB = (20, 10, 5, 0)
NOISE_STRIDE = 3
"""Every third clip of the test speakers is scored in noise: the table is for its slope."""


def export(network: nn.Module, path: Path) -> Path:
    """Write the ONNX file.

    Raises:
        TrainingError: ONNX Runtime and torch differ by more than :data:`TOLERANCE`.
    """
    network = network.to('cpu', memory_format=torch.contiguous_format).float().eval()
    with warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but needs no onnxscript and names axes plainly.
        warnings.simplefilter('ignore')
        torch.onnx.export(
            network,
            (torch.randn(1, BANDS, 100) * 2.0 - 10.0,),
            str(path),
            input_names=['logmel'],
            output_names=['logits'],
            dynamic_axes={'logmel': {0: 'batch', 2: 'frames'}, 'logits': {0: 'batch'}},
            opset_version=17,
            dynamo=False,
        )
    generator = torch.Generator().manual_seed(0)
    for batch, frames in ((1, 100), (3, 50), (2, 137), (5, 200)):
        x = torch.randn(batch, BANDS, frames, generator=generator) * 3.0 - 12.0
        with torch.no_grad():
            expected = network(x).numpy()
        difference = float(np.abs(_run(session(path), x.numpy()) - expected).max())
        if difference > TOLERANCE:
            raise TrainingError(
                f'{path} differs from torch by {difference:.2e} at {tuple(x.shape)}'
            )
    return path


def session(path: Path) -> onnxruntime.InferenceSession:
    """Return the model on one thread, as the robot runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])


def _run(model: onnxruntime.InferenceSession, logmel: Array) -> Array:
    return np.asarray(model.run(['logits'], {'logmel': logmel})[0], np.float32)


def logits_of(model: onnxruntime.InferenceSession, cut: WindowSet) -> Array:
    """Return (W, 7) logits of the windows."""
    return np.concatenate([_run(model, part) for part in parts_of(cut.logmel)])


def in_noise(
    path: Path, clips: Sequence[Clip], temperatures: tuple[float, float]
) -> dict[str, dict[str, float]]:
    """Return UAR by corpus, its mean, and the ECE, for each SNR.

    Args:
        path: the ONNX file.
        clips: of speakers that it never heard; each third is scored.
        temperatures: of single windows and of clips.
    """
    model = session(path)
    table = {}
    for snr in SNRS_DB:
        cut = windows(clips[::NOISE_STRIDE], _Noise(snr))
        scores = report(logits_of(model, cut), cut, *temperatures)
        table[str(snr)] = {
            **{name: each['uar'] for name, each in scores['corpora'].items()},
            'mean': scores['uar_mean_of_corpora'],
            'ece': scores['clip']['ece'],
        }
    return table


class _Noise:
    """Adds the kinds of noise in turn, at one ratio to the power of the clip's loud parts."""

    def __init__(self, snr_db: float) -> None:
        self._snr_db = snr_db
        self._rng = np.random.default_rng(5)
        self._count = 0

    def __call__(self, wave: Array) -> Array:
        kinds = [kind for kind in NOISES if kind != 'babble']
        added = noise(kinds[self._count % len(kinds)], wave.size, self._rng)
        self._count += 1
        gain = _active_rms(wave) * 10.0 ** (-self._snr_db / 20.0)
        return np.asarray(wave + gain * added, np.float32)


def _active_rms(wave: Array) -> float:
    """Return the RMS of the 32 ms frames within 20 dB of the loudest: pauses do not count."""
    power = np.mean(np.square(wave[: wave.size // CHUNK * CHUNK].reshape(-1, CHUNK)), axis=1)
    return float(np.sqrt(power[power >= 0.01 * power.max()].mean()))


def latency_ms(model: onnxruntime.InferenceSession, rounds: int = 300) -> dict[str, float]:
    """Return p50 and p95 of one 1 s window on one thread, front end not included."""
    x = np.random.default_rng(0).normal(-10.0, 3.0, (1, BANDS, 100)).astype(np.float32)
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        _run(model, x)
        taken.append((time.perf_counter() - started) * 1e3)
    return {'p50': float(np.median(taken)), 'p95': float(np.quantile(taken, 0.95))}


def write_card(
    path: Path,
    temperatures: tuple[float, float],
    prior: NDArray[np.float64],
    recipe: Recipe,
    metrics: dict[str, Any],
    voice: dict[str, Any],
    terms: Terms,
) -> None:
    """Write ``audio_lite.json`` beside the model.

    Raises:
        ModelError: the robot could not read it.
    """
    card = {
        'name': 'audio_lite',
        'version': terms.version,
        'task': 'audio_classifier',
        'temperature': round(temperatures[0], 4),
        'clip_temperature': round(temperatures[1], 4),
        'prior': [round(float(p), 6) for p in prior],
        'input': {
            'name': 'logmel',
            'shape': ['batch', BANDS, 'frames'],
            'dtype': 'float32',
            'front_end': 'mer_ros.audio.log_mel.log_mel',
            'sample_rate': SAMPLE_RATE,
            'hop': HOP,
            'frames_per_window': 100,
        },
        'recipe': asdict(recipe),
        'metrics': metrics,
        'voice': voice,
        'licence': terms.licence,
        'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    path.with_suffix('.json').write_text(json.dumps(card, indent=1) + '\n', encoding='utf-8')
    ModelCard.read(path)
