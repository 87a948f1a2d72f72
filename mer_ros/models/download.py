"""Fetching one file over HTTP: resumed, bounded in time and size, verified, moved in one step."""

from __future__ import annotations

import fcntl
import http.client
import logging
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from mer_ros.models.errors import ModelError
from mer_ros.models.integrity import digest

Progress = Callable[[str, int, int], None]
"""Called with (file name, bytes there, bytes in all or 0)."""

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 16
_ATTEMPTS = 5
_SLOWEST = 1024  # bytes a second over one timeout; less counts as a stall
_SHA256 = re.compile(r'[0-9a-f]{64}')


class _BrokenOffError(Exception):
    """The transfer broke off; what arrived is kept and the next attempt goes on from there."""


class _RefusedError(Exception):
    """This address will not give the file; the next one may."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects and keeps the hash that Hugging Face declares on the first answer."""

    declared = ''

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        """Note ``X-Linked-ETag``, which is the SHA-256 of a file kept in large file storage."""
        self.declared = _as_digest(headers.get('X-Linked-ETag', '')) or self.declared
        if req.full_url.startswith('https:') and not newurl.startswith('https:'):
            raise _RefusedError(f'sends on to {newurl}, which is not encrypted')
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _as_digest(etag: str) -> str:
    text = etag.strip('"').lower()
    return text if _SHA256.fullmatch(text) else ''


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
                except _RefusedError as fault:
                    _LOG.info('%s: %s', url, fault)
                    faults.setdefault(str(fault), []).append(_host(url))
            kept = _length(part)
            if not kept:
                for path in (part, _etag_file(part)):
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
    last = _BrokenOffError('no attempt')
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(min(0.2 * 2**attempt, 0.1 * timeout))
        before = _length(part)
        try:
            declared = _transfer(url, part, size, bool(sha256), progress, timeout)
        except _BrokenOffError as fault:
            _LOG.info('%s: %s (attempt %d of %d)', url, fault, attempt + 1, _ATTEMPTS)
            resumed = resumed or before > 0 or _length(part) > 0
            last = fault
            continue
        if not _length(part):
            part.unlink(missing_ok=True)
            raise _RefusedError('sent an empty file')
        actual = digest(part)
        expected = sha256 or declared or actual
        if actual == expected:
            with part.open('rb') as file:
                os.fsync(file.fileno())
            part.replace(target)
            _etag_file(part).unlink(missing_ok=True)
            return actual
        part.unlink()
        _etag_file(part).unlink(missing_ok=True)
        # Pieces of two different files may have been joined: once more from the start.
        if not resumed:
            raise _RefusedError(f'sent another file (sha256 {actual[:12]}…, not {expected[:12]}…)')
        resumed, last = False, _BrokenOffError('the joined pieces were not the file')
    raise _RefusedError(str(last))


def _transfer(
    url: str, part: Path, size: int, pinned: bool, progress: Progress | None, timeout: float
) -> str:
    """Append what is missing to ``part``; return the hash the server declares, or ''."""
    etag = _etag_file(part).read_text(encoding='latin-1') if _etag_file(part).exists() else ''
    # Without a known hash only an ETag tells whether the server still has the same file.
    if (size and _length(part) > size) or not (pinned or etag):
        part.unlink(missing_ok=True)
    have = _length(part)
    if size and have == size:
        return ''
    redirects = _Redirects()
    try:
        request = urllib.request.Request(url, headers={'User-Agent': 'mer_ros'})
        if have:
            request.add_header('Range', f'bytes={have}-')
            if not pinned:
                request.add_header('If-Range', etag)
        with _network():
            response = urllib.request.build_opener(redirects).open(request, timeout=timeout)
        with response:
            _refuse_pages(response)
            start, total = _span(response, have)
            if size and total and total != size:
                raise _RefusedError(f'offers {total} bytes, not {size}')
            if start == 0:
                _note_etag(part, response.headers.get('ETag', ''))
            _receive(response, part, start, total or size, progress, timeout)
            return redirects.declared or _as_digest(response.headers.get('X-Linked-ETag', ''))
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            part.unlink()  # what is there does not belong to the file that the server has now
            raise _BrokenOffError('the server has no such range') from error
        if error.code in (408, 429, 500, 502, 503, 504):
            raise _BrokenOffError(f'HTTP {error.code}') from error
        raise _RefusedError(f'HTTP {error.code} {error.reason}') from error
    except (urllib.error.URLError, http.client.HTTPException) as error:
        reason = getattr(error, 'reason', error)
        reason = getattr(reason, 'strerror', None) or reason
        raise _BrokenOffError(f'the connection failed: {reason}') from error
    except ValueError as error:
        raise _RefusedError(f'not an address: {error}') from error


@contextmanager
def _network() -> Iterator[None]:
    """Tell errors of the connection from those of the disk, which are OSErrors as well."""
    try:
        yield
    except urllib.error.URLError:  # says itself what it is
        raise
    except OSError as error:
        raise _BrokenOffError(f'the connection failed: {error.strerror or error}') from error


def _refuse_pages(response: Any) -> None:
    """Refuse what is no file, whatever its status says: a login page of the network, an error."""
    kind = response.headers.get_content_type()
    if kind in ('text/html', 'application/xhtml+xml'):
        raise _RefusedError(f'sent a page ({kind}) and not the file')
    packed = response.headers.get('Content-Encoding', 'identity')
    if packed.lower() != 'identity':
        raise _RefusedError(f'sent the file packed ({packed})')


def _span(response: Any, have: int) -> tuple[int, int]:
    """Return (first byte of the answer, bytes of the whole file or 0)."""
    length = int(response.headers.get('Content-Length') or 0)
    if response.status != 206:
        return 0, length  # the server ignored the range: the file comes from the start
    field = response.headers.get('Content-Range', '')
    match = re.fullmatch(r'bytes (\d+)-(\d+)/(\d+|\*)', field)
    if not match or int(match[1]) != have:
        raise _RefusedError(f'answered bytes={have}- with the range {field!r}')
    return have, int(match[3]) if match[3] != '*' else 0


def _receive(
    response: Any, part: Path, start: int, total: int, progress: Progress | None, timeout: float
) -> None:
    have = start
    since, mark = time.monotonic(), have
    with part.open('r+b' if start else 'wb') as file:
        file.seek(start)
        while chunk := _read(response):
            have += len(chunk)
            if total and have > total:
                raise _RefusedError(f'sent more than the {total} bytes it has')
            file.write(chunk)
            if progress:
                progress(part.stem, have, total)
            elapsed = time.monotonic() - since
            if elapsed > timeout:
                if have - mark < _SLOWEST * elapsed:
                    raise _BrokenOffError(f'slower than {_SLOWEST} bytes a second')
                since, mark = time.monotonic(), have
    if total and have < total:
        raise _BrokenOffError(f'broke off after {have} of {total} bytes')


def _read(response: Any) -> bytes:
    with _network():
        return bytes(response.read1(_CHUNK))


def _etag_file(part: Path) -> Path:
    return part.with_name(part.name + '.etag')


def _note_etag(part: Path, etag: str) -> None:
    if etag and not etag.startswith('W/'):  # a weak one does not promise the same bytes
        _etag_file(part).write_text(etag, encoding='latin-1')
    else:
        _etag_file(part).unlink(missing_ok=True)


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
