"""Accuracy, label flips and time to detect a change, together, for settings of the decision.

    PYTHONPATH=. python3 benchmarks/temporal.py --data ../shared/data/fusion/ravdess_posteriors.csv

Streams of known emotions are put together from labelled clips of people whose distributions come
from models that never saw them: an emotion lasts 3 to 10 s, within it one clip of the person
follows another, and each frame (25 Hz) and each window (2 Hz, every second sentence silent)
carries its clip's distribution plus noise in the log domain that is correlated over 0.15 s, as
the scatter of single frames is (an assumption; the clips themselves are real). The settings are
judged on one half of the people with ``--half choose`` and reported on the other half.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import Emotion
from mer_ros.fusion.clips import ClipTable, read
from mer_ros.fusion.combination import Statement, calibrated, combine
from mer_ros.fusion.decision import NANOSECONDS, SubjectState
from mer_ros.fusion.parameters import FusionParameters, ParameterTable
from mer_ros.fusion.pooling import softmax
from mer_ros.fusion.reliability import decay
from mer_ros.fusion.settings import FusionSettings

CLIP_S = 3.0
HOP_S = 0.5
AUDIO_DELAY_S = 0.15
TRUST = 0.97
"""In the voice: that of a recording that is in order."""
NOISE = 1.5
"""Standard deviation of the frames' log probabilities around their clip's."""
NOISE_S = 0.15
MISSED_S = 5.0
"""A change that is not shown within this counts as this late."""


@dataclass(frozen=True)
class Moment:
    """Evidence of one frame: stamp, (7,) log evidence, reliability, and the truth."""

    stamp_ns: int
    evidence: NDArray[np.float64]
    reliability: float
    truth: int


@dataclass(frozen=True)
class Figures:
    """What the settings give over all streams."""

    accuracy: float
    flips_per_minute: float
    delay_s: float
    neutral_precision: float
    neutral_recall: float


def stream(
    clips: ClipTable,
    subject: int,
    emotions: Sequence[int],
    rate: float,
    parameters: FusionParameters,
    seed: int,
) -> list[Moment]:
    """Return the frames of one person going through some emotions."""
    rng = np.random.default_rng(seed)
    plan = list(_plan(clips, subject, emotions, rng))
    until = plan[-1][1]
    scatter = _scatter(until, rng)
    settings = FusionSettings()
    prior = parameters.prior_array()
    moments = []
    for frame in range(int(until * rate)):
        now = frame / rate
        truth, row = _at(plan, now)
        noisy = softmax(np.log(clips.face[row] + 1e-6) + scatter[0][int(now / 0.01)])
        face = calibrated(Statement(0, noisy, 0.9), 2.0 * parameters.face_temperature, 0.0 * prior)
        heard = math.floor((now - AUDIO_DELAY_S) / HOP_S) * HOP_S
        audio = None
        if heard >= 0.0 and int(heard / CLIP_S) % 2 == 0:
            _, row = _at(plan, heard)
            noisy = softmax(np.log(clips.audio[row] + 1e-6) + scatter[1][int(heard / 0.01)])
            reliability = 0.9 * decay(now - heard, settings.audio_half_life_s)
            said = Statement(0, noisy, reliability)
            audio = calibrated(said, 1.5 * parameters.audio_temperature, 0.0 * prior)
        pooled = combine(face, audio, parameters, TRUST)
        stamp_ns = round(now * NANOSECONDS)
        moments.append(Moment(stamp_ns, pooled.log_evidence, pooled.reliability, truth))
    return moments


def _plan(
    clips: ClipTable, subject: int, emotions: Sequence[int], rng: np.random.Generator
) -> Iterator[tuple[float, float, int, int]]:
    """Yield (from, until, emotion, row of the table) in seconds."""
    start = 0.0
    for emotion in emotions:
        rows = np.flatnonzero((clips.subjects == subject) & (clips.labels == emotion))
        end = start + float(rng.uniform(3.0, 10.0))
        while start < end:
            until = min(start + CLIP_S, end)
            yield start, until, emotion, int(rng.choice(rows))
            start = until


def _at(plan: Sequence[tuple[float, float, int, int]], now: float) -> tuple[int, int]:
    for start, until, emotion, row in plan:
        if start <= now < until:
            return emotion, row
    return plan[-1][2], plan[-1][3]


def _scatter(until: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (2, T, 7) noise every 10 ms, so that it does not depend on the frame rate."""
    keep = math.exp(-0.01 / NOISE_S)
    noise = rng.normal(0.0, NOISE, (2, int(until / 0.01) + 2, 7))
    for step in range(1, noise.shape[1]):
        noise[:, step] = keep * noise[:, step - 1] + math.sqrt(1 - keep**2) * noise[:, step]
    return noise


def judge(streams: Iterable[Sequence[Moment]], settings: FusionSettings) -> Figures:
    """Return the figures of the settings."""
    prior = np.full(7, 1 / 7)
    right = frames = flips = 0
    seconds = 0.0
    delays = []
    truths, labels = [], []
    for moments in streams:
        state = SubjectState(settings)
        said = [
            state.update(moment.evidence, moment.reliability, moment.stamp_ns, prior).label
            for moment in moments
        ]
        true = [moment.truth for moment in moments]
        truths += true
        labels += said
        right += sum(a == b for a, b in zip(said, true, strict=True))
        frames += len(moments)
        seconds += (moments[-1].stamp_ns - moments[0].stamp_ns) / NANOSECONDS
        flips += sum(a != b for a, b in pairwise(said))
        delays += _delays(moments, said)
    is_neutral = np.array(truths) == Emotion.NEUTRAL
    says_neutral = np.array(labels) == Emotion.NEUTRAL
    hits = float(np.sum(is_neutral & says_neutral))
    return Figures(
        accuracy=right / frames,
        flips_per_minute=60.0 * flips / seconds,
        delay_s=float(np.mean(delays)) if delays else 0.0,
        neutral_precision=hits / max(float(says_neutral.sum()), 1.0),
        neutral_recall=hits / max(float(is_neutral.sum()), 1.0),
    )


