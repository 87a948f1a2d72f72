"""Train the embedded speech emotion classifier: ``python training/audio_lite.py``.

Speakers lie in four folds. For each fold a network is trained without its speakers and then asked
about them; one more is trained on every speaker, and is the one shipped. The runs do not need each
other, so they can be separate processes on one --work folder:

    python training/audio_lite.py --fold 0       # and 1, 2, 3, all
    python training/audio_lite.py --finish       # temperatures, export, card

Without --fold and --finish all of it is done in turn, except for runs that have finished already.
"""

from __future__ import annotations

import os

# A thread that waits for another by spinning holds up everything else on a shared machine.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'training')]

import training.one_line  # noqa: E402, F401 - before what may not be installed

# isort: split
import torch  # noqa: E402
from audio_answers import Answers, answers, saved_network  # noqa: E402
from audio_batches import Batches  # noqa: E402
from audio_corpora import FOLDS, Clip, fold_of, labels_key, load  # noqa: E402
from audio_export import OURS  # noqa: E402
from audio_finish import finish, folds_of  # noqa: E402
from audio_origin import refuse_other_labels, refuse_other_recipe  # noqa: E402
from audio_recipe import Recipe, at_least  # noqa: E402
from audio_training import Checkpoints, Training, device_of, write  # noqa: E402

from mer_ros.cli.main import OneLineParser  # noqa: E402
from training.card_terms import SHARED, add_flags, terms_of  # noqa: E402
from training.errors import TrainingError  # noqa: E402

DATA = SHARED / 'speech'

_log = logging.getLogger('audio_lite')


def divided(name: str, clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Return what a run is trained on, and what it is asked about afterwards.

    Args:
        name: ``all``, ``fold-K`` or ``without-CORPUS``.
        clips: all.

    Raises:
        TrainingError: one of them would be empty (``all`` is asked about nothing).
    """
    if name == 'all':
        return list(clips), []
    kind, _, which = name.partition('-')
    if kind == 'fold':
        asked = [fold_of(clip.speaker) == int(which) for clip in clips]
    else:
        asked = [clip.corpus == which for clip in clips]
    heard = [clip for clip, out in zip(clips, asked, strict=True) if not out]
    unheard = [clip for clip, out in zip(clips, asked, strict=True) if out]
    if not heard or not unheard:
        raise TrainingError(f'{name}: {len(heard)} clips to train on, {len(unheard)} to ask about')
    return heard, unheard


def run(
    name: str, clips: Sequence[Clip], labels: str, recipe: Recipe, args: argparse.Namespace
) -> None:
    """Train ``NAME.pt``, and write what it says of those it never heard into ``NAME.npz``."""
    heard, unheard = divided(name, clips)
    device = device_of(args.device)
    batches = Batches(heard, recipe, device)
    _log.info('%s: %d clips of %d speakers, %s', name, len(heard), len(batches.speakers), recipe)
    checkpoints = Checkpoints(args.work / f'{name}-state.pt', args.every, args.resume, labels)
    network = Training(recipe, batches, device).run(checkpoints)
    state = {'network': network.state_dict(), 'recipe': asdict(recipe), 'labels': labels}
    write(state | {'speakers': batches.speakers}, args.work / f'{name}.pt')
    if unheard:
        found = answers(network, unheard, recipe, device, labels)
        found.write(args.work / f'{name}.npz')
        _log.info('%s: UAR %s', name, ' '.join(f'{k} {v:.4f}' for k, v in found.uars().items()))


def finished(name: str, recipe: Recipe, labels: str, work: Path) -> bool:
    """Return whether a run has left what the last part needs.

    Raises:
        TrainingError: it has, but of another recipe or other labels.
    """
    path = work / ('all.pt' if name == 'all' else f'{name}.npz')
    if not path.is_file():
        return False
    found = saved_network(path) if name == 'all' else Answers.read(path)
    refuse_other_recipe(path, found.recipe, recipe)
    refuse_other_labels(path, found.labels, labels)
    return True


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--data', type=Path, default=DATA)
    parser.add_argument('--work', type=Path, default=ROOT / 'build/audio_lite', help='runs, logs')
    parser.add_argument('--cache', type=Path, help='decoded clips (default: the work folder)')
    parser.add_argument('--output', type=Path, default=ROOT / 'mer_ros/models/embedded')
    part = parser.add_mutually_exclusive_group()
    folds = [str(index) for index in range(len(FOLDS))]
    part.add_argument('--fold', choices=(*folds, 'all'), help='only the run without this fold')
    part.add_argument('--without', metavar='CORPUS', help='only a run without this corpus')
    part.add_argument('--finish', action='store_true', help='only the part after the runs')
    parser.add_argument('--rescore', action='store_true', help='with the weights of the runs')
    parser.add_argument('--device', choices=('auto', 'cpu', 'cuda'), default='auto')
    parser.add_argument('--threads', type=at_least(1), default=1)
    parser.add_argument('--every', type=at_least(1), default=500, help='steps between checkpoints')
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint')
    add_flags(parser, OURS, DATA)
    Recipe.add_flags(parser)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Train, export, measure and write the card."""
    args = parsed(words)
    recipe = Recipe.of(args)
    if args.fold:
        names = [args.fold if args.fold == 'all' else f'fold-{args.fold}']
    else:
        names = [f'without-{args.without}'] if args.without else []
    args.work.mkdir(parents=True, exist_ok=True)
    _log_into(args.work / f'{names[0] if names else "run"}.log')
    torch.set_num_threads(args.threads)
    clips, labels = load(args.data, args.cache or args.work), labels_key(args.data)
    if not names and not args.finish:
        names = [*(f'fold-{index}' for index in folds_of(clips)), 'all']
        names = [name for name in names if not finished(name, recipe, labels, args.work)]
    for name in names:
        run(name, clips, labels, recipe, args)
    if not args.fold and not args.without:
        args.output.mkdir(parents=True, exist_ok=True)
        terms, device = terms_of(args, OURS, DATA), device_of(args.device)
        finish(args.work, args.output, clips, labels, terms, device, args.rescore)


def _log_into(path: Path) -> None:
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    for old in list(_log.handlers):
        _log.removeHandler(old)
    file = logging.FileHandler(path)
    file.setFormatter(logging.Formatter('%(asctime)s %(message)s'))
    _log.setLevel(logging.INFO)
    _log.addHandler(file)


if __name__ == '__main__':
    main()
