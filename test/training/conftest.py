"""A few clips of the speech corpora, and the folder of the training scripts on the path."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest


@pytest.fixture
def training(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('torch')
    pytest.importorskip('soundfile')
    monkeypatch.setattr(sys, 'path', [str(repository / 'training'), *sys.path])


@pytest.fixture
def small_corpus(shared_data: Path, tmp_path: Path) -> Path:
    """A folder with two clips of each class and speaker kind, linked from the real corpora."""
    with (shared_data / 'speech/labels.csv').open(newline='', encoding='utf-8') as stream:
        rows = [row for row in csv.DictReader(stream) if row['emotion']]
    wanted = ('ravdess-01', 'ravdess-15', 'emodb-08', 'nemo-EB0')
    wanted += ('ravdess-17', 'emodb-09', 'nemo-KS0')
    taken: dict[tuple[str, str], int] = {}
    kept = []
    for row in rows:
        key = (row['speaker'], row['emotion'])
        if row['speaker'] in wanted and taken.get(key, 0) < 2:
            taken[key] = taken.get(key, 0) + 1
            kept.append(row)
    for corpus in ('ravdess', 'emodb', 'nemo'):
        (tmp_path / corpus).symlink_to(shared_data / 'speech' / corpus)
    with (tmp_path / 'labels.csv').open('w', newline='', encoding='utf-8') as stream:
        writer = csv.DictWriter(stream, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept)
    return tmp_path


@pytest.fixture
def small_noises(training: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import audio_batches

    monkeypatch.setattr(audio_batches, 'PIECES', 1)
    monkeypatch.setattr(audio_batches, 'NOISE_SAMPLES', 40_000)
