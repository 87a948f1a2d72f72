from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a user cache of its own and none of the user's settings."""
    from mer_ros.models import integrity

    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    monkeypatch.setenv('DEEPFACE_HOME', str(tmp_path / 'deepface'))
    for name in ('MER_MODEL_DIR', 'MER_OFFLINE'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(integrity, '_known', {})
    return tmp_path / 'xdg' / 'mer_ros'


class TrickyServer:
    """A local HTTP server that serves one file and plays the tricks it is told to.

    Each request takes the next trick from ``tricks``; when they run out it behaves.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.etag = '"first"'
        self.tricks: list[str] = []
        self.requests: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(ConnectionError):  # a client that has seen enough hangs up
                    server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self.released = threading.Event()

    def __enter__(self) -> TrickyServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self._http.server_address[1]}/model.onnx'

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(dict(request.headers))
        trick = self.tricks.pop(0) if self.tricks else ''
        if trick.isdigit():
            request.send_error(int(trick))
            return
        if trick == 'declare':  # as Hugging Face does: the hash is on the redirect
            request.send_response(302)
            request.send_header('X-Linked-ETag', f'"{hashlib.sha256(self.content).hexdigest()}"')
            request.send_header('Location', self.url)
            request.end_headers()
            return
        start, total = self._start(request, trick), len(self.content)
        body = b'' if trick == 'empty' else self.content[start:]
        request.send_response(206 if start else 200)
        if start:
            first = start + 1 if trick == 'wrong range' else start
            request.send_header('Content-Range', f'bytes {first}-{total - 1}/{total}')
        declared = {'no length': '', 'longer': str(len(body) + 10)}.get(trick, str(len(body)))
        if declared:
            request.send_header('Content-Length', declared)
        if self.etag:
            request.send_header('ETag', self.etag)
        if trick == 'page':
            request.send_header('Content-Type', 'text/html; charset=utf-8')
        if trick == 'packed':
            request.send_header('Content-Encoding', 'gzip')
        request.end_headers()
        self._send(request, trick, body)

    def _start(self, request: BaseHTTPRequestHandler, trick: str) -> int:
        asked = request.headers.get('Range', '')
        if not asked or trick == 'ignore range':
            return 0
        if request.headers.get('If-Range', self.etag) != self.etag:
            return 0
        return int(asked.removeprefix('bytes=').split('-')[0])

    def _send(self, request: BaseHTTPRequestHandler, trick: str, body: bytes) -> None:
        if trick == 'lie':
            body = bytes(len(body))
        if trick == 'html':
            body = b'<html>please log in</html>'.ljust(len(body))
        if trick in ('drop', 'stall', 'drip'):
            body = body[: len(body) // 2]
        request.wfile.write(body)
        request.wfile.flush()
        if trick == 'stall':
            self.released.wait(20)
        if trick == 'drip':  # never silent for long, and never done
            for _ in range(100):
                if self.released.wait(0.1):
                    return
                request.wfile.write(b'.')
                request.wfile.flush()


@pytest.fixture
def server() -> Iterator[TrickyServer]:
    with TrickyServer(np.random.default_rng(0).bytes(300_000)) as running:
        yield running
