"""A model and its card that come into place together, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIXES = ('.onnx', '.json')


@contextmanager
def in_place(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` for a model and its card, and move both to ``path`` at the end.

    Where the block raises, the model and the card that were at ``path`` stay there.

    Args:
        path: of the ONNX file; the card has its name with ``.json``.
    """
    part = path.with_suffix('.part.onnx')
    moves = [(part.with_suffix(suffix), path.with_suffix(suffix)) for suffix in SUFFIXES]
    try:
        yield part
        for made, final in moves:
            made.replace(final)
    finally:
        for made, _ in moves:
            made.unlink(missing_ok=True)
