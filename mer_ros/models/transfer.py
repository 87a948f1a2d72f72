"""One attempt to get a file over HTTP: what is missing is added to what an earlier one left."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

Progress = Callable[[str, int, int], None]
"""Called with (file name, bytes there, bytes in all or 0)."""

_CHUNK = 1 << 16
_SLOWEST = 1024  # bytes a second over one timeout; less counts as a stall
_SHA256 = re.compile(r'[0-9a-f]{64}')


class BrokenOffError(Exception):
    """The transfer broke off; what arrived is kept and the next attempt goes on from there."""


class RefusedError(Exception):
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
            raise RefusedError(f'sends on to {newurl}, which is not encrypted')
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _as_digest(etag: str) -> str:
    text = etag.strip('"').lower()
    return text if _SHA256.fullmatch(text) else ''


def transfer(
    url: str, part: Path, size: int, pinned: bool, progress: Progress | None, timeout: float
) -> str:
    """Append what is missing to ``part``.

    Args:
        url: where it is asked for.
        part: what is there already, or nothing yet.
        size: bytes of the whole file; 0 when not known.
        pinned: its SHA-256 is known, so that what is there may be gone on with.
        progress: see :data:`Progress`.
        timeout: seconds without data, or below 1 kB/s, until it is given up.

    Returns:
        The SHA-256 that the server declares, or ''.

    Raises:
        BrokenOffError: another attempt may go on.
        RefusedError: no other attempt will help.
        OSError: the disk does not take it.
    """
    etag = etag_file(part).read_text(encoding='latin-1') if etag_file(part).exists() else ''
    # Without a known hash only an ETag tells whether the server still has the same file.
    if (size and length(part) > size) or not (pinned or etag):
        part.unlink(missing_ok=True)
    have = length(part)
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
                raise RefusedError(f'offers {total} bytes, not {size}')
            if start == 0:
                _note_etag(part, response.headers.get('ETag', ''))
            _receive(response, part, start, total or size, progress, timeout)
            return redirects.declared or _as_digest(response.headers.get('X-Linked-ETag', ''))
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            part.unlink()  # what is there does not belong to the file that the server has now
            raise BrokenOffError('the server has no such range') from error
        if error.code in (408, 429, 500, 502, 503, 504):
            raise BrokenOffError(f'HTTP {error.code}') from error
        raise RefusedError(f'HTTP {error.code} {error.reason}') from error
    except (urllib.error.URLError, http.client.HTTPException) as error:
        reason = getattr(error, 'reason', error)
        reason = getattr(reason, 'strerror', None) or reason
        raise BrokenOffError(f'the connection failed: {reason}') from error
    except ValueError as error:
        raise RefusedError(f'not an address: {error}') from error


@contextmanager
def _network() -> Iterator[None]:
    """Tell errors of the connection from those of the disk, which are OSErrors as well."""
    try:
        yield
    except urllib.error.URLError:  # says itself what it is
        raise
    except OSError as error:
        raise BrokenOffError(f'the connection failed: {error.strerror or error}') from error


def _refuse_pages(response: Any) -> None:
    """Refuse what is no file, whatever its status says: a login page of the network, an error."""
    kind = response.headers.get_content_type()
    if kind in ('text/html', 'application/xhtml+xml'):
        raise RefusedError(f'sent a page ({kind}) and not the file')
    packed = response.headers.get('Content-Encoding', 'identity')
    if packed.lower() != 'identity':
        raise RefusedError(f'sent the file packed ({packed})')


def _span(response: Any, have: int) -> tuple[int, int]:
    """Return (first byte of the answer, bytes of the whole file or 0)."""
    size = int(response.headers.get('Content-Length') or 0)
    if response.status != 206:
        return 0, size  # the server ignored the range: the file comes from the start
    field = response.headers.get('Content-Range', '')
    match = re.fullmatch(r'bytes (\d+)-(\d+)/(\d+|\*)', field)
    if not match or int(match[1]) != have:
        raise RefusedError(f'answered bytes={have}- with the range {field!r}')
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
                raise RefusedError(f'sent more than the {total} bytes it has')
            file.write(chunk)
            if progress:
                progress(part.stem, have, total)
            elapsed = time.monotonic() - since
            if elapsed > timeout:
                if have - mark < _SLOWEST * elapsed:
                    raise BrokenOffError(f'slower than {_SLOWEST} bytes a second')
                since, mark = time.monotonic(), have
    if total and have < total:
        raise BrokenOffError(f'broke off after {have} of {total} bytes')


def _read(response: Any) -> bytes:
    with _network():
        return bytes(response.read1(_CHUNK))


def etag_file(part: Path) -> Path:
    """Return where the server's name for the version of a part is kept."""
    return part.with_name(part.name + '.etag')


def _note_etag(part: Path, etag: str) -> None:
    if etag and not etag.startswith('W/'):  # a weak one does not promise the same bytes
        etag_file(part).write_text(etag, encoding='latin-1')
    else:
        etag_file(part).unlink(missing_ok=True)


def length(part: Path) -> int:
    """Return the bytes that have arrived."""
    return part.stat().st_size if part.exists() else 0
