"""From the files of the runs to what is shipped: temperatures, ONNX, figures, card."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from audio_answers import Answers, answers, joined, saved_network
from audio_batches import prior
from audio_corpora import FOLDS, Clip, fold_of
from audio_evaluation import fit_temperatures, report
from audio_export import export, in_noise, latency_ms, session, write_card
from audio_voices import KINDS, Fold, beside, entry, fit, worth

from mer_ros.models.calibration import calibrate

_log = logging.getLogger('audio_lite')


def folds_of(clips: Sequence[Clip]) -> dict[int, list[Clip]]:
    """Return the clips of each fold that has any."""
    folds: dict[int, list[Clip]] = {}
    for clip in clips:
        folds.setdefault(fold_of(clip.speaker), []).append(clip)
    return {index: folds[index] for index in range(len(FOLDS)) if index in folds}


def finish(
    work: Path, output: Path, clips: Sequence[Clip], device: torch.device, rescore: bool
) -> None:
    """Write ``audio_lite.onnx`` and its card, and into ``work`` the same of each fold's network.

    The temperatures are fitted to what the networks of folds 1 to 3 said of the speakers they
    never heard, and so is what is usual of a voice; the figures called ``test`` are those of fold
    0.

    Args:
        work: where the runs left ``fold-*.npz``, ``fold-*.pt`` and ``all.pt``.
        output: folder of the files written.
        clips: all.
        device: for the networks of the folds, where they answer again.
        rescore: let them, instead of taking the logits of the runs.

    Raises:
        ValueError: a run is missing, the recipes differ, or only fold 0 has speakers.
    """
    folds = folds_of(clips)
    if not folds.keys() - {0}:
        raise ValueError('every speaker is in fold 0; name more speakers in labels.csv')
    if rescore:
        for index, unheard in folds.items():
            network, recipe = saved_network(work / f'fold-{index}.pt')
            answers(network, unheard, recipe, device).write(work / f'fold-{index}.npz')
    found = {index: Answers.read(work / f'fold-{index}.npz') for index in folds}
    choosing = joined([found[index] for index in found if index])
    together = joined(list(found.values()))
    shipped, recipe = saved_network(work / 'all.pt')
    if recipe != together.recipe:
        raise ValueError(f'{work}/all.pt is of another recipe than the folds; train it anew')
    temperatures = fit_temperatures(choosing.logits, choosing.truth)
    apart = {
        index: Fold(calibrate(each.logits, temperatures[0]), each.truth)
        for index, each in found.items()
    }
    voice = fit([apart[index] for index in apart if index])
    model = export(shipped, output / 'audio_lite.onnx')
    metrics: dict[str, Any] = {
        'choosing': report(choosing.logits, choosing.truth, *temperatures),
        'folds': report(together.logits, together.truth, *temperatures),
        'latency_ms': latency_ms(session(model)),
        'trained_on': 'all',
    }
    twins = {
        index: export(saved_network(work / f'fold-{index}.pt')[0], work / f'fold-{index}.onnx')
        for index in folds
    }
    if 0 in found:
        metrics['test'] = report(found[0].logits, found[0].truth, *temperatures)
        metrics['noise'] = in_noise(twins[0], folds[0], temperatures)
        metrics['heard_before'] = {
            kind: worth(apart[0], beside(apart[0], voice, kind), temperatures[1]) for kind in KINDS
        }
    for path in (model, *twins.values()):
        write_card(path, temperatures, prior(clips), recipe, metrics, entry(voice))
    for name in ('test', 'choosing', 'folds'):
        if name in metrics:
            _log.info('%s: mean UAR %.4f', name, metrics[name]['uar_mean_of_corpora'])
    _log.info('temperatures %.3f and %.3f', *temperatures)
