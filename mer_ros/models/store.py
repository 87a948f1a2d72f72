"""Where the models lie, and that what is loaded is whole.

Looked for in this order: ``$MER_MODEL_DIR``, the package's ``embedded`` folder or, for what the
deepface package uses too, its ``$DEEPFACE_HOME/.deepface/weights``, then
``$XDG_CACHE_HOME/mer_ros``; what another package carries, only there. A file whose SHA-256 is not
the catalogue's (for embedded models: the card's) is never handed out.
"""

from __future__ import annotations

import contextlib
import enum
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from mer_ros.models import catalogue, integrity
from mer_ros.models.card import ModelCard
from mer_ros.models.catalogue import ModelEntry, ModelFile
from mer_ros.models.errors import ModelError

EMBEDDED = Path(__file__).with_name('embedded')
# Distributions install OpenCV's cascades outside the Python package.
_CASCADES = (Path('/usr/share/opencv4/haarcascades'), Path('/usr/share/opencv/haarcascades'))
PIN = '.sha256'


class State(enum.Enum):
    """What `mer models verify` says of a model."""

    VERIFIED = 'verified'
    """Its SHA-256 is the catalogue's, the card's or the one recorded when it was pulled."""
    UNPINNED = 'unpinned'
    """It is there, and no hash is known to check it against."""
    DAMAGED = 'damaged'
    """It is there and not what it should be; it is never loaded."""
    MISSING = 'missing'
    """It is nowhere."""


def folders() -> tuple[Path, ...]:
    """Return where pulled models are looked for: ``MER_MODEL_DIR`` if set, the user's cache.

    Raises:
        ModelError: neither says a folder; the message says which variable to set.
    """
    own = os.environ.get('MER_MODEL_DIR', '')
    if not own:
        return (integrity.cache_folder(),)
    try:
        first = Path(own).expanduser()
    except RuntimeError as error:  # pathlib: no such user, or one without a home
        raise ModelError(
            f'MER_MODEL_DIR is {own}, and there is no such home: set it to the whole path'
        ) from error
    try:
        return (first, integrity.cache_folder())
    except ModelError:
        return (first,)  # all that this user has


def locate(name: str) -> Path | None:
    """Return where a model lies, unchecked, or None.

    Raises:
        ModelError: no model has that name, or a folder may not be looked into.
    """
    entry = catalogue.entry(name)
    for place in _places(entry):
        home = place / entry.folder
        try:
            whole = all((home / file.filename).is_file() for file in entry.files)
        except OSError as error:
            raise ModelError(
                f'cannot look for {name!r} in {home}: {error.strerror}; let this user read that '
                'folder, or set MER_MODEL_DIR to another'
            ) from error
        if whole:
            return home if entry.folder else home / entry.files[0].filename
    return None


def find(name: str) -> Path:
    """Return a model's file (or folder), present and checked.

    Raises:
        ModelError: no model has that name, it is not there, or it is damaged.
    """
    path = locate(name)
    if path is None:
        raise ModelError(f'model {name!r} is not there: {_mend(catalogue.entry(name))}')
    fault = _fault(catalogue.entry(name), path)
    if fault:
        raise ModelError(fault)
    return path


def verify(name: str, thoroughly: bool = False) -> tuple[State, str]:
    """Return a model's state and one line about it (where it lies, or what to do).

    Args:
        name: of the catalogue.
        thoroughly: read it all, also where size and time are those of the last look: a disk that
            decays changes neither.

    Raises:
        ModelError: no model has that name.
    """
    entry = catalogue.entry(name)
    path = locate(name)
    if path is None:
        return State.MISSING, _mend(entry)
    if thoroughly:
        for _, where in _files(entry, path):
            integrity.known_digest(where, again=True)
    fault = _fault(entry, path)
    if fault:
        return State.DAMAGED, fault
    pinned = all(expected_digest(entry, file, where) for file, where in _files(entry, path))
    return (State.VERIFIED if pinned else State.UNPINNED), str(path)


