"""That a file is the one it should be: SHA-256, remembered while size and time stay the same."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path

from mer_ros.models.errors import ModelError

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 20
_known: dict[str, str] = {}


def home_folder() -> Path | None:
    """Return the user's home; None for one who has none (a container's, under a bare number)."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/mer_ros`` (``~/.cache/mer_ros``); it need not be there.

    Raises:
        ModelError: neither that variable nor a home says where it is.
    """
    base = Path(os.environ.get('XDG_CACHE_HOME', ''))
    # The XDG specification says that a relative path is to be ignored.
    if base.is_absolute():
        return base / 'mer_ros'
    home = home_folder()
    if home is None:
        # Not the folder of temporary files: models that others can write would be loaded from it.
        raise ModelError('this user has no home folder for the cache: set HOME or XDG_CACHE_HOME')
    return home / '.cache' / 'mer_ros'


def digest(path: Path) -> str:
    """Read the whole file and return its SHA-256 in hexadecimal.

    Raises:
        ModelError: it cannot be read.
    """
    sha = hashlib.sha256()
    try:
        with path.open('rb') as file:
            while chunk := file.read(_CHUNK):
                sha.update(chunk)
    except OSError as error:
        raise ModelError(f'cannot read {path}: {error.strerror}; check its permissions') from error
    return sha.hexdigest()


def known_digest(path: Path, again: bool = False) -> str:
    """Return the SHA-256 of a file, reading it only when its size or time have changed.

    Args:
        path: of the file.
        again: read it all the same.

    The record is kept in the user's cache, so that a file of a gigabyte is not read at every
    start. Where that cannot be written, the record lives as long as the process.

    Raises:
        ModelError: the file cannot be read.
    """
    key = _key(path)
    if key in _known and not again:
        return _known[key]
    record = _read_record()
    if key not in record or again:
        record[key] = digest(path)
        _write_record(record)
    _known[key] = record[key]
    return record[key]


def _key(path: Path) -> str:
    try:
        state = path.stat()
    except OSError as error:
        raise ModelError(f'cannot read {path}: {error.strerror}; check its permissions') from error
    return f'{path.resolve()}|{state.st_size}|{state.st_mtime_ns}'


def _read_record() -> dict[str, str]:
    try:
        record = json.loads((cache_folder() / 'verified.json').read_text(encoding='utf-8'))
    except (OSError, ValueError, ModelError):
        return {}  # not there yet, or damaged: everything is hashed again, which costs only time
    return record if isinstance(record, dict) else {}


def _write_record(record: dict[str, str]) -> None:
    try:
        folder = cache_folder()
    except ModelError as error:
        _LOG.info('cannot keep the record of checked models: %s', error)
        return
    try:
        with contextlib.ExitStack() as undo:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=folder, prefix='verified.')
            undo.callback(Path(name).unlink, missing_ok=True)
            with os.fdopen(handle, 'w', encoding='utf-8') as file:
                json.dump(record, file, indent=0)
            Path(name).replace(folder / 'verified.json')
    except OSError as error:
        _LOG.info('cannot keep the record of checked models in %s: %s', folder, error)
