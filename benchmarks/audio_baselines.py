"""What people would use instead of the embedded audio model, on the same speakers and windows.

Majority class, and MFCC statistics (mean, spread, slope of 20 coefficients and their differences)
with logistic regression, trained on the speakers the model was trained on and tested on those it
never heard: ``python benchmarks/audio_baselines.py``. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'training')]

import training.one_line  # noqa: E402, F401 - before what may not be installed

# isort: split
import numpy as np  # noqa: E402
from audio_corpora import DEV_SPEAKERS, TEST_SPEAKERS, Clip, load  # noqa: E402
from audio_evaluation import WindowSet, fit_temperatures, report, windows  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.fft import dct  # noqa: E402
from scipy.optimize import minimize  # noqa: E402

from mer_ros.audio.pooling import pool_clips  # noqa: E402
from mer_ros.emotions import COUNT  # noqa: E402
from mer_ros.metrics import score  # noqa: E402
from mer_ros.models.calibration import softmax  # noqa: E402
from mer_ros.models.card import ModelCard  # noqa: E402

_COEFFICIENTS = 20
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)


def mfcc_statistics(logmel: NDArray[np.float32]) -> NDArray[np.float64]:
    """Map (N, 64, T) log-mels to (N, 100) statistics of their MFCCs over time."""
    cepstra = dct(logmel.astype(np.float64), axis=1, norm='ortho')[:, :_COEFFICIENTS]
    change = np.diff(cepstra, axis=2)
    half = cepstra.shape[2] // 2
    slope = cepstra[:, :, half:].mean(axis=2) - cepstra[:, :, :half].mean(axis=2)
    parts = [cepstra.mean(2), cepstra.std(2), slope, change.std(2), np.abs(change).max(2)]
    return np.concatenate(parts, axis=1)


class LogisticRegression:
    """Multinomial, L2, every class and corpus counting alike; fitted with L-BFGS."""

    def __init__(
        self,
        features: NDArray[np.float64],
        labels: NDArray[np.int64],
        weights: NDArray[np.float64],
        penalty: float,
    ) -> None:
        self.penalty = penalty
        self._mean, self._scale = features.mean(axis=0), features.std(axis=0) + 1e-9
        inputs = self._scaled(features)
        target = np.eye(COUNT)[labels]

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            matrix = flat.reshape(-1, COUNT)
            logits = inputs @ matrix
            logits -= logits.max(axis=1, keepdims=True)
            powers = np.exp(logits)
            total = powers.sum(axis=1, keepdims=True)
            value = weights @ (np.log(total[:, 0]) - (logits * target).sum(axis=1))
            gradient = inputs.T @ (weights[:, None] * (powers / total - target))
            kept = matrix.copy()
            kept[-1] = 0.0
            return (
                float(value + penalty * (kept**2).sum()),
                (gradient + 2 * penalty * kept).ravel(),
            )

        start = np.zeros(inputs.shape[1] * COUNT)
        result = minimize(loss, start, jac=True, method='L-BFGS-B', options={'maxiter': 300})
        self._matrix = result.x.reshape(-1, COUNT)

    def _scaled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = (features - self._mean) / self._scale
        return np.concatenate([scaled, np.ones((len(scaled), 1))], axis=1)

    def logits(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return (N, 7) logits."""
        return np.asarray(self._scaled(features) @ self._matrix, np.float32)


def _weights(cut: WindowSet) -> NDArray[np.float64]:
    keys = np.char.add(cut.corpora[cut.owner], cut.labels[cut.owner].astype(str))
    _, group, counts = np.unique(keys, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[group]
    return np.asarray(weights / weights.sum(), np.float64)


def baselines(clips: Sequence[Clip], model: Path) -> dict[str, Any]:
    """Return the UARs of the majority class, MFCC + logistic regression and the model."""
    kept_apart = DEV_SPEAKERS | TEST_SPEAKERS
    parts = {
        'train': windows([clip for clip in clips if clip.speaker not in kept_apart]),
        'dev': windows([clip for clip in clips if clip.speaker in DEV_SPEAKERS]),
        'test': windows([clip for clip in clips if clip.speaker in TEST_SPEAKERS]),
    }
    train, dev, test = parts['train'], parts['dev'], parts['test']
    inputs = {name: mfcc_statistics(part.logmel) for name, part in parts.items()}
    truth = {name: part.labels[part.owner] for name, part in parts.items()}
    fitted = [
        LogisticRegression(inputs['train'], truth['train'], _weights(train), penalty)
        for penalty in _PENALTIES
    ]
    best = max(
        fitted,
        key=lambda each: score(
            dev.labels, pool_clips(softmax(each.logits(inputs['dev'])), dev.owner, dev.labels.size)
        )['uar'],
    )
    temperatures = fit_temperatures(best.logits(inputs['dev']), dev)
    # What was chosen with the dev speakers apart learns from them too, as the networks do.
    heard = windows([clip for clip in clips if clip.speaker not in TEST_SPEAKERS])
    best = LogisticRegression(
        mfcc_statistics(heard.logmel), heard.labels[heard.owner], _weights(heard), best.penalty
    )
    # The shipped weights have heard the test speakers: the figures in the card are not theirs, but
    # those of a network that has not.
    scores = ModelCard.read(model).metrics['test']
    majority = np.zeros((test.owner.size, COUNT), np.float32)
    majority[:, np.bincount(train.labels, minlength=COUNT).argmax()] = 5.0
    return {
        'majority': _short(report(majority, test, 1.0)),
        'mfcc_logistic_regression': _short(
            report(best.logits(inputs['test']), test, *temperatures)
        ),
        'lite': _short(scores),
    }


def _short(scores: dict[str, Any]) -> dict[str, float]:
    return {
        **{name: round(each['uar'], 4) for name, each in scores['corpora'].items()},
        'mean': round(scores['uar_mean_of_corpora'], 4),
        'single_window': round(scores['single_window']['uar'], 4),
        'ece': round(scores['clip']['ece'], 4),
    }


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, default=ROOT.parent / 'shared/data/speech')
    parser.add_argument('--work', type=Path, default=ROOT / 'build/audio_lite', help='cache')
    parser.add_argument(
        '--model', type=Path, default=ROOT / 'mer_ros/models/embedded/audio_lite.onnx'
    )
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    print(json.dumps(baselines(load(args.data, args.work), args.model)))


if __name__ == '__main__':
    main()
