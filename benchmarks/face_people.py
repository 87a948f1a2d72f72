"""How well people themselves hit the majority that face `lite` is measured against.

    python -m benchmarks.face_people --data ../shared/data

FER+ has ten votes an image. Some of them are taken away as the answer, and the majority (more than
half, one of our seven classes) of the others is the truth; a tie in the answer counts in part. The
network is asked about the very same images, each as often as it came up. One JSON line a row:

- one person against the other nine (exact, every vote in turn), and those who named one of ours;
- five people against the other five (random halves);
- a second panel of ten against the first (an estimate: no image was shown to two panels, so the
  votes are drawn from a Dirichlet distribution around the first ten, with `--doubt` votes of the
  whole data set added), and the best that any classifier could do there, knowing that distribution.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.face.lite import LiteFaceClassifier
from training.face_data import FERPLUS_TO_OURS, majority_label

Votes = NDArray[np.int64]
OURS = list(FERPLUS_TO_OURS)


@dataclass(frozen=True)
class Judged:
    """Answers against the majority of people who had no part in them.

    Attributes:
        rows: (J,) the image of each.
        truth: (J,) the majority of the others.
        right: (J,) share of the answer that hits it, 1 without a tie.
        weight: (J,) how many such answers there are.
    """

    rows: Votes
    truth: Votes
    right: NDArray[np.float64]
    weight: NDArray[np.float64]

    def report(self, name: str, network: Votes) -> None:
        """Print the share of right answers, and that of the network for the same."""
        hit = network[self.rows] == self.truth
        row = {
            'people': name,
            'n': int(self.weight.sum()),
            'right': round(float(np.average(self.right, weights=self.weight)), 3),
            'lite': round(float(np.average(hit, weights=self.weight)), 3),
        }
        print(json.dumps(row), flush=True)


def one_of_ten(votes: Votes, columns: Sequence[int]) -> Judged:
    """Judge every vote for one of the columns by the other nine."""
    parts = []
    for column in columns:
        rows = np.flatnonzero(votes[:, column])
        others = votes[rows]
        others[:, column] -= 1
        truth = majority_label(others)
        kept = truth >= 0
        said = OURS.index(column) if column in OURS else -1
        weight = votes[rows, column].astype(np.float64)
        parts.append((rows[kept], truth[kept], (truth == said)[kept], weight[kept]))
    rows, truth, right, weight = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Judged(rows, truth, right.astype(np.float64), weight)


def halves(votes: Votes, rounds: int, generator: np.random.Generator) -> Judged:
    """Judge the plurality of five by the other five, for random halves."""
    each = np.repeat(np.tile(np.arange(votes.shape[1]), len(votes)), votes.ravel())
    each = each.reshape(len(votes), -1)
    parts = []
    for _ in range(rounds):
        mixed = generator.permuted(each, axis=1)
        first, second = (
            (half[:, :, None] == np.arange(votes.shape[1])).sum(axis=1)
            for half in np.split(mixed, 2, axis=1)
        )
        truth = majority_label(second)
        ours, most = first[:, OURS], first.max(axis=1)
        share = (ours[np.arange(len(ours)), truth] == most) / (first == most[:, None]).sum(axis=1)
        rows = np.flatnonzero(truth >= 0)
        parts.append((rows, truth[rows], share[rows]))
    rows, truth, right = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Judged(rows, truth, right, np.ones(len(rows)))


def second_panel(
    votes: Votes, doubt: float, generator: np.random.Generator
) -> tuple[Judged, Judged]:
    """Judge the first panel's majority, and the best possible answer, by ten other people."""
    common = votes.sum(axis=0) / votes.sum() * doubt
    shares = np.stack([generator.dirichlet(row + common) for row in votes])
    truth = majority_label(generator.multinomial(10, shares))
    first = majority_label(votes)
    both = np.flatnonzero((truth >= 0) & (first >= 0))
    every = np.flatnonzero(truth >= 0)
    best = shares[:, OURS].argmax(axis=1)
    return tuple(
        Judged(rows, truth[rows], (said == truth)[rows].astype(float), np.ones(len(rows)))
        for rows, said in ((both, first), (every, best))
    )  # type: ignore[return-value]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    parser.add_argument('--doubt', type=float, nargs='+', default=(0.5, 1.0, 3.0))
    options = parser.parse_args()
    with np.load(options.data / 'face' / 'fer2013_valid.npz') as archive:
        images, votes = archive['images'], archive['ferplus_votes'].astype(np.int64)
    classifier = LiteFaceClassifier()
    classifier.load()
    network = classifier.classify(images).probabilities.argmax(axis=1)
    generator = np.random.default_rng(0)
    one_of_ten(votes, range(votes.shape[1])).report('one against nine', network)
    one_of_ten(votes, OURS).report('one, who named one of ours, against nine', network)
    halves(votes, 20, generator).report('five against five', network)
    for doubt in options.doubt:
        panel, best = second_panel(votes, doubt, generator)
        panel.report(f'ten against ten more, doubt {doubt}', network)
        best.report(f'the best possible against ten, doubt {doubt}', network)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