def _delays(moments: Sequence[Moment], said: Sequence[int]) -> list[float]:
    """Return how long after each change the new emotion was shown first."""
    changes = [
        index
        for index in range(1, len(moments))
        if moments[index].truth != moments[index - 1].truth
    ]
    delays = []
    for change in changes:
        truth, start = moments[change].truth, moments[change].stamp_ns
        late = MISSED_S
        for index in range(change, len(moments)):
            elapsed = (moments[index].stamp_ns - start) / NANOSECONDS
            if moments[index].truth != truth or elapsed > MISSED_S:
                break
            if said[index] == truth:
                late = elapsed
                break
        delays.append(late)
    return delays


def streams_of(
    clips: ClipTable,
    subjects: Sequence[int],
    rate: float,
    parameters: FusionParameters,
    length: int,
) -> list[list[Moment]]:
    """Return a stream a person, through random emotions."""
    found = []
    for subject in subjects:
        rng = np.random.default_rng(subject)
        emotions = [int(rng.integers(7))]
        while len(emotions) < length:
            following = int(rng.integers(7))
            if following != emotions[-1]:
                emotions.append(following)
        found.append(stream(clips, subject, emotions, rate, parameters, 100 + subject))
    return found


def neutral_streams(
    clips: ClipTable, subjects: Sequence[int], rate: float, parameters: FusionParameters
) -> list[list[Moment]]:
    """Return a stream a person who is neutral throughout."""
    neutral = [int(Emotion.NEUTRAL)] * 5
    return [stream(clips, who, neutral, rate, parameters, 500 + who) for who in subjects]


def false_alarms(streams: Iterable[Sequence[Moment]], settings: FusionSettings) -> float:
    """Return how often a minute a label other than neutral comes up on neutral streams."""
    prior = np.full(7, 1 / 7)
    alarms, seconds = 0, 0.0
    for moments in streams:
        state = SubjectState(settings)
        said = [
            state.update(moment.evidence, moment.reliability, moment.stamp_ns, prior).label
            for moment in moments
        ]
        pairs = zip([int(Emotion.NEUTRAL), *said], said, strict=False)
        alarms += sum(now not in (before, Emotion.NEUTRAL) for before, now in pairs)
        seconds += (moments[-1].stamp_ns - moments[0].stamp_ns) / NANOSECONDS
    return 60.0 * alarms / seconds


def grid() -> Iterator[tuple[str, FusionSettings]]:
    """Yield the settings of the frontier."""
    thresholds = ((0.0, 0.0), (0.45, 0.3), (0.5, 0.15), (0.6, 0.1))
    for tau, (enter, leave), dwell in product(
        (0.0, 0.15, 0.3, 0.5, 0.8, 1.2), thresholds, (0.0, 0.3)
    ):
        if (enter == 0.0) != (dwell == 0.0):
            continue
        settings = FusionSettings(
            smoothing_s=tau, enter_threshold=enter, exit_threshold=leave, dwell_s=dwell
        )
        yield f'tau {tau:.2f}  enter {enter:.2f}  exit {leave:.2f}  dwell {dwell:.1f}', settings


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--half', choices=('choose', 'report'), default='report')
    parser.add_argument('--length', type=int, default=14, help='emotions a stream')
    arguments = parser.parse_args()
    clips = read(arguments.data, 'face_mlp')
    parameters = ParameterTable.read().get('face_mlp+speech')
    people = np.unique(clips.subjects)[arguments.half == 'report' :: 2].tolist()
    default = FusionSettings()

    streams = streams_of(clips, people, 25.0, parameters, arguments.length)
    print('frontier (25 Hz)')
    for name, settings in [*grid(), ('default', default)]:
        print(name, json.dumps(_short(judge(streams, settings))), flush=True)
    print('adaptation of the thresholds (all reliabilities x 0.4)')
    dim = [
        [
            replace(item, evidence=0.4 * item.evidence, reliability=0.4 * item.reliability)
            for item in moments
        ]
        for moments in streams
    ]
    for adaptation in (0.0, 0.5, 1.0):
        settings = replace(default, threshold_adaptation=adaptation)
        print(adaptation, json.dumps(_short(judge(dim, settings))))
    print('frame rate')
    for rate in (5.0, 10.0, 15.0, 50.0):
        other = streams_of(clips, people, rate, parameters, arguments.length)
        print(rate, json.dumps(_short(judge(other, default))), flush=True)
    print('neutral bias')
    neutral = neutral_streams(clips, people, 25.0, parameters)
    for bias in (-1.0, -0.5, 0.0, 0.5, 1.0):
        settings = replace(default, neutral_bias=bias)
        figures = _short(judge(streams, settings))
        figures['false_alarms_per_minute'] = round(false_alarms(neutral, settings), 2)
        print(bias, json.dumps(figures), flush=True)
    return 0


def _short(figures: Figures) -> dict[str, float]:
    return {name: round(value, 3) for name, value in vars(figures).items()}


if __name__ == '__main__':
    sys.exit(main())
