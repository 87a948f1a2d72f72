"""The speech corpora on disk: labels, folds of speakers, decoded samples and speech activity."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mer_ros.audio.log_mel import SAMPLE_RATE
from mer_ros.cli import labelled_clips
from mer_ros.cli.errors import CommandError
from training.errors import TrainingError

CHUNK = 512
"""Samples silero judges at a time (32 ms)."""
FOLDS = (
    ('ravdess-17', 'ravdess-18', 'ravdess-19', 'ravdess-20',
     'emodb-09', 'emodb-11', 'nemo-KS0', 'nemo-SM0'),
    ('ravdess-01', 'ravdess-02', 'ravdess-07', 'ravdess-08', 'ravdess-13',
     'emodb-03', 'emodb-14', 'nemo-EB0', 'nemo-TP0'),
    ('ravdess-03', 'ravdess-04', 'ravdess-09', 'ravdess-10', 'ravdess-14',
     'emodb-08', 'emodb-10', 'nemo-IC0'),
    ('ravdess-05', 'ravdess-06', 'ravdess-11', 'ravdess-12', 'ravdess-15', 'ravdess-16',
     'emodb-12', 'emodb-13', 'nemo-WR0'),
)  # fmt: skip
"""Speakers answered by a network that never heard them; the first are reported, never chosen by."""
TEST_SPEAKERS = frozenset(FOLDS[0])
"""Never used for a choice; per corpus as many men as women."""
DEV_SPEAKERS = frozenset({'ravdess-15', 'ravdess-16', 'emodb-12', 'nemo-IC0'})
"""Some of the others, for choices where a few must do: the baselines."""

_LEAVE_OUT = 'record it anew, or leave its emotion in labels.csv empty'

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """One labelled recording.

    samples: (n,) int16, 16 kHz mono. speech: (n // 512,) float16, silero's P(speech) of each chunk.
    """

    corpus: str
    speaker: str
    label: int
    file: str
    samples: NDArray[np.int16]
    speech: NDArray[np.float16]


def _decode(path: Path) -> NDArray[np.int16]:
    import soundfile  # not where the cache has come with the labels

    try:
        samples, rate = soundfile.read(path, dtype='float32', always_2d=True)
    except (OSError, RuntimeError) as error:
        raise TrainingError(f'cannot read {path}: {error}; {_LEAVE_OUT}') from error
    if not len(samples):
        raise TrainingError(f'{path} is an empty recording; {_LEAVE_OUT}')
    if rate != SAMPLE_RATE:
        raise TrainingError(f'{path} has {rate} Hz; resample it to {SAMPLE_RATE} Hz')
    mono = samples.mean(axis=1)
    return np.asarray(np.clip(np.round(mono * 32767.0), -32768, 32767), np.int16)


class _Activity:
    """silero-vad's own ONNX file over a whole clip, chunk by chunk as in a stream."""

    def __init__(self) -> None:
        import importlib.util

        spec = importlib.util.find_spec('silero_vad')
        if spec is None or spec.origin is None:
            raise TrainingError('silero-vad is not installed; pip install silero-vad')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = Path(spec.origin).parent / 'data' / 'silero_vad.onnx'
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider']
        )

    def __call__(self, samples: NDArray[np.int16]) -> NDArray[np.float16]:
        state = np.zeros((2, 1, 128), np.float32)
        context = np.zeros((1, 64), np.float32)
        rate = np.array(SAMPLE_RATE, np.int64)
        probabilities = []
        for start in range(0, samples.size - CHUNK + 1, CHUNK):
            chunk = samples[None, start : start + CHUNK].astype(np.float32) / 32768.0
            joined = np.concatenate([context, chunk], axis=1)
            output, state = self._session.run(None, {'input': joined, 'state': state, 'sr': rate})
            context = chunk[:, -64:]
            probabilities.append(float(output[0, 0]))
        return np.asarray(probabilities, np.float16)


def read_labels(data: Path) -> list[labelled_clips.Clip]:
    """Return the rows of labels.csv that have an emotion, as ``mer evaluate audio`` reads them.

    Raises:
        TrainingError: the file or a column is missing, an emotion is not one of ours, or none is
            there.
    """
    try:
        rows = labelled_clips.read_labels(data)
    except CommandError as error:
        raise TrainingError(str(error)) from error
    if not rows:
        raise TrainingError(f'{data / "labels.csv"} names no emotion; add a row for each clip')
    return rows


def labels_key(data: Path) -> str:
    """Return what tells one labels.csv from another."""
    return hashlib.sha256((data / 'labels.csv').read_bytes()).hexdigest()[:12]


def _recordings_key(rows: list[labelled_clips.Clip]) -> str:
    """Return what tells the recordings from others of the same names; '' where one is missing."""
    total = hashlib.sha256()
    for row in rows:
        if not row.path.is_file():
            return ''
        total.update(hashlib.sha256(row.path.read_bytes()).digest())
    return total.hexdigest()


def _of_others(path: Path, key: str) -> bool:
    """Say whether a cache is known to be of other recordings."""
    with np.load(path) as stored:
        return bool(key) and 'recordings' in stored and str(stored['recordings']) != key


def load(data: Path, cache: Path) -> list[Clip]:
    """Return every labelled clip, decoded once and kept in ``cache``.

    What labels.csv or a recording has changed is decoded afresh. Where the cache is there, the
    recordings need not be.

    Raises:
        TrainingError: labels.csv cannot be used, or a recording is missing, empty or not of 16 kHz.
    """
    rows = read_labels(data)
    path = cache / f'clips-{labels_key(data)}.npz'
    key = _recordings_key(rows)
    if not path.is_file() or _of_others(path, key):
        _log.info('decoding %d clips into %s', len(rows), path)
        activity = _Activity()
        decoded = [_decode(row.path) for row in rows]
        judged = [activity(samples) for samples in decoded]
        part = path.with_suffix('.part.npz')
        np.savez(
            part,
            samples=np.concatenate(decoded),
            lengths=[s.size for s in decoded],
            speech=np.concatenate(judged),
            chunks=[p.size for p in judged],
            recordings=key,
        )
        part.replace(path)
    with np.load(path) as stored:
        samples = np.split(stored['samples'], np.cumsum(stored['lengths'])[:-1])
        speech = np.split(stored['speech'], np.cumsum(stored['chunks'])[:-1])
    return [
        Clip(r.corpus, r.speaker, r.label, str(r.path), s, p)
        for r, s, p in zip(rows, samples, speech, strict=True)
    ]


def fold_of(speaker: str) -> int:
    """Return the index of the fold; speakers not listed have one by their name."""
    for index, speakers in enumerate(FOLDS):
        if speaker in speakers:
            return index
    return hashlib.sha256(speaker.encode()).digest()[0] % len(FOLDS)
