"""Fetching one file over HTTP: resumed, bounded in time and size, verified, moved in one step."""

from __future__ import annotations

import fcntl
import logging
import os
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mer_ros.models.errors import ModelError
from mer_ros.models.integrity import digest
from mer_ros.models.transfer import (
    BrokenOffError,
    Progress,
    RefusedError,
    etag_file,
    length,
    transfer,
)

_LOG = logging.getLogger(__name__)
_ATTEMPTS = 5


def fetch(
    urls: tuple[str, ...],
    target: Path,
    *,
    size: int = 0,
    sha256: str = '',
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> str:
    """Fetch a file to ``target``, which is there afterwards, whole and verified, or untouched.

    Args:
        urls: addresses to try in turn.
        target: where it shall lie; a broken transfer waits beside it as ``<name>.part``.
        size: bytes it must have; 0 when not known.
        sha256: digest it must have; '' when not known: then what the server declares counts.
        progress: see :data:`Progress`.
        timeout: seconds without data, or below 1 kB/s, until an attempt is given up.

    Returns:
        The SHA-256 of the file.

    Raises:
        ModelError: no address gave the right file, the disk refused it, or another process is
            fetching it.
    """
    faults: dict[str, list[str]] = {}
    kept = 0
    try:
        with _folder(target.parent), _locked(target.with_name(target.name + '.part')) as part:
            for url in urls:
                try:
                    return _from_address(url, part, target, size, sha256, progress, timeout)
                except RefusedError as fault:
                    _LOG.info('%s: %s', url, fault)
                    faults.setdefault(str(fault), []).append(_host(url))
            kept = length(part)
            if not kept:
                for path in (part, etag_file(part)):
                    path.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f'cannot write {target}: {error.strerror or error}; free the disk or set '
            'MER_MODEL_DIR to another folder'
        ) from error
    reasons = [f'{", ".join(dict.fromkeys(hosts))}: {why}' for why, hosts in faults.items()]
    raise ModelError(
        f'could not get {target.name} ({"; ".join(reasons) or "no address is known"}): '
        + ('what arrived is kept; pull again to go on, ' if kept else 'pull again, ')
        + f'or put the file into {target.parent} or the folder that MER_MODEL_DIR names'
    )


def _host(url: str) -> str:
    """Return who was asked; the log has the whole address."""
    try:
        return urllib.parse.urlsplit(url).netloc or url
    except ValueError:  # no address at all
        return url


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Make a folder, and take away again what was made of it when nothing was put there."""
    made = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with suppress(OSError):  # something is in it
            for each in made:
                each.rmdir()


@contextmanager
def _locked(part: Path) -> Iterator[Path]:
    lock = part.with_name(part.name + '.lock')
    with lock.open('w') as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(f'{part.stem} is being pulled by another process; wait') from error
        # Whoever held it before may have removed the file that this process had opened.
        if not lock.exists() or lock.stat().st_ino != os.fstat(handle.fileno()).st_ino:
            raise ModelError(f'{part.stem} has just been pulled by another process')
        try:
            yield part
        finally:
            lock.unlink(missing_ok=True)


def _from_address(
    url: str, part: Path, target: Path, size: int, sha256: str, progress: Progress | None,
    timeout: float,
) -> str:  # fmt: skip
    resumed = part.exists()
    last = BrokenOffError('no attempt')
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(min(0.2 * 2**attempt, 0.1 * timeout))
        before = length(part)
        try:
            declared = transfer(url, part, size, bool(sha256), progress, timeout)
        except BrokenOffError as fault:
            _LOG.info('%s: %s (attempt %d of %d)', url, fault, attempt + 1, _ATTEMPTS)
            resumed = resumed or before > 0 or length(part) > 0
            last = fault
            continue
        if not length(part):
            part.unlink(missing_ok=True)
            raise RefusedError('sent an empty file')
        actual = digest(part)
        expected = sha256 or declared or actual
        if actual == expected:
            with part.open('rb') as file:
                os.fsync(file.fileno())
            part.replace(target)
            etag_file(part).unlink(missing_ok=True)
            return actual
        part.unlink()
        etag_file(part).unlink(missing_ok=True)
        # Pieces of two different files may have been joined: once more from the start.
        if not resumed:
            raise RefusedError(f'sent another file (sha256 {actual[:12]}…, not {expected[:12]}…)')
        resumed, last = False, BrokenOffError('the joined pieces were not the file')
    raise RefusedError(str(last))