def size(name: str) -> int:
    """Return a model's bytes: as it lies, else as the catalogue says; 0 when not known."""
    entry = catalogue.entry(name)
    path = locate(name)
    if path is None:
        return entry.size
    return sum(where.stat().st_size for _, where in _files(entry, path))


def expected_digest(entry: ModelEntry, file: ModelFile, path: Path) -> str:
    """Return the SHA-256 a file must have, '' when nothing says it.

    Raises:
        ModelError: the card of an embedded model cannot be read.
    """
    if file.sha256:
        return file.sha256
    if entry.embedded and path.suffix == '.onnx':
        return ModelCard.read(path).sha256
    pin = path.with_name(path.name + PIN)
    if not entry.package and pin.is_file():
        try:
            return pin.read_text(encoding='ascii').split()[0].lower()
        except (OSError, ValueError, IndexError) as error:
            raise ModelError(f'cannot read {pin}: {error}; pull the model again') from error
    return ''


def _places(entry: ModelEntry) -> Iterator[Path]:
    """Yield where a model may lie; the user's folders only when they are come to.

    What is embedded may be replaced, by a network trained on data of the user's own or by the
    fusion's parameters for it: in the folder that was named for it, not in the cache, where an old
    file would go unnoticed.
    """
    if entry.package:
        yield from _package_folders(entry.package)
        return
    own: tuple[Path, ...] = ()
    with contextlib.suppress(ModelError):
        own = folders() if os.environ.get('MER_MODEL_DIR', '') else ()
    yield from own[:1]
    if entry.embedded:
        yield EMBEDDED
    if entry.deepface_home:
        yield from _deepface_folders()
    with contextlib.suppress(ModelError):  # no such folders: nothing can lie there; see _mend
        yield from folders()


def _files(entry: ModelEntry, path: Path) -> list[tuple[ModelFile, Path]]:
    if entry.folder:
        return [(file, path / file.filename) for file in entry.files]
    return [(entry.files[0], path)]


def _fault(entry: ModelEntry, path: Path) -> str:
    for file, where in _files(entry, path):
        try:
            expected = expected_digest(entry, file, where)
            actual = integrity.known_digest(where) if expected else ''
        except ModelError as error:
            return str(error)
        if actual != expected:
            again = f'run `{_pull(entry)}`'
            if entry.embedded:
                own = where.parent != EMBEDDED
                again = 'put its file and its card there again' if own else 'install mer_ros again'
            return (
                f'{where} is damaged (sha256 {actual[:12]}…, expected {expected[:12]}…) and '
                f'is not loaded: delete it and {again}'
            )
    return ''


def _pull(entry: ModelEntry) -> str:
    return f'mer models pull {entry.name}'


def _mend(entry: ModelEntry) -> str:
    if entry.package:
        return f'{entry.mend}, which carries {entry.files[0].filename}'
    if entry.embedded:
        return 'it is embedded in mer_ros; install mer_ros again, or set MER_MODEL_DIR'
    try:
        folders()
    except ModelError as error:
        return str(error)
    what = entry.folder or entry.files[0].filename
    return f'run `{_pull(entry)}`, or set MER_MODEL_DIR to the folder that holds {what}'


def _deepface_folders() -> tuple[Path, ...]:
    """Return where the packages deepface and retina-face keep weights.

    They fetch what is not there while the program runs; a node must not.
    """
    chosen = os.environ.get('DEEPFACE_HOME', '')
    home = Path(chosen) if chosen else integrity.home_folder()
    return (home / '.deepface' / 'weights',) if home is not None else ()


def _package_folders(package: str) -> tuple[Path, ...]:
    spec = importlib.util.find_spec(package)  # finds without importing: silero_vad imports torch
    roots = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    if package == 'cv2':
        return (*(root / 'data' for root in roots), *_CASCADES)
    return tuple(roots)
