"""Train, choose, calibrate and export the embedded face classifier: one command.

    python -m training.face_lite --data ../shared/data/face --run build/face_lite

trains from scratch (``--resume`` goes on after an interruption), writes ``log.jsonl`` and a
checkpoint an epoch into the run folder, and exports ``face_lite.onnx`` with its card at the end.
The reported split (``fer2013_valid.npz``) is looked at once, after everything is chosen on the
part of train that is held out. Needs the packages of ``training/README.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mer_ros import metrics
from mer_ros.emotions import COUNT
from training.face_data import CLASSES, HELD_OUT, FaceSet, load, split
from training.face_export import export
from training.face_net import FaceNet, predict
from training.face_start import net_from_onnx
from training.face_training import Recipe, Training


def held_out_score(net: FaceNet, held_out: FaceSet) -> dict[str, float]:
    """Return accuracy and UAR on the majority labels, and cross-entropy to the votes."""
    logits = predict(net, held_out.images)[0]
    sure = held_out.majority >= 0
    probabilities = torch.softmax(logits[:, :COUNT], dim=1).numpy()
    scores = metrics.score(held_out.majority[sure], probabilities[sure])
    targets = torch.from_numpy(held_out.targets)
    votes = -(targets * torch.log_softmax(logits, dim=1)).sum(dim=1).mean().item()
    return {'accuracy': scores['accuracy'], 'uar': scores['uar'], 'votes_loss': votes}


def parts(data: Path, limit: int | None) -> tuple[FaceSet, FaceSet, FaceSet]:
    """Return what is trained on, what is chosen on, and what is reported on."""
    train, valid = (load(data / f'fer2013_{name}.npz') for name in ('train', 'valid'))
    if limit is None:
        return *split(train, valid, seed=0), valid
    rows = np.arange(limit, dtype=np.int64)
    train, valid = train.take(rows), valid.take(rows)
    return *split(train, valid, seed=0, held_out=min(HELD_OUT, limit // 4)), valid


def teacher_targets(checkpoints: list[Path], fit: FaceSet) -> Tensor:
    """Return (N, 8) mean probabilities of earlier runs' averaged nets, mirrored images too."""
    net, total = FaceNet(), torch.zeros(len(fit), CLASSES)
    for checkpoint in checkpoints:
        net.load_state_dict(torch.load(checkpoint, weights_only=True)['average'])
        total += torch.softmax(predict(net, fit.images, mirror=True)[0], dim=1)
    return total / len(checkpoints)


def start_weights(path: Path, fit: FaceSet) -> dict[str, Tensor]:
    """Return the weights of an earlier run: of its checkpoint, or of what it shipped."""
    if path.suffix == '.onnx':
        return net_from_onnx(path, fit.images).state_dict()
    weights: dict[str, Tensor] = torch.load(path, weights_only=True)['average']
    return weights


def blended(net: FaceNet, start: dict[str, Tensor], share: float) -> FaceNet:
    """Return a net with ``share`` of the start's weights and the rest of the run's.

    What lies between the ends of a run that began with good weights is often better than either
    (Wortsman et al., 2022, "Robust fine-tuning of zero-shot models"); it costs nothing to run.
    """
    between = FaceNet().eval()
    between.load_state_dict(
        {
            name: value.lerp(start[name], share) if value.dtype.is_floating_point else value
            for name, value in net.state_dict().items()
        }
    )
    return between


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog='python -m training.face_lite', description='Train the embedded face classifier.'
    )
    parser.add_argument('--data', type=Path, required=True, help='folder of fer2013_*.npz')
    parser.add_argument('--run', type=Path, required=True, help='folder for checkpoints and log')
    parser.add_argument(
        '--out', type=Path, help='folder for face_lite.onnx and .json (default: the run folder)'
    )
    for name, default in vars(Recipe()).items():
        if name != 'teacher':
            parser.add_argument(f'--{name.replace("_", "-")}', type=type(default), default=default)
    parser.add_argument(
        '--teacher', type=float, default=Recipe.teacher, help='share of the teachers in the targets'
    )
    parser.add_argument(
        '--teachers', type=Path, nargs='*', default=[], help='last.pt of other runs'
    )
    parser.add_argument(
        '--start', type=Path, help='last.pt or face_lite.onnx of an earlier run to start from'
    )
    parser.add_argument(
        '--blend', type=float, default=0.0, help="share of the start's weights in what is exported"
    )
    parser.add_argument('--resume', action='store_true', help='go on from the run folder')
    parser.add_argument('--export-only', action='store_true', help='export the run as it stands')
    parser.add_argument(
        '--limit', type=int, help='use so many images of each file only (for tests)'
    )
    parser.add_argument('--max-steps', type=int, help='at most so many steps an epoch (for tests)')
    parser.add_argument('--threads', type=int, default=2)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = arguments(argv)
    torch.set_num_threads(options.threads)
    recipe = Recipe(**{name: getattr(options, name) for name in vars(Recipe())})
    if options.blend and not options.start:
        raise SystemExit('--blend SHARE needs --start FILE')
    if (recipe.teacher > 0) != bool(options.teachers):
        raise SystemExit('--teacher SHARE and --teachers CHECKPOINT... go together')
    fit, held_out, valid = parts(options.data, options.limit)
    targets = torch.from_numpy(fit.targets)
    if options.teachers:
        known = targets.sum(dim=1, keepdim=True)
        mixed = teacher_targets(options.teachers, fit)
        targets = known * ((1 - recipe.teacher) * targets + recipe.teacher * mixed)
    options.run.mkdir(parents=True, exist_ok=True)
    last, log = options.run / 'last.pt', options.run / 'log.jsonl'
    training = Training(fit, targets, recipe)
    if options.start:
        training.start_from(start_weights(options.start, fit))
    if options.resume or options.export_only:
        if not last.exists():
            raise SystemExit(f'{last} does not exist: run without --resume first')
        training.restore(torch.load(last, weights_only=True))
    elif log.exists():
        raise SystemExit(f'{log} exists: --resume it, or choose another --run folder')
    epochs = training.epoch if options.export_only else recipe.epochs
    while training.epoch < epochs:
        row: dict[str, Any] = {'epoch': training.epoch + 1}
        row |= training.run_epoch(options.max_steps)
        row |= held_out_score(training.average.net, held_out)
        torch.save(training.state(), last.with_suffix('.tmp'))
        last.with_suffix('.tmp').replace(last)
        with log.open('a', encoding='utf-8') as file:
            file.write(json.dumps(row) + '\n')
        print(' '.join(f'{k} {v:.4f}' if k != 'epoch' else f'{k} {v}' for k, v in row.items()),
              flush=True)  # fmt: skip
    used = vars(recipe) | {'epochs': training.epoch, 'command': 'python -m training.face_lite'}
    net = training.average.net
    if options.start:
        used['start_sha256'] = hashlib.sha256(options.start.read_bytes()).hexdigest()
    if options.blend:
        net = blended(net, start_weights(options.start, fit), options.blend)
        used['blend'] = options.blend
    card = export(net, held_out, valid, options.out or options.run, used)
    print(json.dumps(card['metrics'] | {'held_out': held_out_score(net, held_out)}))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
