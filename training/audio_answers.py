"""What networks said of speakers that they never heard, as files that runs leave for each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from audio_corpora import Clip
from audio_evaluation import WindowSet, mean_uar, windows
from audio_network import AudioNetwork
from audio_origin import stored_recipe
from audio_recipe import Recipe
from audio_training import infer
from numpy.typing import NDArray
from torch import nn

from mer_ros.audio.log_mel import BANDS
from mer_ros.audio.pooling import pool_clips
from mer_ros.metrics import score
from mer_ros.models.calibration import softmax
from training.errors import TrainingError


@dataclass(frozen=True)
class Answers:
    """Logits of windows.

    logits: (W, 7) float32. truth: which clips the windows are of, without their spectra.
    recipe: of the network. labels: ``audio_corpora.labels_key`` of the clips; empty in files from
    before this was kept.
    """

    logits: NDArray[np.float32]
    truth: WindowSet
    recipe: Recipe
    labels: str = ''

    def write(self, path: Path) -> None:
        """Write so that a file that is there is whole."""
        part = path.with_suffix('.part.npz')
        np.savez(
            part,
            logits=self.logits,
            owner=self.truth.owner,
            labels=self.truth.labels,
            corpora=self.truth.corpora,
            speakers=self.truth.speakers,
            recipe=json.dumps(asdict(self.recipe)),
            labels_csv=self.labels,
        )
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read what :meth:`write` wrote.

        Raises:
            TrainingError: it is not there, or of a recipe that has other fields.
        """
        if not path.is_file():
            raise TrainingError(f'{path} is missing: that run has not finished; start it first')
        with np.load(path) as stored:
            truth = _truth(*(stored[name] for name in ('owner', 'labels', 'corpora', 'speakers')))
            recipe = stored_recipe(path, json.loads(str(stored['recipe'])))
            labels = str(stored['labels_csv']) if 'labels_csv' in stored else ''
            return cls(stored['logits'], truth, recipe, labels)

    def uars(self) -> dict[str, float]:
        """Return the clip-level UAR of each corpus and their mean."""
        truth = self.truth
        table = pool_clips(softmax(self.logits), truth.owner, truth.labels.size)
        found = {
            str(name): float(
                score(truth.labels[truth.corpora == name], table[truth.corpora == name])['uar']
            )
            for name in np.unique(truth.corpora)
        }
        return {**found, 'mean': mean_uar(truth, table)}


def _truth(
    owner: NDArray[np.int64],
    labels: NDArray[np.int64],
    corpora: NDArray[np.str_],
    speakers: NDArray[np.str_],
) -> WindowSet:
    return WindowSet(np.empty((0, BANDS, 100), np.float32), owner, labels, corpora, speakers)


def joined(parts: Sequence[Answers]) -> Answers:
    """Return the answers of several networks of one recipe to different clips as one.

    Raises:
        TrainingError: the recipes or the labels differ.
    """
    if any(part.recipe != parts[0].recipe for part in parts):
        raise TrainingError('the folds are of different recipes; train them anew with one')
    labels = {part.labels for part in parts} - {''}
    if len(labels) > 1:
        raise TrainingError(
            'the folds are of different labels; train them anew with one labels.csv'
        )
    counts = [part.truth.labels.size for part in parts]
    firsts = np.cumsum(counts) - counts
    truth = _truth(
        np.concatenate([p.truth.owner + first for p, first in zip(parts, firsts, strict=True)]),
        np.concatenate([part.truth.labels for part in parts]),
        np.concatenate([part.truth.corpora for part in parts]),
        np.concatenate([part.truth.speakers for part in parts]),
    )
    logits = np.concatenate([part.logits for part in parts])
    return Answers(logits, truth, parts[0].recipe, labels.pop() if labels else '')


def answers(
    network: nn.Module,
    clips: Sequence[Clip],
    recipe: Recipe,
    device: torch.device,
    labels: str = '',
) -> Answers:
    """Let a network answer for the streaming windows of clips; ``labels`` as in Answers."""
    cut = windows(clips)
    logits = infer(network, cut.logmel, device)
    return Answers(logits, replace(cut, logmel=cut.logmel[:0]), recipe, labels)


class Saved(NamedTuple):
    """The averaged network of a run, and what it was made from (``labels`` as in Answers)."""

    network: AudioNetwork
    recipe: Recipe
    labels: str


def saved_network(path: Path) -> Saved:
    """Return what a run left.

    Raises:
        TrainingError: it is not there, or of a recipe that has other fields.
    """
    if not path.is_file():
        raise TrainingError(f'{path} is missing: that run has not finished; start it first')
    state = torch.load(path, weights_only=True, map_location='cpu')
    recipe = stored_recipe(path, state['recipe'])
    network = AudioNetwork(recipe.width, recipe.dropout)
    network.load_state_dict(state['network'])
    return Saved(network.eval(), recipe, state.get('labels', ''))
