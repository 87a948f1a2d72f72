"""The files of a bag: what is wrong with them, what to do about it, and what SQLite can mend."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

MCAP_MAGIC = b'\x89MCAP0\r\n'
"""Begins and ends a whole file."""


def fault(path: Path, error: Exception) -> str:
    """Return why a bag can't be opened, as its files show, and what to do about it."""
    path = path.absolute()
    if path.is_dir() and not (path / 'metadata.yaml').exists():
        return (
            'it has no metadata.yaml: give the .mcap or .db3 file inside, '
            f'or run `ros2 bag reindex {path}`'
        )
    for file in sorted(path.glob('*.mcap')) if path.is_dir() else [path]:
        if _is_cut_off(file):
            return (
                f'the recording was cut off: `mcap recover {file} -o whole.mcap` saves what is '
                'there (the mcap command is from mcap.dev)'
            )
    for file in _with_journal(path):
        return (
            f'{words(error)}; {file} was being written when its recorder was killed: copy the bag '
            'to where you may write, and replay that'
        )
    if path.is_dir() or path.suffix in ('.mcap', '.db3'):
        return (
            f'{words(error)} (it is damaged, or of another kind than its name says; {mend(path)})'
        )
    return f'{words(error)} (give the folder with metadata.yaml, or the .mcap or .db3 file)'


def mend(path: Path) -> str:
    """Return what to do about a damaged bag, by what its files are."""
    file = next((each for each in _files(path) if each.suffix in ('.mcap', '.db3')), None)
    if file is None:
        return 'copy or record it again'
    if file.suffix == '.mcap':
        saves = f'mcap recover {file} -o whole.mcap'
    else:
        saves = f'sqlite3 {file} .recover | sqlite3 whole.db3'
    return f'copy it again, or save what is there with `{saves}`'


def _files(path: Path) -> list[Path]:
    """Return a bag's files."""
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _with_journal(path: Path) -> list[Path]:
    """Return the files that SQLite has not finished, which rosbags would read as they are."""
    return [
        file
        for file in _files(path)
        if file.suffix == '.db3'
        and any(Path(f'{file}{end}').exists() for end in ('-journal', '-wal'))
    ]


def roll_back(path: Path) -> None:
    """Have SQLite finish what a killed recorder left half-written.

    Raises:
        sqlite3.Error: the folder can't be written to, or the file is damaged.
    """
    for file in _with_journal(path):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute('SELECT count(*) FROM sqlite_master').fetchone()


def words(error: Exception) -> str:
    """Return an error's text on one line, or its kind when it has none."""
    return ' '.join(str(error).split()) or type(error).__name__


def _is_cut_off(path: Path) -> bool:
    """Return whether a file begins as MCAP and does not end as MCAP."""
    try:
        with path.open('rb') as file:
            begins = file.read(len(MCAP_MAGIC)) == MCAP_MAGIC
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - len(MCAP_MAGIC), len(MCAP_MAGIC)))
            return begins and file.read() != MCAP_MAGIC
    except OSError:
        return False
