"""What a file that a run left was made from, and whether that is what is asked for now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from audio_recipe import Recipe

from training.errors import TrainingError

_MEND = 'give another --work folder, or delete it'


def stored_recipe(path: Path, found: Mapping[str, Any]) -> Recipe:
    """Return the recipe that a file names by its fields.

    Raises:
        TrainingError: a field is unknown, as when the file is of another version of these scripts.
    """
    unknown = sorted(found.keys() - {field.name for field in fields(Recipe)})
    if unknown:
        raise TrainingError(f'{path} is of another recipe (it has {", ".join(unknown)}); {_MEND}')
    return Recipe(**found)


def refuse_other_recipe(
    path: Path, used: Recipe, asked: Recipe, may_differ: Collection[str] = ()
) -> None:
    """Do nothing where both are one recipe.

    Raises:
        TrainingError: they differ in a field that is not in ``may_differ``.
    """
    wanted = asdict(asked)
    others = [name for name, value in asdict(used).items() if value != wanted[name]]
    if others := [name for name in others if name not in may_differ]:
        raise TrainingError(f'{path} is of another recipe ({", ".join(others)}); {_MEND}')


def refuse_other_labels(path: Path, used: str, asked: str) -> None:
    """Do nothing where both are one labels.csv.

    Args:
        path: of the file.
        used: what ``audio_corpora.labels_key`` said when it was written; empty in files from
            before this was kept, which are taken as they are.
        asked: what it says now.

    Raises:
        TrainingError: they differ.
    """
    if used and used != asked:
        raise TrainingError(f'{path} is of other labels; {_MEND}')


def refuse_more_steps(path: Path, had: int, asked: int) -> None:
    """Do nothing where a state has had no more steps than are asked for.

    Raises:
        TrainingError: it has had more, so that what it leaves would not be of those asked for.
    """
    if had > asked:
        raise TrainingError(
            f'{path} has had {had} steps already; ask for as many --steps, or {_MEND}'
        )
