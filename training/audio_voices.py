"""How answers are adapted to a voice: ``python training/audio_voices.py``.

What is *usual* is fitted to what networks said of speakers that they never heard (the answers that
``training/audio_lite.py --fold K`` leaves), half of it neutral, which is how most people talk to a
robot most of the time. ``--write`` puts it into a card. For each strength and each thing that may
have been heard before a clip, a row of what the answers are worth then; each fold by what is usual
in the other ones of ``--choose``, which the temperatures are fitted to as well. ``--report`` is a
fold that nothing is chosen by. With ``--faces`` each row also has what the answers are worth fused
with faces that face_lite was not trained on (``training/fusion_pairs.py``). Prints one JSON line a
row.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'training')]

import training.one_line  # noqa: E402, F401 - before what may not be installed

# isort: split
import numpy as np  # noqa: E402
from audio_answers import Answers, joined  # noqa: E402
from audio_evaluation import WindowSet, bootstrap, fit_temperatures, mean_uar  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from mer_ros.audio.adaptation import Adaptation, centred  # noqa: E402
from mer_ros.audio.pooling import pool_clips  # noqa: E402
from mer_ros.emotions import Emotion  # noqa: E402
from mer_ros.face.lite import LiteFaceClassifier  # noqa: E402
from mer_ros.fusion.parameters import ParameterTable  # noqa: E402
from mer_ros.fusion.recording import fuse_recording, no_context  # noqa: E402
from mer_ros.metrics import expected_calibration_error, score  # noqa: E402
from mer_ros.models.calibration import calibrate  # noqa: E402
from mer_ros.models.card import ModelCard, Voice  # noqa: E402
from training.fusion_pairs import classified_faces, faces_kept_apart, paired  # noqa: E402

Table = NDArray[np.float32]
STRENGTH, HALF = 0.3, 10.0
"""Chosen on folds 1 and 2 (docs/models/audio_lite.md)."""
NEUTRAL = 0.5
"""Share of what is usual that is neutral."""
_CLIPS = 5
_SEED = 5


@dataclass(frozen=True)
class Fold:
    """Answers to speakers never heard: (W, 7) calibrated probabilities, and what is true."""

    probabilities: Table
    truth: WindowSet


def fit(folds: Sequence[Fold], strength: float = STRENGTH, half: float = HALF) -> Voice:
    """Return what is usual in folds.

    They and their corpora count alike, and so do the other emotions beside neutral; one that is in
    none of them is left out.
    """
    means: dict[int, list[NDArray[np.float64]]] = {}
    for fold in folds:
        logs, truth = centred(fold.probabilities), fold.truth
        labels, corpora = truth.labels[truth.owner], truth.corpora[truth.owner]
        for label in np.unique(labels):
            of = [logs[(labels == label) & (corpora == corpus)] for corpus in np.unique(corpora)]
            found = [rows.mean(axis=0) for rows in of if len(rows)]
            means.setdefault(int(label), []).append(np.mean(found, axis=0))
    others = [label for label in means if label != Emotion.NEUTRAL]
    usual = np.mean([np.mean(means[label], axis=0) for label in others or means], axis=0)
    if Emotion.NEUTRAL in means:
        neutral = np.mean(means[Emotion.NEUTRAL], axis=0)
        usual = NEUTRAL * neutral + (1.0 - NEUTRAL) * usual
    return Voice(np.asarray(usual), strength, half)


def beside(fold: Fold, voice: Voice, heard: str) -> Table:
    """Return (W, 7): the answers after something was heard before each clip.

    Args:
        fold: the answers without.
        voice: how they are adapted.
        heard: ``nothing``. ``earlier``: the speaker's clips one by one, in an order drawn by
            chance. Or five clips, drawn anew for each: ``neutral``: neutral ones of the speaker;
            ``same``: the speaker's of the same emotion as the clip; ``other``: of another speaker
            of the corpus; ``two``: five of the speaker and five of another.
    """
    truth, answers = fold.truth, fold.probabilities.copy()
    windows = [np.flatnonzero(truth.owner == clip) for clip in range(truth.labels.size)]
    rng = np.random.default_rng(_SEED)
    if heard == 'earlier':
        for speaker in np.unique(truth.speakers):
            memory = Adaptation(voice)
            for clip in rng.permutation(np.flatnonzero(truth.speakers == speaker)):
                answers[windows[clip]] = memory.adapt(fold.probabilities[windows[clip]])
                memory.add(fold.probabilities[windows[clip]], 0)
    elif heard != 'nothing':
        for clip, own in enumerate(windows):
            memory = Adaptation(voice)
            for earlier in _DRAWN[heard](rng, truth, clip):
                memory.add(fold.probabilities[windows[earlier]], 0)
            answers[own] = memory.adapt(fold.probabilities[own])
    return answers


def _drawn(rng: np.random.Generator, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    found = np.flatnonzero(kept)
    return rng.choice(found, min(_CLIPS, found.size), replace=False)


def _own(truth: WindowSet, clip: int) -> NDArray[np.bool_]:
    own = truth.speakers == truth.speakers[clip]
    own[clip] = False
    return np.asarray(own)


def _neutral(rng: np.random.Generator, truth: WindowSet, clip: int) -> NDArray[np.int64]:
    return _drawn(rng, _own(truth, clip) & (truth.labels == Emotion.NEUTRAL))


def _same(rng: np.random.Generator, truth: WindowSet, clip: int) -> NDArray[np.int64]:
    return _drawn(rng, _own(truth, clip) & (truth.labels == truth.labels[clip]))


def _other(rng: np.random.Generator, truth: WindowSet, clip: int) -> NDArray[np.int64]:
    others = (truth.corpora == truth.corpora[clip]) & (truth.speakers != truth.speakers[clip])
    if not others.any():
        return np.zeros(0, np.int64)
    return _drawn(rng, truth.speakers == rng.choice(truth.speakers[others]))


def _two(rng: np.random.Generator, truth: WindowSet, clip: int) -> NDArray[np.int64]:
    own = _drawn(rng, _own(truth, clip))
    return np.concatenate([own, _other(rng, truth, clip)])


_DRAWN: dict[str, Callable[[np.random.Generator, WindowSet, int], NDArray[np.int64]]] = {
    'neutral': _neutral,
    'same': _same,
    'two': _two,
    'other': _other,
}
KINDS = ('nothing', 'earlier', *_DRAWN)


def worth(fold: Fold, answers: Table, clip_temperature: float) -> dict[str, Any]:
    """Return clip-level figures: UAR by corpus, their mean and interval, neutral's recall, ECE."""
    truth = fold.truth
    table = pool_clips(answers, truth.owner, truth.labels.size, clip_temperature)
    uars = {
        str(name): score(truth.labels[truth.corpora == name], table[truth.corpora == name])['uar']
        for name in np.unique(truth.corpora)
    }
    neutral = truth.labels == Emotion.NEUTRAL
    said = table.argmax(axis=1) == Emotion.NEUTRAL
    return {
        **{name: round(uar, 3) for name, uar in uars.items()},
        'mean': round(mean_uar(truth, table), 3),
        'interval_95': [round(end, 3) for end in bootstrap(truth, table)['mean']],
        'neutral_recall': _share(said[neutral]),
        'neutral_said_wrongly': _share(said[~neutral]),
        'ece': round(float(expected_calibration_error(truth.labels, table)), 3),
    }


