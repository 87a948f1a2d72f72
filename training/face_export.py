"""From a trained face net to the shipped ONNX file and its card.

Temperature and class offsets are fitted on the held-out part of train; the figures in the card
are of the ONNX file itself, run by ONNX Runtime, on ``fer2013_valid.npz``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from mer_ros import metrics
from mer_ros.emotions import COUNT, LABELS
from mer_ros.models.calibration import calibrate, fit_temperature
from training.card_terms import Terms
from training.errors import TrainingError
from training.face_data import FaceSet
from training.face_net import SIZE, DeployedFaceNet, FaceNet, predict
from training.in_place import in_place

OURS = Terms(licence='LicenseRef-FER2013-research-use', version='2.0')
"""Of what is trained on our data."""
MAX_DIFFERENCE = 1e-4
RESAMPLES = 2000
ENOUGH = 20
"""Images that a class needs to count in ``uar_20``."""
BALANCES = (0.0, 0.1, 0.2, 0.3, 0.4)
ALLOWED_COST = 0.002


def fit_offsets(
    logits: NDArray[np.float32], labels: NDArray[np.int64], shares: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return offsets (7,) of the logits that give rare classes a fairer hearing.

    They are ``-t log(shares)`` (Menon et al., 2021), with the ``t`` of :data:`BALANCES` of the
    best UAR among those that cost no more than :data:`ALLOWED_COST` of the accuracy.

    Args:
        logits: (N, 7) of the held-out part.
        labels: (N,) its majority labels.
        shares: (7,) how frequent the classes are.
    """
    candidates: list[tuple[float, float, NDArray[np.float32]]] = []
    for balance in BALANCES:
        offsets = (-balance * np.log(shares / shares.mean())).astype(np.float32)
        confusion = metrics.confusion_matrix(labels, (logits + offsets).argmax(axis=1))
        support = confusion.sum(axis=1)
        large = support >= min(ENOUGH, support.max())
        recall = float((np.diag(confusion)[large] / support[large]).mean())
        candidates.append((float(np.trace(confusion) / len(labels)), recall, offsets))
    best = max(accuracy for accuracy, _, _ in candidates)
    fair = [found for found in candidates if found[0] >= best - ALLOWED_COST]
    return max(fair, key=lambda found: found[1])[2]


def bootstrap(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], seed: int = 0
) -> dict[str, list[float]]:
    """Return the 95 % intervals of accuracy, UAR and UAR over classes with 20 images or more."""
    generator = np.random.default_rng(seed)
    rows: dict[str, list[float]] = {'accuracy': [], 'uar': [], 'uar_20': []}
    support = np.bincount(truth, minlength=COUNT)
    large = support >= min(ENOUGH, support.max())
    for _ in range(RESAMPLES):
        drawn = generator.integers(0, len(truth), len(truth))
        confusion = metrics.confusion_matrix(truth[drawn], predicted[drawn])
        rows['accuracy'].append(float(np.trace(confusion) / len(truth)))
        rows['uar'].append(metrics.uar(confusion))
        recall = np.diag(confusion)[large] / np.maximum(confusion.sum(axis=1)[large], 1)
        rows['uar_20'].append(float(recall.mean()))
    return {
        name: [round(float(edge), 4) for edge in np.percentile(values, (2.5, 97.5))]
        for name, values in rows.items()
    }


def scores(truth: NDArray[np.int64], probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Return the fields of ``mer evaluate``, recall a class, and the intervals."""
    row = metrics.score(truth, probabilities)
    confusion = np.asarray(row['confusion'])
    support = confusion.sum(axis=1)
    recall = np.diag(confusion) / np.maximum(support, 1)
    row['uar_20'] = float(recall[support >= min(ENOUGH, support.max())].mean())
    row['recall'] = {
        name: round(float(value), 4) for name, value in zip(LABELS, recall, strict=True)
    }
    row['interval_95'] = bootstrap(truth, probabilities.argmax(axis=1))
    return {name: round(x, 4) if isinstance(x, float) else x for name, x in row.items()}


class ShippedNet:
    """The ONNX file, run on one core or as many as asked for."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load it."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider']
        )

    def taught(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, 7) probabilities for (N, 1, 48, 48) images: what a teacher says."""
        logits = self(images[:, 0].cpu().numpy())[0]
        return torch.softmax(torch.from_numpy(logits).to(images.device), dim=1)

    def __call__(self, images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (logits (N, 7), face_logit (N,)) of (N, 48, 48) images in 0..255."""
        logits, faces = [], []
        for start in range(0, len(images), 256):
            batch = images[start : start + 256, None].astype(np.float32)
            logit, face = self._session.run(['logits', 'face_logit'], {'images': batch})
            logits.append(logit)
            faces.append(face)
        return np.concatenate(logits), np.concatenate(faces)


