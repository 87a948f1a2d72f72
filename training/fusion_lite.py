"""Fit the pair ``lite+lite`` on artificial pairs, and measure it on others (training/fusion.py)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.lite import LiteAudioClassifier
from mer_ros.face.lite import LiteFaceClassifier
from mer_ros.fusion.comparison import mean, product
from mer_ros.fusion.fitting import CLEAN_SHARE, fit_agreement, fit_weights, swapped
from mer_ros.fusion.parameters import FusionParameters, ParameterTable
from mer_ros.fusion.recording import (
    RecordingContext,
    agreement_of,
    fuse_recording,
    learn_trust,
    no_context,
)
from mer_ros.metrics import score
from training.audio_corpora import FOLDS
from training.face_data import load
from training.fusion_pairs import (
    Pairs,
    classified_faces,
    classified_windows,
    faces_kept_apart,
    paired,
)

Table = NDArray[np.float64]

NAME = 'lite+lite'


FITTED, TESTED = 1, 0
"""Folds of speakers (``audio_corpora.FOLDS``): fitted on, measured on."""


def fitted_on_pairs(
    data: Path, face_model: Path | None, audio_folds: Path
) -> dict[str, FusionParameters]:
    """Return the entry, and print a line of JSON with what it gives on other pairs.

    Both temperatures stay at 1, since each model's card has its own, fitted on these very faces
    and windows; so each modality alone is published as it came. All three priors are that of the
    audio net: alone they cancel, in company the voice's own is taken out and the face's, which
    is how often people show what, stays in.

    Args:
        data: folder with face/ and speech/.
        face_model: ONNX file (default: the embedded one).
        audio_folds: folder with the ``fold-K.onnx`` that ``training/audio_lite.py`` leaves: each
            fold of speakers is heard by the network that was trained without them.
    """
    face = LiteFaceClassifier(face_model)
    face.load()
    audio, unheard = (
        LiteAudioClassifier(audio_folds / f'fold-{fold}.onnx') for fold in (FITTED, TESTED)
    )
    audio.load()
    unheard.load()
    prior = tuple(float(share) for share in np.asarray(audio.prior, np.float64) / audio.prior.sum())
    faces = classified_faces(face, faces_kept_apart(data / 'face'))
    windows = classified_windows(audio, data / 'speech', FOLDS[FITTED])
    pairs = paired(faces, windows, 0)
    fitted = FusionParameters(
        face_prior=prior, audio_prior=prior, prior=prior, in_order=CLEAN_SHARE
    )
    fitted = fit_weights(pairs.face, pairs.audio, pairs.labels, fitted)
    nobody = np.zeros(len(pairs.labels), np.int64)
    fitted = fit_agreement(pairs.face, pairs.audio, nobody, fitted)
    note = (
        f'fitted on {len(pairs.labels)} artificial pairs: faces kept apart by face_lite '
        f'{face.version}, windows of the speakers of fold {FITTED} by the net of audio_lite '
        f'{audio.version} that was trained without them'
    )
    others = paired(
        classified_faces(face, load(data / 'face' / 'fer2013_valid.npz')),
        classified_windows(unheard, data / 'speech', FOLDS[TESTED]),
        1,
    )
    print(json.dumps(figures(others, fitted)))
    return {NAME: replace(fitted, note=note)}


def figures(pairs: Pairs, fitted: FusionParameters) -> dict[str, object]:
    """Return accuracy, UAR and ECE of each way, on own and on half-swapped voices."""
    default = ParameterTable.read().get('default')
    foreign = pairs.audio[swapped(len(pairs.labels), 0.5, 0)]
    result: dict[str, object] = {'n': len(pairs.labels)}
    for suffix, audio in (('own', pairs.audio), ('swapped', foreign)):
        ways = {
            'face': pairs.face,
            'audio': audio,
            'mean': mean(pairs.face, audio),
            'product': product(pairs.face, audio),
            'not fitted': fused(pairs.face, audio, default),
            'fitted': fused(pairs.face, audio, fitted),
            'fitted, pair by pair': fuse_recording(
                pairs.face, audio, fitted, no_context(len(audio), fitted)
            ),
        }
        scores = {name: score(pairs.labels, table) for name, table in ways.items()}
        result[suffix] = {
            name: {key: round(each[key], 4) for key in ('accuracy', 'uar', 'ece')}
            for name, each in scores.items()
        }
    return result


def fused(face: Table, audio: Table, parameters: FusionParameters) -> Table:
    """Return (N, 7): all pairs as one recording, without baselines."""
    nothing = np.zeros_like(face)
    trust = learn_trust([agreement_of(face, audio, parameters, nothing)], [parameters])
    return fuse_recording(face, audio, parameters, RecordingContext(trust, nothing))
