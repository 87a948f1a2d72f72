"""What a run of the face classifier was made from, and whether that is what is asked for now."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.card_terms import Terms

_log = logging.getLogger('face_lite')
_KEY = 'origin'


@dataclass(frozen=True)
class Origin:
    """What a run's state says beside its recipe.

    Attributes:
        data: of :func:`data_key`.
        terms: for the card, unless it is told others at export.
        teachers: SHA-256 of each file that taught it.
        teacher_recipes: of those teachers that say theirs.
        start: SHA-256 of the file whose weights it began with; empty where they were random.
    """

    data: str
    terms: Terms
    teachers: tuple[str, ...] = ()
    teacher_recipes: tuple[dict[str, Any], ...] = ()
    start: str = ''

    def kept(self) -> dict[str, Any]:
        """Return the entry of a run's state."""
        return {_KEY: asdict(self)}


def origin_in(state: Mapping[str, Any]) -> Origin | None:
    """Return what a run's state says, None where it is from before this was kept."""
    if _KEY not in state:
        return None
    found = dict(state[_KEY])
    return Origin(**found | {'terms': Terms(**found['terms'])})


def data_key(data: Path, limit: int | None) -> str:
    """Return what tells the pictures of one folder from another's.

    Raises:
        SystemExit: a file is missing.
    """
    total = hashlib.sha256(b'' if limit is None else str(limit).encode())
    for name in ('train', 'valid'):
        total.update(file_key(data / f'fer2013_{name}.npz').encode())
    return total.hexdigest()


def file_key(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        SystemExit: it is missing.
    """
    if not path.is_file():
        raise SystemExit(f'{path} does not exist')
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refuse_other_data(path: Path, state: Mapping[str, Any], data: str) -> None:
    """Do nothing where a run's state is of this data; warn where it does not say.

    Raises:
        SystemExit: it is of other data.
    """
    found = origin_in(state)
    if found is None:
        _log.warning('%s does not say of which data and teachers it is: taken for these', path)
    elif found.data != data:
        _refuse(path, 'data')


def refuse_other_origin(path: Path, state: Mapping[str, Any], asked: Origin) -> None:
    """Do nothing where a run's state is of what is asked for; warn where it does not say.

    Raises:
        SystemExit: it is of other data or teachers, or began with other weights.
    """
    refuse_other_data(path, state, asked.data)
    found = origin_in(state) or asked
    if found.teachers != asked.teachers:
        _refuse(path, 'teachers')
    if found.start != asked.start:
        _refuse(path, '--start')


def _refuse(path: Path, what: str) -> None:
    raise SystemExit(f'{path} is of other {what}: choose another --run folder')
