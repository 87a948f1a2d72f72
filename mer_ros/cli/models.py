"""The models: which there are, where they lie, whether they are whole; fetch what is missing."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from mer_ros.cli.number_arguments import positive
from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.parameters import ParameterTable
from mer_ros.models import catalogue, registry, store
from mer_ros.models.errors import ModelError
from mer_ros.models.pull import pull
from mer_ros.models.store import State

_REFRESH_S = 0.2

FUSION = 'fusion'
"""What a user writes or fits anew, and no hash holds: only reading it tells whether it is whole."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest='action', required=True, metavar='list|pull|verify')
    listing = actions.add_parser('list', help='what there is: licence, size, source, where it lies')
    listing.add_argument('--json', action='store_true', help='one JSON line, with the SHA-256')
    pulling = actions.add_parser('pull', help='fetch models; goes on where a broken pull stopped')
    pulling.add_argument('names', nargs='+', metavar='NAME', help='as in `mer models list`')
    pulling.add_argument('--to', type=Path, metavar='DIR', help='default: MER_MODEL_DIR or cache')
    pulling.add_argument(
        '--timeout', type=positive, default=30.0, metavar='S', help='seconds without data (30)'
    )
    pulling.add_argument(
        '--force',
        action='store_true',
        help='fetch also what somebody put there by hand, and replace it',
    )
    checking = actions.add_parser('verify', help='check what is there, byte by byte')
    checking.add_argument('names', nargs='*', metavar='NAME', help='default: all that is there')


def run(args: argparse.Namespace) -> int:
    """List, pull or verify.

    Returns:
        0, or 1 when `verify` found a model damaged, or missing though it was named.

    Raises:
        UnknownNameError: no model has one of the names.
        ModelError: a model could not be fetched.
    """
    if args.action == 'pull':
        return _pull(args)
    return _verify(args.names) if args.action == 'verify' else _list(args.json)


def verify(name: str, thoroughly: bool = False) -> tuple[State, str]:
    """Return what :func:`mer_ros.models.store.verify` does; the fusion's parameters are read too.

    The store cannot: the floor of the models does not know what the fusion reads.

    Raises:
        ModelError: no model has that name.
    """
    state, line = store.verify(name, thoroughly)
    if name == FUSION and state in (State.VERIFIED, State.UNPINNED):
        path = Path(line)
        try:
            ParameterTable.read(path)
        except FusionError as error:
            own = path.parent != store.EMBEDDED
            mend = (
                'mend it, or take it away for the embedded one' if own else 'install mer_ros again'
            )
            reason = str(error).removeprefix(f'{path}: ')
            return State.DAMAGED, f'{path} cannot be used: {mend} ({reason})'
    return state, line


def _list(as_json: bool) -> int:
    if as_json:
        print(json.dumps([_described(name) for name in catalogue.load()]))
        return 0
    for name, entry in catalogue.load().items():
        state, line = verify(name)
        print(f'{name:<12} {entry.task:<17} {_amount(store.size(name)):>9}  {state.value}')
        print(f'  {entry.description}')
        print(f'  licence {entry.licence}; from {entry.source}')
        for digest in _digests(name):
            print(f'  sha256 {digest}')
        print(f'  {line}')
    print('\nbackends, as --detector, --classifier and the parameters of the nodes name them')
    for task in registry.tasks():
        print(f'  {task:<17} {", ".join(registry.names(task))}')
    return 0


def _described(name: str) -> dict[str, object]:
    entry = catalogue.entry(name)
    state, line = verify(name)
    return {
        'name': name,
        'task': entry.task,
        'licence': entry.licence,
        'description': entry.description,
        'source': entry.source,
        'size': store.size(name),
        'sha256': _digests(name),
        'state': state.value,
        'path': line if state in (State.VERIFIED, State.UNPINNED) else None,
        'note': None if state in (State.VERIFIED, State.UNPINNED) else line,
    }


def _digests(name: str) -> list[str]:
    """Return the hashes that a model is held to."""
    entry = catalogue.entry(name)
    path = store.locate(name)
    if path is None:
        return [file.sha256 for file in entry.files if file.sha256]
    places = [path / file.filename for file in entry.files] if entry.folder else [path]
    try:
        found = [
            store.expected_digest(entry, file, where)
            for file, where in zip(entry.files, places, strict=True)
        ]
    except ModelError:
        return []  # an unreadable card: the model's line says so
    return [digest for digest in found if digest]


def _pull(args: argparse.Namespace) -> int:
    for name in args.names:
        catalogue.entry(name)  # a misspelt last name shall not come out after a gigabyte
    for name in args.names:
        with _Meter() as meter:
            path = pull(name, meter.show, args.to, args.timeout, args.force)
        print(f'{name}: {path}')
    return 0


def _verify(names: list[str]) -> int:
    worst = 0
    for name in names or catalogue.load():
        state, line = verify(name, thoroughly=True)
        if state is State.MISSING and not names:
            continue
        print(f'{name:<12} {state.value:<9} {line}')
        worst |= state in (State.DAMAGED, State.MISSING)
    return worst


class _Meter:
    """Shows on stderr how far a pull is: a moving line on a terminal, else a line a file."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._shown = 0.0
        self._file = ''

    def __enter__(self) -> _Meter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live and self._file:
            print(file=sys.stderr)

    def show(self, file: str, there: int, total: int) -> None:
        """Take what ``pull`` reports."""
        now = time.monotonic()
        done = total and there == total
        if not self._live:
            if file != self._file:
                print(f'pulling {file} ({_amount(total)})', file=sys.stderr)
        elif done or now - self._shown >= _REFRESH_S:
            share = f'{100 * there / total:3.0f} % of {_amount(total)}' if total else ''
            print(f'\r{file}: {_amount(there)} {share}   ', end='', file=sys.stderr, flush=True)
            self._shown = now
        self._file = file


def _amount(size: int) -> str:
    if not size:
        return '?'
    for unit, step in (('GB', 1e9), ('MB', 1e6), ('kB', 1e3)):
        if size >= step:
            return f'{size / step:.1f} {unit}'
    return f'{size} B'
