"""How the speech model fares on a corpus it never heard: train on two, test on the third.

``python training/audio_cross_corpus.py``. Three short runs of the committed recipe, each on the
training speakers of two corpora; temperatures from their dev speakers. Each is scored on every
clip of the third corpus and on its test speakers alone, which the card's other figures are of.
Prints one JSON line; ``training/audio_card.py --cross FILE`` puts it into the model card.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'training')]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from audio_batches import Batches, Rendered, render  # noqa: E402
from audio_corpora import Clip, load, split_of  # noqa: E402
from audio_evaluation import fit_temperatures, report, windows  # noqa: E402
from audio_lite import infer, train  # noqa: E402


def without(
    corpus: str, clips: Sequence[Clip], copies: Sequence[Rendered], args: argparse.Namespace
) -> dict[str, Any]:
    """Return the scores on a corpus of a network trained on the others."""
    torch.manual_seed(args.seed)
    known = [i for i, clip in enumerate(clips) if clip.corpus != corpus]
    chosen = [i for i in known if split_of(clips[i].speaker) == 'train']
    dev = windows([clips[i] for i in known if split_of(clips[i].speaker) == 'dev'])
    batches = Batches(clips, copies, np.array(chosen), args.seed, args.batch)
    args.run = f'without-{corpus}'
    network = train(args, batches, dev)
    temperatures = fit_temperatures(infer(network, dev), dev)
    unheard = [clip for clip in clips if clip.corpus == corpus]
    figures: dict[str, Any] = {'steps': args.steps, 'batch': args.batch}
    for name, part in (
        ('all', unheard),
        ('test', [clip for clip in unheard if split_of(clip.speaker) == 'test']),
    ):
        cut = windows(part)
        scores = report(infer(network, cut), cut, *temperatures)
        figures[name] = {
            'n': scores['clip']['n'],
            'uar': round(scores['clip']['uar'], 4),
            'interval_95': [round(value, 4) for value in scores['intervals_95'][corpus]],
            'ece': round(scores['clip']['ece'], 4),
            'recall': [round(value, 4) for value in scores['recall']],
        }
    return figures


def main() -> None:
    """Train thrice and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, default=ROOT.parent / 'shared/data/speech')
    parser.add_argument('--work', type=Path, default=ROOT / 'build/audio_lite', help='caches, logs')
    parser.add_argument('--steps', type=int, default=600)
    parser.add_argument('--fall', type=float, default=0.5, help='share of steps of falling rate')
    parser.add_argument('--rate', type=float, default=1.5e-3)
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--copies', type=int, default=5, help='rendered copies of each clip')
    parser.add_argument('--every', type=int, default=200, help='steps between checkpoints')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoints')
    args = parser.parse_args()
    args.branch = None
    args.work.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    torch.set_num_threads(args.threads)
    clips = load(args.data, args.work)
    copies = render(clips, args.copies, 1, args.work)
    corpora = sorted({clip.corpus for clip in clips})
    print(json.dumps({corpus: without(corpus, clips, copies, args) for corpus in corpora}))


if __name__ == '__main__':
    main()
