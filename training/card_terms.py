"""Licence and version in a card: ours where we train on our data, else those of whoever trains."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / 'shared/data'
"""Our own data: what the models that come with the package are trained on."""


@dataclass(frozen=True)
class Terms:
    """What a card says about who may use the weights, and which of several they are."""

    licence: str
    version: str


YOURS = Terms('LicenseRef-of-your-data', '0.1')
"""Where nothing was said: the licence of a model follows from its data, which we do not know."""


def add_flags(parser: argparse.ArgumentParser, ours: Terms, data: Path) -> None:
    """Add ``--licence`` and ``--version``; ``ours`` are for ``data`` only."""
    for name, what in (('licence', 'of the weights'), ('version', 'of the model')):
        parser.add_argument(
            f'--{name}',
            help=f'{what}, for the card (default: {getattr(ours, name)} where --data is our own, '
            f'{data}, else {getattr(YOURS, name)})',
        )


def terms_of(options: argparse.Namespace, ours: Terms, data: Path) -> Terms:
    """Return what the flags say, or else the default for ``--data``."""
    return told(options, ours if options.data.resolve() == data.resolve() else YOURS)


def told(options: argparse.Namespace, usual: Terms) -> Terms:
    """Return what the flags say, or else ``usual``."""
    licence, version = options.licence, options.version
    return Terms(
        usual.licence if licence is None else licence,
        usual.version if version is None else version,
    )
