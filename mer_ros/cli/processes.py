"""Child processes of a command: prefixed output, a quick common end, never an orphan."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TextIO

from mer_ros.cli.errors import CommandError

PATIENCE_S = ((signal.SIGINT, 4.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
"""What the children are sent, and how long they get, one after the other."""

PR_SET_PDEATHSIG = 1
KEPT_LINES = 30

EPILOGUE = (
    'Failed to complete transition',
    'Failed to publish log message to rosout',
    ': has not begun: ',
)
"""What ROS and our nodes write once one has failed, after the line that says why."""

RCUTILS_PREFIX = re.compile(r'^\[[A-Z]+\] \[[\d.]+\] \[[^]]*\]: ')


class Child:
    """A running child; its output goes on line by line under its name.

    Attributes:
        name: what its lines begin with.
        failure: why its output can't go on, None while it can.
        lines: the last ones that it wrote.
        process: the process itself.
    """

    def __init__(
        self, name: str, argv: Sequence[str], environment: Mapping[str, str], output: TextIO
    ) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches it only through us."""
        self.name = name
        self.failure: Exception | None = None
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._output = output
        self.process = subprocess.Popen(
            list(argv),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            start_new_session=True,
            preexec_fn=_prepare,
        )
        self._reader = threading.Thread(target=self._forward, name=f'{name} output', daemon=True)
        self._reader.start()

    def _forward(self) -> None:
        if self.process.stdout is None:
            return
        for line in self.process.stdout:
            text = line.rstrip('\n')
            self.lines.append(text)
            if self.failure is not None:
                continue  # it still has to be read: a child whose pipe is full stands still
            try:
                print(f'[{self.name}] {text}', file=self._output, flush=True)
            except (OSError, ValueError) as error:  # ValueError: the stream has been closed
                self.failure = error

    def signal(self, number: signal.Signals) -> None:
        """Send a signal unless it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def reason(self) -> str:
        """Return how it ended, in words, with the last telling line that it wrote."""
        self._reader.join(1.0)
        code = self.process.returncode
        how = f'signal {signal.Signals(-code).name}' if code < 0 else f'exit code {code}'
        written = [line for line in self.lines if line.strip()]
        telling = [line for line in written if not any(each in line for each in EPILOGUE)]
        last = (telling or written or ['it wrote nothing'])[-1]
        return f'{self.name} ended with {how}: {RCUTILS_PREFIX.sub("", last, count=1)}'


class Processes:
    """The children of one command."""

    def __init__(self, environment: Mapping[str, str], output: TextIO = sys.stderr) -> None:
        """Take the environment for every child and where their output goes."""
        self._environment = {**environment, 'PYTHONUNBUFFERED': '1'}
        self._output = output
        self.children: list[Child] = []

    def __enter__(self) -> Processes:
        """Nothing runs yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop what still runs."""
        self.stop()

    def start(self, name: str, argv: Sequence[str]) -> Child:
        """Start a child. Call it from the main thread: a child dies with the thread it is from.

        Raises:
            CommandError: the program can't be started.
        """
        try:
            child = Child(name, argv, self._environment, self._output)
        except OSError as error:
            raise CommandError(f'cannot start {name} ({argv[0]}): {error.strerror}') from error
        self.children.append(child)
        return child

    def ended(self) -> list[Child]:
        """Return the children that are no longer running.

        Raises:
            BrokenPipeError: who reads our output has gone.
            OSError: it can't be written for another reason.
        """
        for child in self.children:
            if child.failure is not None:
                raise child.failure
        return [child for child in self.children if child.process.poll() is not None]

    def stop(self) -> None:
        """End all children at once: SIGINT, and firmer words for those that stay."""
        for number, patience in PATIENCE_S:
            running = [child for child in self.children if child.process.poll() is None]
            if not running:
                return
            for child in running:
                child.signal(number)
            deadline = time.monotonic() + patience
            for child in running:
                try:
                    child.process.wait(max(deadline - time.monotonic(), 0.01))
                except subprocess.TimeoutExpired:
                    continue


@contextmanager
def interrupt_on_termination() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the block as Ctrl-C does, so that children are stopped."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


def _prepare() -> None:
    """Set up the child before its program starts.

    SIGINT waits until :mod:`mer_ros.ros.spin` has its handlers, or Python would answer one that
    comes before with a traceback. And the kernel is asked for SIGTERM when the parent is gone,
    however it went.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if _LIBC is not None and _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        os.write(2, b'the kernel refused PR_SET_PDEATHSIG; this process may outlive its parent\n')


_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == 'linux' else None
