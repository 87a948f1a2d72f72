"""The `mer` command: finds the word's module, reads its arguments, turns errors into one line.

A module of a command has ``add_arguments(parser)`` and ``run(args) -> int``. It is imported when
its word is used, so that `mer --help` takes no time and no command needs another's libraries.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from mer_ros import __version__
from mer_ros.cli.errors import CommandError, UsageError
from mer_ros.fusion.errors import UnknownBackendError
from mer_ros.models.errors import UnknownNameError

OK, FAILED, USAGE = 0, 1, 2
OF_USAGE = (UsageError, UnknownNameError, UnknownBackendError)

SUMMARY = 'Displayed emotion of faces and voices, fused, for ROS 2.'


class CommandModule(Protocol):
    """What a module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; return the exit status."""


@dataclass(frozen=True)
class Command:
    """A word of the command line: a module, or a group of further words.

    Attributes:
        summary: one line for the list of commands.
        module: where it is, '' for a group.
        words: the group's commands.
    """

    summary: str
    module: str = ''
    words: Mapping[str, Command] | None = None


COMMANDS: Mapping[str, Command] = {
    'up': Command('run the graph: camera or file in, emotion/* out', 'mer_ros.cli.up'),
    'record': Command('record topics into a rosbag2 bag', 'mer_ros.cli.record'),
    'replay': Command('play a rosbag2 bag', 'mer_ros.cli.replay'),
    'demo': Command('run the whole graph on a clip and report', 'mer_ros.cli.demo'),
    'models': Command('list, pull and verify the models', 'mer_ros.cli.models'),
    'evaluate': Command(
        'measure accuracy and calibration on labelled data',
        words={
            'face': Command('a face classifier on FER-style images', 'mer_ros.cli.evaluate_face'),
            'audio': Command('an audio classifier on clips', 'mer_ros.cli.evaluate_audio'),
            'fusion': Command('fusion on posteriors of clips', 'mer_ros.cli.evaluate_fusion'),
        },
    ),
    'benchmark': Command(
        'measure speed beside the reference way',
        words={
            'face': Command('detector and classifier on images', 'mer_ros.cli.benchmark_face'),
            'audio': Command('one window of audio', 'mer_ros.cli.benchmark_audio'),
            'graph': Command('the nodes over DDS', 'mer_ros.cli.benchmark_graph'),
        },
    ),
    'doctor': Command('check this machine and say how to mend it', 'mer_ros.cli.doctor'),
}


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors take one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is; exit with 2."""
        self.exit(USAGE, f'{self.prog}: {message} (see {self.prog} --help)\n')


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the words after `mer`; None takes the process's.

    Returns:
        0 done, 1 failed, 2 wrong usage.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    _replace_closed_streams()
    try:
        status = _dispatch('mer', Command(SUMMARY, words=COMMANDS), words)
        sys.stdout.flush()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else USAGE
    except KeyboardInterrupt:
        print('mer: interrupted', file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # Who reads our output has gone (`mer ... | head`); the interpreter must not flush again.
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return OK
    except Exception as error:  # noqa: BLE001 - the one place where anything becomes a line
        if os.environ.get('MER_DEBUG') == '1':
            traceback.print_exc()
        print(f'mer: {explain(error)}', file=sys.stderr)
        return USAGE if isinstance(error, OF_USAGE) else FAILED
    return status


def explain(error: BaseException) -> str:
    """Return one line that says what is wrong and what to do about it."""
    text = ' '.join(str(error).split())
    if isinstance(error, ModuleNotFoundError):
        return _missing(error)
    if isinstance(error, OSError) and error.strerror:
        where = f'{error.filename}: ' if error.filename else ''
        return f'{where}{error.strerror}'
    if _is_ours(error):
        return text
    kind = type(error).__name__
    return f'{kind}: {text or "no message"} (not foreseen: MER_DEBUG=1 shows where)'


def _replace_closed_streams() -> None:
    """Give the streams that the caller has closed (`>&-`) a place for what is written.

    Python has None for them; and the next file that is opened would take their number.
    """
    for name in ('stdout', 'stderr'):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open('w', encoding='utf-8')  # noqa: SIM115 - stays open
            setattr(sys, name, stream)


def _dispatch(name: str, command: Command, words: list[str]) -> int:
    """Follow the words down to a module and run it."""
    if command.words is None:
        module: CommandModule = importlib.import_module(command.module)
        parser = OneLineParser(prog=name, description=module.__doc__)
        module.add_arguments(parser)
        return module.run(parser.parse_args(words))
    if words and words[0] in command.words:
        return _dispatch(f'{name} {words[0]}', command.words[words[0]], words[1:])
    parser = OneLineParser(
        prog=name,
        usage=f'{name} [-h] COMMAND ...',
        description=command.summary,
        epilog='\n'.join(
            [
                'commands:',
                *(f'  {word:<10} {each.summary}' for word, each in command.words.items()),
                f'\n{name} COMMAND --help tells more.',
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if name == 'mer':
        parser.add_argument('--version', action='version', version=f'mer_ros {__version__}')
    parser.add_argument('command', choices=list(command.words), help=argparse.SUPPRESS)
    parser.parse_args(words[:1])
    raise CommandError(f'{words} was not dispatched')


def _is_ours(error: BaseException) -> bool:
    """Return whether the message was written for a person: one error class a room."""
    return type(error).__module__.startswith('mer_ros.')


def _missing(error: ModuleNotFoundError) -> str:
    name = error.name or 'a module'
    root = name.partition('.')[0]
    if root == 'mer_ros':
        if name == 'mer_ros.msg':
            return (
                'the messages of mer_ros are not built: run `make build`, then '
                '`source install/setup.bash`'
            )
        return f'{name} is missing from this installation: install mer_ros again'
    if root in ('rclpy', 'rosidl_runtime_py') or root.endswith(('_msgs', '_interfaces')):
        return (
            f'{root} is not found: run `make build`, then `source install/setup.bash`'
            ' (on a robot: source the ROS distribution as well)'
        )
    return f'the Python package {root} is not installed: pip install {root}'


if __name__ == '__main__':
    sys.exit(main())