def _share(said: NDArray[np.bool_]) -> float | None:
    """Return how many are true; None of none, since JSON has no NaN."""
    return round(float(said.mean()), 3) if said.size else None


class Faces:
    """Faces that face_lite was not trained on, to be fused with windows of the same emotion.

    Args:
        data: folder with face/.
    """

    def __init__(self, data: Path) -> None:
        classifier = LiteFaceClassifier()
        classifier.load()
        self._faces = classified_faces(classifier, faces_kept_apart(data / 'face'))
        self._parameters = ParameterTable.read().get('lite+lite')

    def worth(self, fold: Fold, answers: Table) -> dict[str, float]:
        """Return accuracy and ECE of the faces fused with the answers, each pair by itself."""
        table = answers.astype(np.float64)
        table /= table.sum(axis=1, keepdims=True)
        pairs = paired(self._faces, (table, fold.truth.labels[fold.truth.owner]), 0)
        nothing = no_context(len(pairs.labels), self._parameters)
        fused = fuse_recording(pairs.face, pairs.audio, self._parameters, nothing)
        scores = score(pairs.labels, fused)
        return {f'fused_{name}': round(scores[name], 3) for name in ('accuracy', 'ece')}


def main(words: Sequence[str] | None = None) -> None:
    """Fit, measure, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--work', type=Path, default=ROOT / 'build/audio_lite', help='the runs')
    parser.add_argument('--choose', type=int, nargs='+', default=[1, 2, 3], metavar='FOLD')
    parser.add_argument('--report', type=int, metavar='FOLD')
    parser.add_argument('--strengths', type=float, nargs='+', default=[STRENGTH])
    parser.add_argument('--faces', type=Path, metavar='DATA', help='folder with face/')
    parser.add_argument('--write', type=Path, metavar='CARD', help='put what is usual there')
    args = parser.parse_args(words)
    indices = [*args.choose, *([] if args.report is None else [args.report])]
    found = {index: Answers.read(args.work / f'fold-{index}.npz') for index in indices}
    choosing = joined([found[index] for index in args.choose])
    window, clip = fit_temperatures(choosing.logits, choosing.truth)
    folds = {
        index: Fold(calibrate(each.logits, window), each.truth) for index, each in found.items()
    }
    faces = Faces(args.faces) if args.faces else None
    for index, fold in folds.items():
        others = [folds[other] for other in args.choose if other != index]
        if not others:
            continue
        usual = fit(others)
        for strength in args.strengths:
            for kind in KINDS:
                answers = beside(fold, replace(usual, strength=strength), kind)
                row = {'fold': index, 'strength': strength, 'heard': kind}
                row |= worth(fold, answers, clip)
                row |= faces.worth(fold, answers) if faces else {}
                print(json.dumps(row), flush=True)
    if args.write:
        write(args.write, fit([folds[index] for index in args.choose]))


def write(path: Path, voice: Voice) -> None:
    """Put a voice into a card, which stays readable for ``ModelCard``."""
    card = json.loads(path.read_text(encoding='utf-8'))
    card['voice'] = entry(voice)
    path.write_text(json.dumps(card, indent=1) + '\n', encoding='utf-8')
    ModelCard.read(path)


def entry(voice: Voice) -> dict[str, Any]:
    """Return a voice as a card has it."""
    return {
        'usual': [round(float(each), 4) for each in voice.usual],
        'strength': voice.strength,
        'half': voice.half,
    }


if __name__ == '__main__':
    main()
