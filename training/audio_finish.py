"""From the files of the runs to what is shipped: temperatures, ONNX, figures, card."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from audio_answers import Answers, answers, joined, saved_network
from audio_batches import prior
from audio_corpora import FOLDS, Clip, fold_of
from audio_evaluation import fit_temperatures, report
from audio_export import export, in_noise, latency_ms, session, write_card
from audio_origin import refuse_other_labels
from audio_voices import KINDS, Fold, beside, entry, fit, worth

from mer_ros.models.calibration import calibrate
from training.card_terms import Terms
from training.errors import TrainingError
from training.in_place import in_place

_log = logging.getLogger('audio_lite')


def folds_of(clips: Sequence[Clip]) -> dict[int, list[Clip]]:
    """Return the clips of each fold that has any."""
    folds: dict[int, list[Clip]] = {}
    for clip in clips:
        folds.setdefault(fold_of(clip.speaker), []).append(clip)
    return {index: folds[index] for index in range(len(FOLDS)) if index in folds}


def finish(
    work: Path,
    output: Path,
    clips: Sequence[Clip],
    labels: str,
    terms: Terms,
    device: torch.device,
    rescore: bool,
) -> None:
    """Write ``audio_lite.onnx`` and its card, and into ``work`` the same of each fold's network.

    The temperatures are fitted to what the networks of folds 1 to 3 said of the speakers they
    never heard, and so is what is usual of a voice; the figures called ``test`` are those of fold
    0.

    Args:
        work: where the runs left ``fold-*.npz``, ``fold-*.pt`` and ``all.pt``.
        output: folder of the files written.
        clips: all.
        labels: ``audio_corpora.labels_key`` of the clips.
        terms: for the cards.
        device: for the networks of the folds, where they answer again.
        rescore: let them, instead of taking the logits of the runs.

    Raises:
        TrainingError: a run is missing or of other labels, the recipes differ, or only fold 0 has
            speakers.
    """
    folds = folds_of(clips)
    if not folds.keys() - {0}:
        raise TrainingError('every speaker is in fold 0; name more speakers in labels.csv')
    networks = {index: saved_network(work / f'fold-{index}.pt') for index in folds}
    for index, saved in networks.items():
        refuse_other_labels(work / f'fold-{index}.pt', saved.labels, labels)
    if rescore:
        for index, unheard in folds.items():
            network, recipe, _ = networks[index]
            answers(network, unheard, recipe, device, labels).write(work / f'fold-{index}.npz')
    found = {index: Answers.read(work / f'fold-{index}.npz') for index in folds}
    for index, each in found.items():
        refuse_other_labels(work / f'fold-{index}.npz', each.labels, labels)
    choosing = joined([found[index] for index in found if index])
    together = joined(list(found.values()))
    shipped, recipe, heard = saved_network(work / 'all.pt')
    refuse_other_labels(work / 'all.pt', heard, labels)
    if recipe != together.recipe:
        raise TrainingError(f'{work}/all.pt is of another recipe than the folds; train it anew')
    temperatures = fit_temperatures(choosing.logits, choosing.truth)
    apart = {
        index: Fold(calibrate(each.logits, temperatures[0]), each.truth)
        for index, each in found.items()
    }
    voice = fit([apart[index] for index in apart if index])
    with ExitStack() as stack:
        model = export(shipped, stack.enter_context(in_place(output / 'audio_lite.onnx')))
        metrics: dict[str, Any] = {
            'choosing': report(choosing.logits, choosing.truth, *temperatures),
            'folds': report(together.logits, together.truth, *temperatures),
            'latency_ms': latency_ms(session(model)),
            'trained_on': 'all',
        }
        twins = {
            index: export(saved.network, stack.enter_context(in_place(work / f'fold-{index}.onnx')))
            for index, saved in networks.items()
        }
        if 0 in found:
            metrics['test'] = report(found[0].logits, found[0].truth, *temperatures)
            metrics['noise'] = in_noise(twins[0], folds[0], temperatures)
            metrics['heard_before'] = {
                kind: worth(apart[0], beside(apart[0], voice, kind), temperatures[1])
                for kind in KINDS
            }
        for path in (model, *twins.values()):
            write_card(path, temperatures, prior(clips), recipe, metrics, entry(voice), terms)
    for name in ('test', 'choosing', 'folds'):
        if name in metrics:
            _log.info('%s: mean UAR %.4f', name, metrics[name]['uar_mean_of_corpora'])
    _log.info('temperatures %.3f and %.3f', *temperatures)
