"""Fits the parameters of a pair of backends on labelled clips.

Needs no more than both backends' distributions for a few hundred clips of a few people that
neither backend was trained on. Clips with another clip's voice are made from them, so that what
is fitted holds for good and for foreign voices alike:

1. Temperatures, each modality by itself (Guo et al. 2017).
2. Weights in company, on clean clips that are trusted and half-swapped clips that are not, drawn
   towards 1.
3. Kernel width, slope and bias of the agreement: logistic regression of own against foreign voice.
4. How fast a face's baseline is learned: the value under which unlabelled adaptation of the
   training people gives the best likelihood, clean and swapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from mer_ros.emotions import COUNT
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import FusionParameters
from mer_ros.fusion.pooling import temper
from mer_ros.fusion.recording import (
    RecordingContext,
    agreement_of,
    fuse_recording,
    learn_baselines,
    learn_context,
)

Table = NDArray[np.float64]
Labels = NDArray[np.int64]

SWAPS = 4
"""Swapped copies of the training clips."""

KERNEL_WIDTHS = (0.0, 0.15, 0.3, 0.45)
BASELINE_UTTERANCES = (0.0, 20.0, 40.0)
"""Slow on purpose: a bias that a handful of utterances seems to show is chance."""
CLEAN_SHARE = 0.7
"""How much clean clips count against half-swapped ones; P(a recording is in order)."""

WEIGHT_PENALTY = 0.05
SURE, EVEN = 0.98, 0.5
"""Trust in the voices of clean and of half-swapped clips."""


def swapped(count: int, share: float, seed: int) -> NDArray[np.int64]:
    """Return (count,) rows to take the voice from: a share of them is another row's."""
    order = np.arange(count)
    chosen = np.random.default_rng(seed).permutation(count)[: round(count * share)]
    order[chosen] = np.roll(chosen, 1)
    return order


def likelihood_loss(probabilities: Table, labels: Labels) -> float:
    """Return the mean negative log likelihood of (N,) labels."""
    return float(-np.log(np.maximum(probabilities[np.arange(labels.size), labels], 1e-12)).mean())


def fit(face: Table, audio: Table, labels: Labels, subjects: Labels) -> FusionParameters:
    """Return the parameters of a pair of backends.

    Args:
        face: (N, 7) of people the face backend never saw.
        audio: (N, 7) of people the audio backend never heard.
        labels: (N,) 0..6.
        subjects: (N,) who it is.

    Raises:
        FusionError: there are too few clips, or a class has none.
    """
    counts = np.bincount(labels, minlength=COUNT)
    if labels.size < 50 or counts.min() == 0:
        raise FusionError(
            f'{labels.size} clips with {int((counts > 0).sum())} of {COUNT} emotions are too few '
            'to fit on: give at least 50, some of each emotion'
        )
    prior = tuple(float(share) for share in counts / counts.sum())
    parameters = FusionParameters(
        face_temperature=fit_temperature(face, labels),
        audio_temperature=fit_temperature(audio, labels),
        face_prior=prior,
        audio_prior=prior,
        prior=prior,
        in_order=CLEAN_SHARE,
    )
    parameters = fit_weights(face, audio, labels, parameters)
    parameters = fit_agreement(face, audio, subjects, parameters)
    parameters = fit_baseline(face, audio, labels, subjects, parameters)
    return fit_agreement(face, audio, subjects, parameters)


def fit_temperature(probabilities: Table, labels: Labels) -> float:
    """Return the temperature with the best likelihood."""

    def loss(log_temperature: float) -> float:
        return likelihood_loss(temper(probabilities, float(np.exp(log_temperature))), labels)

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 3.0), method='bounded').x))


def fit_weights(
    face: Table, audio: Table, labels: Labels, parameters: FusionParameters
) -> FusionParameters:
    """Return the parameters with the weights in company filled in."""
    count = labels.size
    sure = RecordingContext(SURE, np.zeros((count, COUNT)))
    even = RecordingContext(EVEN, np.zeros((count, COUNT)))
    foreign = [audio[swapped(count, 0.5, 1000 + copy)] for copy in range(SWAPS)]

    def with_weights(logs: Sequence[float]) -> FusionParameters:
        return replace(
            parameters, face_weight=float(np.exp(logs[0])), audio_weight=float(np.exp(logs[1]))
        )

    def loss(logs: Sequence[float]) -> float:
        tried = with_weights(logs)
        clean = likelihood_loss(fuse_recording(face, audio, tried, sure), labels)
        mixed = [
            likelihood_loss(fuse_recording(face, other, tried, even), labels) for other in foreign
        ]
        return (
            0.5 * clean + 0.5 * float(np.mean(mixed)) + WEIGHT_PENALTY * float(np.dot(logs, logs))
        )

    return with_weights(minimize(loss, np.zeros(2), method='Nelder-Mead').x)


def fit_agreement(
    face: Table,
    audio: Table,
    subjects: Labels,
    parameters: FusionParameters,
    widths: Sequence[float] = KERNEL_WIDTHS,
) -> FusionParameters:
    """Return the parameters with kernel width, slope and bias of the agreement filled in.

    The slope and the bias solve the logistic regression of own against foreign voice on
    half-swapped clips, so the mean P(belongs) is right there: the running trust needs that.
    """
    own = np.arange(len(face))
    orders = [swapped(len(face), 0.5, 2000 + copy) for copy in range(SWAPS)]
    truth = np.concatenate([order == own for order in orders])
    learned = [learn_baselines(face, audio[order], subjects, parameters) for order in orders]
    best: tuple[float, FusionParameters] = (np.inf, parameters)
    for width in widths:
        tried = replace(parameters, kernel_width=width)
        agreement = np.concatenate(
            [
                agreement_of(face, audio[order], tried, baselines)
                for order, baselines in zip(orders, learned, strict=True)
            ]
        )

        def loss(line: Table, agreement: Table = agreement) -> float:
            logit = line[0] * agreement + line[1]
            return float((np.logaddexp(0.0, logit) - truth * logit).mean())

        found = minimize(loss, np.array([1.0, 0.0]), method='Nelder-Mead')
        if found.fun < best[0]:
            slope, bias = max(float(found.x[0]), 0.0), float(found.x[1])
            best = (
                float(found.fun),
                replace(tried, agreement_slope=slope, agreement_bias=bias),
            )
    return best[1]


def fit_baseline(
    face: Table, audio: Table, labels: Labels, subjects: Labels, parameters: FusionParameters
) -> FusionParameters:
    """Return the parameters with the speed of learning baselines filled in."""
    voices = [audio] + [audio[swapped(labels.size, 0.5, 3000 + copy)] for copy in range(SWAPS)]
    shares = [CLEAN_SHARE] + [(1.0 - CLEAN_SHARE) / SWAPS] * SWAPS

    def loss(utterances: float) -> float:
        tried = replace(parameters, baseline_utterances=utterances)
        return sum(
            share
            * likelihood_loss(
                fuse_recording(face, voice, tried, learn_context(face, voice, subjects, tried)),
                labels,
            )
            for share, voice in zip(shares, voices, strict=True)
        )

    return replace(parameters, baseline_utterances=min(BASELINE_UTTERANCES, key=loss))
