"""Fixtures of the whole suite. Nothing heavy is imported here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope='session')
def repository() -> Path:
    """Return the root of the checkout."""
    return ROOT


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Return the folder of real data: ``MER_SHARED_DATA``, else ../shared/data.

    Tests that need it are skipped only where the folder itself is missing.
    """
    folder = Path(os.environ.get('MER_SHARED_DATA') or ROOT.parent / 'shared' / 'data')
    if not folder.is_dir():
        pytest.skip(f'no {folder}: set MER_SHARED_DATA')
    return folder