def write_onnx(net: FaceNet, offsets: NDArray[np.float32], path: Path) -> None:
    """Write the net as ONNX with batch normalisation folded into the convolutions."""
    names = ['images', 'logits', 'face_logit']
    deployed = DeployedFaceNet(net, torch.from_numpy(offsets)).eval()
    torch.onnx.export(
        deployed.to(memory_format=torch.contiguous_format),
        (torch.zeros(2, 1, SIZE, SIZE),),
        str(path),
        input_names=names[:1],
        output_names=names[1:],
        dynamic_axes={name: {0: 'faces'} for name in names},
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)


def parameter_count(path: Path) -> int:
    """Return the number of trained values in an ONNX file."""
    return sum(int(np.prod(weight.dims)) for weight in onnx.load(str(path)).graph.initializer)


def export(
    net: FaceNet,
    held_out: FaceSet,
    valid: FaceSet,
    out: Path,
    recipe: dict[str, Any],
    terms: Terms,
) -> dict[str, Any]:
    """Write ``face_lite.onnx`` and ``face_lite.json`` to ``out``; return the card.

    Raises:
        TrainingError: the ONNX file's logits differ from the net's by more than 1e-4; what was in
            ``out`` is left as it was.
    """
    out.mkdir(parents=True, exist_ok=True)
    sure = held_out.majority >= 0
    raw = predict(net, held_out.images)[0][:, :COUNT].numpy()
    shares = np.maximum(held_out.targets[:, :COUNT].mean(axis=0), 1e-4)
    offsets = fit_offsets(raw[sure], held_out.majority[sure], shares)
    temperature = fit_temperature(raw[sure] + offsets, held_out.majority[sure])
    with in_place(out / 'face_lite.onnx') as path:
        write_onnx(net, offsets, path)
        shipped = ShippedNet(path)
        logits, face = shipped(valid.images)
        torch_logits, torch_face = predict(net, valid.images)
        difference = max(
            float(np.abs(logits - (torch_logits[:, :COUNT].numpy() + offsets)).max()),
            float(np.abs(face - torch_face.numpy()).max()),
        )
        if difference > MAX_DIFFERENCE:
            raise TrainingError(f'{path} differs from the trained net by {difference:.2g}')
        held_out_probabilities = calibrate(raw[sure] + offsets, temperature)
        probabilities = calibrate(logits, temperature)
        known = valid.majority >= 0
        prior = np.maximum(held_out_probabilities.mean(axis=0), 1e-4)
        card = {
            'name': 'face_lite',
            'version': terms.version,
            'task': 'face_classifier',
            'temperature': round(temperature, 4),
            'prior': [round(float(share), 5) for share in prior / prior.sum()],
            'input': {
                'name': 'images',
                'shape': ['faces', 1, SIZE, SIZE],
                'dtype': 'float32',
                'range': [0, 255],
                'colour': 'grey',
            },
            'metrics': {
                'parameters': parameter_count(path),
                'ferplus': scores(valid.majority[known], probabilities[known]),
                'original': scores(valid.original, probabilities),
                'held_out_ferplus': scores(held_out.majority[sure], held_out_probabilities),
                'onnx_difference': float(f'{difference:.1e}'),
            },
            'recipe': recipe,
            'licence': terms.licence,
            'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        path.with_suffix('.json').write_text(json.dumps(card, indent=1) + '\n', encoding='utf-8')
    return card
