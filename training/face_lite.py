"""Train, choose, calibrate and export the embedded face classifier: one command.

    python -m training.face_lite --data ../shared/data/face --run build/face_lite

trains a few larger nets on the people's votes, then the one that is shipped on their answers and
the votes, and exports ``face_lite.onnx`` with its card. Each run has a folder below the run folder
with ``log.jsonl`` and a checkpoint an epoch; what is finished there is not done again, and
``--resume`` goes on with what is not. ``--part`` does one of the runs only, so that the teachers
can be trained side by side. The reported split (``fer2013_valid.npz``) is looked at once, after
everything is chosen on the part of train that is held out. Needs the packages of
``training/README.md``.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mer_ros import metrics
from mer_ros.emotions import COUNT
from training.card_terms import SHARED, add_flags, terms_of, told
from training.face_data import FaceSet, load, split
from training.face_export import OURS, ShippedNet, export
from training.face_net import SHIPPED, TEACHER, FaceNet, Shape, predict
from training.face_origin import (
    Origin,
    data_key,
    file_key,
    origin_in,
    refuse_other_data,
    refuse_other_origin,
)
from training.face_training import NetTeacher, Recipe, Teacher, Training

STUDENT = Recipe(epochs=110, mix=0.4, distil=0.7)
TEACHERS = 3
DATA = SHARED / 'face'


def held_out_score(net: FaceNet, held_out: FaceSet) -> dict[str, float]:
    """Return accuracy and UAR on the majority labels, and cross-entropy to the votes."""
    logits = predict(net, held_out.images)[0]
    sure = held_out.majority >= 0
    probabilities = torch.softmax(logits[:, :COUNT], dim=1).numpy()
    scores = metrics.score(held_out.majority[sure], probabilities[sure])
    targets = torch.from_numpy(held_out.targets)
    votes = -(targets * torch.log_softmax(logits, dim=1)).sum(dim=1).mean().item()
    return {'accuracy': scores['accuracy'], 'uar': scores['uar'], 'votes_loss': votes}


def parts_of(data: Path, limit: int | None) -> tuple[FaceSet, FaceSet, FaceSet]:
    """Return what is trained on, what is chosen on, and what is reported on.

    Raises:
        SystemExit: nothing is left to choose on, or to report on, that most people agreed about.
    """
    train, valid = (load(data / f'fer2013_{name}.npz') for name in ('train', 'valid'))
    if limit is not None:
        train, valid = (
            each.take(np.arange(min(limit, len(each)), dtype=np.int64)) for each in (train, valid)
        )
    fit, held_out = split(train, valid, seed=0)
    for name, part in (('train', held_out), ('valid', valid)):
        if not (part.majority >= 0).any():
            raise SystemExit(
                f'{data}/fer2013_{name}.npz: too few pictures to measure by: add some that most '
                'votes agree on and that are in this file only'
            )
    return fit, held_out, valid


def teacher_recipe(student: Recipe, index: int, epochs: int) -> Recipe:
    """Return what the teacher of this index is trained by."""
    return replace(student, epochs=epochs, distil=0.0, seed=1 + index)


def state_of(path: Path, device: str = 'cpu') -> dict[str, Any]:
    """Return a run's checkpoint.

    Raises:
        SystemExit: there is none.
    """
    if not path.exists():
        raise SystemExit(f'{path} does not exist: train that part first')
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
    return state


def averaged(path: Path, device: str) -> FaceNet:
    """Return the net of a run's checkpoint.

    Raises:
        SystemExit: there is none.
    """
    stored = state_of(path, device)
    net = FaceNet(Shape(**stored['shape'])).eval()
    net.load_state_dict(stored['average'])
    return net


def recipe_of(path: Path) -> dict[str, Any]:
    """Return the recipe of a run's checkpoint, with the epochs that it has had."""
    stored = state_of(path)
    recipe: dict[str, Any] = stored['recipe'] | {'epochs': stored['epoch']}
    return recipe


def teacher(path: Path, device: str, threads: int) -> Teacher:
    """Return what teaches by a run's checkpoint, or by a face_lite.onnx."""
    if path.suffix == '.onnx':
        return ShippedNet(path, threads).taught
    return NetTeacher(averaged(path, device), device)


