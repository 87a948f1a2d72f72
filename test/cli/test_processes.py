"""Children of a command: their words, their end, and that none is left behind."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from commands import until

from mer_ros.cli import processes
from mer_ros.cli.errors import CommandError
from mer_ros.cli.processes import Processes

TALK = 'import time; print("hello"); print("last words", flush=True); time.sleep(60)'
STUBBORN = (
    'import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); '
    'signal.signal(signal.SIGTERM, signal.SIG_IGN); print("ready", flush=True); time.sleep(60)'
)


def python(code):
    # As a node does: until then SIGINT waits.
    ready = 'import signal; signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})'
    return [sys.executable, '-c', f'{ready}\n{code}']


def test_output_comes_line_by_line_under_the_name():
    output = io.StringIO()
    with Processes(os.environ, output) as children:
        children.start('face', python(TALK))
        assert until(lambda: 'last words' in output.getvalue())
    assert output.getvalue().splitlines()[:2] == ['[face] hello', '[face] last words']


def test_leaving_the_block_ends_them_all_at_once():
    with Processes(os.environ, io.StringIO()) as children:
        pids = [children.start(str(i), python(TALK)).process.pid for i in range(3)]
        assert until(lambda: all(child.lines for child in children.children))
        begun = time.monotonic()
    # Before the patience with those that ignore Ctrl-C is over.
    assert time.monotonic() - begun < 4
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_one_that_will_not_go_is_killed(monkeypatch):
    monkeypatch.setattr(
        processes,
        'PATIENCE_S',
        ((signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)),
    )
    with Processes(os.environ, io.StringIO()) as children:
        child = children.start('stubborn', python(STUBBORN))
        assert until(lambda: child.lines)
    assert child.process.returncode == -signal.SIGKILL


def test_one_that_dies_is_named_with_its_last_words():
    with Processes(os.environ, io.StringIO()) as children:
        child = children.start('face', python('import sys; sys.exit("no camera")'))
        assert until(children.ended)
        assert children.ended() == [child]
        assert child.reason() == 'face ended with exit code 1: no camera'
        killed = children.start('audio', python(TALK))
        assert until(lambda: killed.lines)
        killed.process.kill()
        assert until(lambda: len(children.ended()) == 2)
        assert killed.reason() == 'audio ended with signal SIGKILL: last words'


@pytest.mark.parametrize(
    ('lines', 'reason'),
    [
        (
            [
                '[ERROR] [1795710939.136636163] [robot.media_source]: cannot open x: [Errno 5] bad',
                '[ERROR] [1795710939.137] [media_source]: Failed to complete transition 1, to',
                'Failed to publish log message to rosout: context is invalid, at publisher.c:423',
                '',
            ],
            'cannot open x: [Errno 5] bad',
        ),
        (['Failed to complete transition 1'], 'Failed to complete transition 1'),
        ([], 'it wrote nothing'),
    ],
)
def test_the_reason_is_the_cause_and_not_what_ros_says_after_it(lines, reason):
    with Processes(os.environ, io.StringIO()) as children:
        code = f'import sys; [print(line) for line in {lines!r}]; sys.exit(1)'
        child = children.start('source', python(code))
        assert until(children.ended)
        assert child.reason() == f'source ended with exit code 1: {reason}'


def test_a_program_that_is_not_there_is_one_line():
    with (
        Processes(os.environ, io.StringIO()) as children,
        pytest.raises(CommandError, match='cannot start face'),
    ):
        children.start('face', ['/no/such/program'])


def test_a_child_goes_on_when_nobody_reads_our_output_any_more():
    end, begin = os.pipe()
    os.close(end)
    much = 'print("x" * 1000, flush=True)\n' * 200  # more than a pipe holds
    # Nothing is kept, which closing it would write once more.
    output = io.TextIOWrapper(io.FileIO(begin, 'w'), write_through=True)
    with Processes(os.environ, output) as children:
        child = children.start('face', python(f'{much}\nimport time; time.sleep(60)'))
        assert until(lambda: child.failure is not None)
        with pytest.raises(BrokenPipeError):
            children.ended()
        child.process.send_signal(signal.SIGINT)
        assert until(lambda: child.process.poll() is not None)
        assert 'KeyboardInterrupt' in child.reason()


@pytest.mark.skipif(sys.platform != 'linux', reason='PR_SET_PDEATHSIG is of Linux')
def test_none_is_left_when_the_parent_is_killed():
    code = (
        'import os, sys, time; from mer_ros.cli.processes import Processes\n'
        'with Processes(os.environ) as children:\n'
        f'    child = children.start("face", [sys.executable, "-c", {TALK!r}])\n'
        '    print(child.process.pid, flush=True); time.sleep(60)\n'
    )
    with subprocess.Popen(
        python(code),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
        parent.wait()
        assert until(lambda: not psutil.pid_exists(pid) or is_zombie(pid))


def is_zombie(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
