"""How the speech model fares on a corpus it never heard: ``python training/audio_cross_corpus.py``.

Collects ``WORK/without-CORPUS.npz`` of ``training/audio_lite.py --without CORPUS``, networks that
heard every speaker of the other corpora. Their temperatures are fitted to what the networks of
folds 1 to 3 said of those other corpora. Scored are all clips of the corpus, and those of its
speakers in fold 0, which the card's other figures are of. Prints one JSON line;
``training/audio_card.py --cross FILE`` puts it into the model card.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'training')]

import training.one_line  # noqa: E402, F401 - before what may not be installed

# isort: split
import numpy as np  # noqa: E402
from audio_answers import Answers, joined  # noqa: E402
from audio_corpora import FOLDS, TEST_SPEAKERS  # noqa: E402
from audio_evaluation import fit_temperatures, report  # noqa: E402
from numpy.typing import NDArray  # noqa: E402


def part(found: Answers, kept: NDArray[np.bool_]) -> Answers:
    """Return the answers for some of the clips; ``kept`` is (C,)."""
    truth = found.truth
    inside = kept[truth.owner]
    number = np.cumsum(kept) - 1
    chosen = type(truth)(
        truth.logmel, number[truth.owner[inside]], truth.labels[kept], truth.corpora[kept],
        truth.speakers[kept],
    )  # fmt: skip
    return replace(found, logits=found.logits[inside], truth=chosen)


def figures(corpus: str, unheard: Answers, folds: Answers) -> dict[str, Any]:
    """Return the scores on a corpus of a network trained on the others."""
    known = part(folds, folds.truth.corpora != corpus)
    temperatures = fit_temperatures(known.logits, known.truth)
    table: dict[str, Any] = {'steps': unheard.recipe.steps, 'batch': unheard.recipe.batch}
    test = np.isin(unheard.truth.speakers, sorted(TEST_SPEAKERS))
    for name, kept in (('all', np.ones_like(test)), ('test', test)):
        if not kept.any():
            continue
        chosen = part(unheard, kept)
        scores = report(chosen.logits, chosen.truth, *temperatures)
        table[name] = {
            'n': scores['clip']['n'],
            'uar': round(scores['clip']['uar'], 4),
            'interval_95': [round(value, 4) for value in scores['intervals_95'][corpus]],
            'ece': round(scores['clip']['ece'], 4),
            'recall': [round(value, 4) for value in scores['recall']],
        }
    return table


def main() -> None:
    """Print the figures of the runs in the work folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--work', type=Path, default=ROOT / 'build/audio_lite', help='the runs')
    args = parser.parse_args()
    paths = [args.work / f'fold-{index}.npz' for index in range(1, len(FOLDS))]
    folds = joined([Answers.read(path) for path in paths if path.is_file()])
    corpora = sorted(path.stem.partition('-')[2] for path in args.work.glob('without-*.npz'))
    print(
        json.dumps(
            {name: figures(name, Answers.read(args.work / f'without-{name}.npz'), folds)
             for name in corpora}
        )
    )  # fmt: skip


if __name__ == '__main__':
    main()
