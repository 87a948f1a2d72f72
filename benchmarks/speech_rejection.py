"""How well "this is not speech" is told: ROC of the speech score and of the reliability.

    python benchmarks/speech_rejection.py --work build/audio_lite

Each tenth clip of the test speakers is played after three seconds of noise and in it, through the
node's pipeline. Windows of 1 s in the noise alone are what must be refused, windows of which half
or more is within 20 dB of the clip's loudest frame what must pass; the others count for neither.
The score is silero's, as the pipeline takes it for a window; the reliability, which weighs the
audio in the fusion, also knows level and SNR. Prints one JSON line: for each SNR the area under
the ROC curve of both, the share of speech that passes where 1, 5 and 10 % of the noise does, what
passes at the pipeline's own threshold, and the kinds of noise that were taken for speech.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'training')]

import training.one_line  # noqa: E402, F401 - before what may not be installed

# isort: split
import numpy as np  # noqa: E402
from audio_corpora import CHUNK, TEST_SPEAKERS, Clip, load  # noqa: E402
from audio_noise import noise  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from mer_ros.audio.activity import SpeechActivity  # noqa: E402
from mer_ros.audio.chunk import AudioChunk  # noqa: E402
from mer_ros.audio.lite import LiteAudioClassifier  # noqa: E402
from mer_ros.audio.log_mel import SAMPLE_RATE  # noqa: E402
from mer_ros.audio.pipeline import AudioPipeline, speech_probability  # noqa: E402
from mer_ros.audio.quality import assess  # noqa: E402
from mer_ros.audio.windows import Window  # noqa: E402
from training.roc import area_under_roc  # noqa: E402

Wave = NDArray[np.float32]
SNRS_DB = (20, 10, 5, 0)
KINDS = ('white', 'pink', 'brown', 'fan', 'motor', 'beeps', 'knocks')
LEAD_S = 3
STRIDE = 10
LOUD_DB = 20.0


def sound(kind: str, size: int, rng: np.random.Generator) -> Wave:
    """Return (size,) of what is not speech: noises of unit power, a robot's beeps, knocks."""
    if kind not in ('beeps', 'knocks'):
        return noise(kind, size, rng)
    made = 0.02 * rng.normal(size=size)
    for start in range(int(rng.integers(1, 4000)), size, int(rng.integers(4000, 12000))):
        length = min(4800 if kind == 'beeps' else 1600, size - start)
        time = np.arange(length) / SAMPLE_RATE
        if kind == 'beeps':
            made[start : start + length] += np.sin(2 * np.pi * rng.uniform(300, 2500) * time)
        else:
            made[start : start + length] += 3 * rng.normal(size=length) * np.exp(-60 * time)
    return np.asarray(made / made.std(), np.float32)


def loud(wave: Wave) -> NDArray[np.bool_]:
    """Return which 32 ms frames are within 20 dB of the loudest."""
    power = np.mean(np.square(wave[: wave.size // CHUNK * CHUNK].reshape(-1, CHUNK)), axis=1)
    return np.asarray(power >= power.max() * 10.0 ** (-LOUD_DB / 10.0))


def heard(pipeline: AudioPipeline, wave: Wave) -> Iterator[Window]:
    """Yield the windows of a stream of its own."""
    pipeline.reset()
    pipeline.push(AudioChunk(0, wave[:, None], SAMPLE_RATE))
    yield from iter(pipeline.pop, None)


def scores(
    pipeline: AudioPipeline, clips: Sequence[Clip], snr_db: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.str_]]:
    """Return (N, 2) speech score and reliability, whether it is speech, and the kind of noise."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[float, float]] = []
    speech: list[bool] = []
    kinds: list[str] = []
    lead = LEAD_S * SAMPLE_RATE
    for index, clip in enumerate(clips):
        kind = KINDS[index % len(KINDS)]
        voice = clip.samples.astype(np.float32) / 32768.0
        frames = loud(voice)
        level = np.sqrt(np.mean(np.square(voice[: frames.size * CHUNK][np.repeat(frames, CHUNK)])))
        background = sound(kind, lead + voice.size, rng) * level * 10.0 ** (-snr_db / 20.0)
        stream = background + np.concatenate([np.zeros(lead, np.float32), voice])
        for window in heard(pipeline, np.asarray(np.clip(stream, -1.0, 1.0), np.float32)):
            first = (window.end - window.samples.size - lead) // CHUNK
            last = (window.end - lead) // CHUNK
            share = float(frames[max(first, 0) : max(last, 0)].sum()) * CHUNK / SAMPLE_RATE
            if window.end <= lead or share >= 0.5:
                score = speech_probability(window)
                rows.append((score, assess(window).reliability))
                speech.append(window.end > lead)
                kinds.append(kind)
    return np.array(rows), np.array(speech), np.array(kinds)


def figures(
    table: NDArray[np.float64],
    speech: NDArray[np.bool_],
    kinds: NDArray[np.str_],
    threshold: float,
) -> dict[str, Any]:
    """Return the row of one SNR."""
    line: dict[str, Any] = {'speech': int(speech.sum()), 'noise': int((~speech).sum())}
    for column, name in enumerate(('score', 'reliability')):
        right, wrong = table[speech, column], table[~speech, column]
        line[name] = {
            'area_under_roc': round(area_under_roc(right, wrong), 4),
            **{
                f'passes_at_{percent}_percent': round(
                    float(np.mean(right > np.percentile(wrong, 100 - percent))), 4
                )
                for percent in (1, 5, 10)
            },
        }
    taken = table[:, 0] >= threshold
    line['speech_passes'] = round(float(taken[speech].mean()), 4)
    line['noise_passes'] = round(float(taken[~speech].mean()), 4)
    line['noise_passes_by_kind'] = {
        kind: round(float(taken[~speech & (kinds == kind)].mean()), 4) for kind in KINDS
    }
    return line


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, default=ROOT.parent / 'shared/data/speech')
    parser.add_argument('--work', type=Path, default=ROOT / 'build/audio_lite', help='cache')
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    clips = [c for c in load(args.data, args.work) if c.speaker in TEST_SPEAKERS][::STRIDE]
    activity = SpeechActivity()
    activity.load()
    # Nothing is classified here: the pipeline only cuts and judges the windows.
    pipeline = AudioPipeline(LiteAudioClassifier(), activity)
    threshold = pipeline.settings.speech_threshold
    print(
        json.dumps(
            {str(snr): figures(*scores(pipeline, clips, snr, 7), threshold) for snr in SNRS_DB}
        )
    )


if __name__ == '__main__':
    main()
