"""The catalogue: every model file and backend by name, read from ``catalogue.yaml``."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mer_ros.models.errors import ModelError, UnknownNameError

PATH = Path(__file__).with_name('catalogue.yaml')
EMBEDDED, PULL, PACKAGE = 'embedded', 'pull', 'package:'


@dataclass(frozen=True)
class ModelFile:
    """One file of a model.

    Attributes:
        filename: name, or path relative to where the model lies.
        urls: where it can be fetched, in the order to try.
        size: bytes; 0 when not known.
        sha256: hexadecimal digest; empty when not known.
    """

    filename: str
    urls: tuple[str, ...] = ()
    size: int = 0
    sha256: str = ''


@dataclass(frozen=True)
class ModelEntry:
    """One model of the catalogue.

    Attributes:
        name: what it is asked for by.
        task: what it is used for.
        licence: SPDX name where there is one.
        description: one line.
        source: where it comes from, for people.
        origin: ``embedded``, ``pull`` or ``package:NAME``.
        mend: what to do when the package that carries it is not there; empty otherwise.
        folder: folder that holds the files of a model of several; empty for one of a single file.
        files: at least one.
        deepface_home: whether users of the deepface package have it in that one's folder.
    """

    name: str
    task: str
    licence: str
    description: str
    source: str
    origin: str
    mend: str
    folder: str
    files: tuple[ModelFile, ...]
    deepface_home: bool = False

    @property
    def embedded(self) -> bool:
        """Whether it lies in this package."""
        return self.origin == EMBEDDED

    @property
    def package(self) -> str:
        """Import name of the package that carries it, or ''."""
        return self.origin.removeprefix(PACKAGE) if self.origin.startswith(PACKAGE) else ''

    @property
    def size(self) -> int:
        """Bytes of all files; 0 when one of them is not known."""
        sizes = [file.size for file in self.files]
        return sum(sizes) if all(sizes) else 0


def _model(name: str, fields: Mapping[str, Any]) -> ModelEntry:
    files = tuple(
        ModelFile(
            filename=str(file['filename']),
            urls=tuple(file.get('urls', ())),
            size=int(file.get('size', 0)),
            sha256=str(file.get('sha256', '')).lower(),
        )
        for file in fields['files']
    )
    folder = str(fields.get('folder', ''))
    if not files or (len(files) > 1 and not folder):
        raise ValueError('needs files, and a folder when there are several')
    entry = ModelEntry(
        name=name,
        task=str(fields['task']),
        licence=str(fields['licence']),
        description=str(fields['description']),
        source=str(fields['source']),
        origin=str(fields['origin']),
        mend=str(fields.get('mend', '')),
        folder=folder,
        files=files,
        deepface_home=bool(fields.get('deepface_home', False)),
    )
    if bool(entry.package) != bool(entry.mend):
        raise ValueError('mend belongs to origin package, and to no other')
    if not (entry.embedded or entry.package or entry.origin == PULL):
        raise ValueError(f'origin {entry.origin!r} is not embedded, pull or package:NAME')
    return entry


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, yaml.YAMLError) as error:
        raise ModelError(
            f'cannot read the catalogue {path}: {error}; install mer_ros again'
        ) from error
    if not isinstance(content, dict):
        raise ModelError(f'the catalogue {path} is empty; install mer_ros again')
    return content


@functools.lru_cache
def load(path: Path = PATH) -> Mapping[str, ModelEntry]:
    """Return the models by name, in the order of the file.

    Raises:
        ModelError: the file is not there or not in the form that its header describes.
    """
    entries: dict[str, ModelEntry] = {}
    for name, fields in _read(path).get('models', {}).items():
        try:
            entries[name] = _model(name, fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f'{path}: entry {name!r} is malformed: {error!r}') from error
    return entries


@functools.lru_cache
def backends(path: Path = PATH) -> Mapping[str, Mapping[str, str]]:
    """Return ``{task: {name: 'module:Class'}}``.

    Raises:
        ModelError: the file is not there or not in the form that its header describes.
    """
    tables = _read(path).get('backends', {})
    if not all(isinstance(table, dict) for table in tables.values()):
        raise ModelError(f'{path}: backends must map task to name to module:Class')
    return {task: {str(k): str(v) for k, v in table.items()} for task, table in tables.items()}


def entry(name: str) -> ModelEntry:
    """Return one model.

    Raises:
        UnknownNameError: no model has that name.
    """
    known = load()
    if name not in known:
        raise UnknownNameError(f'no model is called {name!r}; there are {", ".join(known)}')
    return known[name]
