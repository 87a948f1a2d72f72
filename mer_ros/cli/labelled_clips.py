"""Labelled clips on disk: the rows of labels.csv, and which of them to take."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mer_ros.cli.errors import CommandError, UsageError
from mer_ros.emotions import ALIASES


@dataclass(frozen=True)
class Clip:
    """A row of labels.csv that has an emotion.

    Attributes:
        speaker: as in the row; ``corpus/speaker`` where two corpora have one of that name.
    """

    corpus: str
    path: Path
    speaker: str
    label: int

    @property
    def names(self) -> tuple[str, str]:
        """The speaker, and what the row calls them."""
        return self.speaker, self.speaker.removeprefix(f'{self.corpus}/')


def read_labels(folder: Path) -> list[Clip]:
    """Return the rows of DIR/labels.csv that have an emotion.

    Raises:
        CommandError: the file or a column is missing, an emotion is not one of ours, or no row
            has one.
    """
    path = folder / 'labels.csv'
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(
            f'cannot read {path}: {error}; --data is a folder with labels.csv and the clips'
        ) from error
    clips = []
    for number, row in enumerate(rows, start=2):
        missing = [key for key in ('corpus', 'file', 'speaker', 'emotion') if row.get(key) is None]
        if missing:
            raise CommandError(f'{path} line {number} has no {", ".join(missing)}; add the column')
        word = row['emotion'].strip().lower()
        if not word:
            continue
        if word not in ALIASES:
            raise CommandError(
                f'{path} line {number}: no emotion of ours is called {word!r}; leave it empty to '
                'skip the clip'
            )
        clips.append(Clip(row['corpus'], folder / row['file'], row['speaker'], int(ALIASES[word])))
    if not clips:
        raise CommandError(
            f'{path} names no emotion; add a row for each clip: corpus, file, speaker, emotion'
        )
    places: dict[str, set[str]] = {}
    for clip in clips:
        places.setdefault(clip.speaker, set()).add(clip.corpus)
    return [
        replace(clip, speaker=f'{clip.corpus}/{clip.speaker}')
        if len(places[clip.speaker]) > 1
        else clip
        for clip in clips
    ]


def select(
    clips: Sequence[Clip],
    speakers: Collection[str],
    exclude: Collection[str],
    corpora: Collection[str],
) -> list[Clip]:
    """Return the clips of these speakers (all when empty), of these corpora, without those.

    Raises:
        UsageError: a name is in no row.
        CommandError: no clip is left.
    """
    for what, names, known in (
        ('speaker', (*speakers, *exclude), {name for clip in clips for name in clip.names}),
        ('corpus', corpora, {clip.corpus for clip in clips}),
    ):
        unknown = sorted(set(names) - known)
        if unknown:
            raise UsageError(f'no clip is of {what} {", ".join(unknown)}')
    chosen = [
        clip
        for clip in clips
        if (not speakers or not set(speakers).isdisjoint(clip.names))
        and set(exclude).isdisjoint(clip.names)
        and (not corpora or clip.corpus in corpora)
    ]
    if not chosen:
        raise CommandError('no clip with an emotion is left; choose fewer restrictions')
    return chosen


def words(text: str | None) -> tuple[str, ...]:
    """Return the words between the commas of an argument."""
    return tuple(word.strip() for word in (text or '').split(',') if word.strip())
