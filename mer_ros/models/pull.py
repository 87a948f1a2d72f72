"""`mer models pull`: bring a model of the catalogue to this machine."""

from __future__ import annotations

import os
from pathlib import Path

from mer_ros.models import catalogue, download, integrity, store
from mer_ros.models.catalogue import ModelEntry, ModelFile
from mer_ros.models.errors import ModelError
from mer_ros.models.transfer import Progress


def offline() -> bool:
    """Return whether ``MER_OFFLINE`` forbids downloads (set, and not 0, false or no)."""
    return os.environ.get('MER_OFFLINE', '').lower() not in ('', '0', 'false', 'no')


def pull(
    name: str,
    progress: Progress | None = None,
    folder: Path | None = None,
    timeout: float = 30.0,
    force: bool = False,
) -> Path:
    """Make sure that a model is there and whole, fetching what is missing or damaged.

    Args:
        name: of the catalogue.
        progress: called with (file name, bytes there, bytes in all or 0).
        folder: where to; by default ``MER_MODEL_DIR`` if set, else the user's cache.
        timeout: seconds without data until an attempt is given up.
        force: fetch also what is there and cannot be held to a hash of the catalogue, and replace
            it.

    Returns:
        The model's file, or folder.

    Raises:
        ModelError: no such model, offline, or it could not be fetched.
    """
    entry = catalogue.entry(name)
    if entry.package or entry.embedded:
        return store.find(name)
    home = (folder or store.folders()[0]) / entry.folder
    for file in entry.files:
        target = home / file.filename
        if target.is_file() and not (force and not file.sha256) and _whole(entry, file, target):
            continue
        if offline():
            raise ModelError(
                f'MER_OFFLINE is set, so {name!r} is not pulled: unset it, or put '
                f'{file.filename} into {home}'
            )
        actual = download.fetch(
            file.urls,
            target,
            size=file.size,
            sha256=file.sha256,
            progress=progress,
            timeout=timeout,
        )
        if not file.sha256:
            _record(target, actual)
    return home if entry.folder else home / entry.files[0].filename


def _whole(entry: ModelEntry, file: ModelFile, target: Path) -> bool:
    """Say whether a file that is there may stay.

    What was put there by hand may, where nothing is known that it should be.
    """
    try:
        expected = store.expected_digest(entry, file, target)
    except ModelError:
        return False  # what was noted of it cannot be read
    return not expected or integrity.known_digest(target, again=True) == expected


def _record(target: Path, actual: str) -> None:
    pin = target.with_name(target.name + store.PIN)
    part = pin.with_name(pin.name + '.part')
    try:
        part.write_text(f'{actual}  {target.name}\n', encoding='ascii')
        part.replace(pin)
    except OSError as error:
        raise ModelError(f'cannot write {pin}: {error.strerror}; check the folder') from error