def run_part(
    training: Training,
    folder: Path,
    held_out: FaceSet,
    origin: Origin,
    resume: bool,
    max_steps: int | None = None,
) -> None:
    """Train to the end of the recipe, with a checkpoint an epoch in ``folder``.

    Raises:
        SystemExit: a run was begun there and ``resume`` was not asked for, or by another recipe or
            of another origin; only ``epochs`` may change.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last, log = folder / 'last.pt', folder / 'log.jsonl'
    if last.exists():
        stored = torch.load(last, weights_only=True, map_location=training.device)
        asked = asdict(training.recipe)
        others = [k for k, v in asked.items() if k != 'epochs' and stored['recipe'][k] != v]
        if others:
            raise SystemExit(f'{last} is of another {others[0]}: choose another --run folder')
        refuse_other_origin(last, stored, origin)
        training.restore(stored)
        # The terms stay those under which it was begun.
        origin = origin_in(stored) or origin
        if training.epoch < training.recipe.epochs and not resume:
            raise SystemExit(f'{log} exists: --resume it, or choose another --run folder')
    while training.epoch < training.recipe.epochs:
        row: dict[str, Any] = {'epoch': training.epoch + 1}
        row |= training.run_epoch(max_steps)
        row |= held_out_score(training.average.net, held_out)
        torch.save(training.state() | origin.kept(), last.with_suffix('.tmp'))
        last.with_suffix('.tmp').replace(last)
        with log.open('a', encoding='utf-8') as file:
            file.write(json.dumps(row) + '\n')
        text = ' '.join(f'{k} {v:.4f}' if k != 'epoch' else f'{k} {v}' for k, v in row.items())
        print(folder.name, text, flush=True)


def student_origin(
    first: Origin, folder: Path, files: Sequence[Path], start: Path | None
) -> Origin:
    """Return what a student is made from that these files teach.

    Args:
        first: its data and terms.
        folder: the run folder, in which the teachers must be of the same data.
        files: ``last.pt`` or ``face_lite.onnx`` of the teachers.
        start: ``last.pt`` of what it begins with.

    Raises:
        SystemExit: a file is missing, or a teacher in the run folder is of other data.
    """
    for file in files:
        if not file.exists():
            raise SystemExit(f'{file}, which teaches it, does not exist: train that part first')
        if file.suffix == '.pt' and folder in file.parents:
            refuse_other_data(file, state_of(file), first.data)
    return replace(
        first,
        teachers=tuple(file_key(file) for file in files),
        teacher_recipes=tuple(recipe_of(file) for file in files if file.suffix == '.pt'),
        start=file_key(start) if start else '',
    )


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog='python -m training.face_lite', description='Train the embedded face classifier.'
    )
    parser.add_argument('--data', type=Path, required=True, help='folder of fer2013_*.npz')
    parser.add_argument('--run', type=Path, required=True, help='folder for checkpoints and logs')
    parser.add_argument(
        '--out', type=Path, help='folder for face_lite.onnx and .json (default: the run folder)'
    )
    parser.add_argument(
        '--part', help='teacher-0, teacher-1, ..., student or export (default: all)'
    )
    parser.add_argument('--teachers', type=int, default=TEACHERS)
    parser.add_argument('--teacher-epochs', type=int, default=35)
    parser.add_argument(
        '--taught-by', type=Path, nargs='+', help='last.pt or face_lite.onnx of other runs instead'
    )
    parser.add_argument('--start', type=Path, help='last.pt of an earlier run to start from')
    for name, default in asdict(STUDENT).items():
        parser.add_argument(f'--{name.replace("_", "-")}', type=type(default), default=default)
    parser.add_argument('--resume', action='store_true', help='go on from the run folder')
    parser.add_argument('--device', help='cpu or cuda (default: cuda where there is one)')
    parser.add_argument(
        '--limit', type=int, help='use so many images of each file only (for tests)'
    )
    parser.add_argument('--max-steps', type=int, help='at most so many steps an epoch (for tests)')
    parser.add_argument('--threads', type=int, default=2)
    add_flags(parser, OURS, DATA)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = arguments(argv)
    torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = True
    device = options.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    recipe = Recipe(**{name: getattr(options, name) for name in asdict(STUDENT)})
    names = [] if options.taught_by else [f'teacher-{i}' for i in range(options.teachers)]
    files = options.taught_by or [options.run / name / 'last.pt' for name in names]
    parts = [options.part] if options.part else [*names, 'student', 'export']
    if unknown := set(parts) - {*names, 'student', 'export'}:
        raise SystemExit(f'--part {unknown.pop()}: there are {", ".join(names)}, student, export')
    fit, held_out, valid = parts_of(options.data, options.limit)
    if set(parts) - {'export'} and len(fit) < recipe.batch:
        raise SystemExit(
            f'{len(fit)} pictures to train on are less than a batch: add some to '
            f'fer2013_train.npz, or give a --batch below {recipe.batch}'
        )
    first = Origin(data_key(options.data, options.limit), terms_of(options, OURS, DATA))
    for name in parts:
        origin = first
        if name in names:
            index = names.index(name)
            mine = teacher_recipe(recipe, index, options.teacher_epochs)
            run = Training(fit, mine, TEACHER, device)
        elif name == 'student':
            origin = student_origin(first, options.run, files, options.start)
            teachers = [teacher(file, device, options.threads) for file in files]
            run = Training(fit, recipe, SHIPPED, device, teachers)
            if options.start:
                run.start_from(averaged(options.start, device).state_dict())
        else:
            continue
        run_part(run, options.run / name, held_out, origin, options.resume, options.max_steps)
    if 'export' in parts:
        last = options.run / 'student' / 'last.pt'
        stored = state_of(last)
        refuse_other_data(last, stored, first.data)
        # What the run was made from, not what this call happens to ask for.
        made = origin_in(stored) or student_origin(first, options.run, files, options.start)
        used = recipe_of(last) | {
            'command': 'python -m training.face_lite',
            'teachers': list(made.teachers),
            'teacher_recipes': list(made.teacher_recipes),
        }
        if made.start:
            used['start_sha256'] = made.start
        net, terms = averaged(last, 'cpu'), told(options, made.terms)
        card = export(net, held_out, valid, options.out or options.run, used, terms)
        print(json.dumps(card['metrics'] | {'held_out': held_out_score(net, held_out)}))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
