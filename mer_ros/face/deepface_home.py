"""Weights of the deepface and retina-face packages: where their users already have them.

Both packages read ``$DEEPFACE_HOME/.deepface/weights`` and fetch what is not there while the
program runs. A node must not: the file is looked up in the user's own folder and then where
``mer models`` keeps it, and a missing one is an error that says what to run.
"""

from __future__ import annotations

import os
from pathlib import Path

from mer_ros.models import catalogue, integrity, store
from mer_ros.models.errors import ModelError


def find(model: str) -> Path:
    """Return the file of one of these packages' models.

    Args:
        model: its name in the catalogue.

    Raises:
        ModelError: the file is missing or damaged.
    """
    filename = catalogue.entry(model).files[0].filename
    chosen = os.environ.get('DEEPFACE_HOME', '')
    home = Path(chosen) if chosen else integrity.home_folder()
    if home is not None:
        own = home / '.deepface' / 'weights' / filename
        if own.is_file():
            return own
    return store.find(model)


def choose_onnx() -> None:
    """Let both packages run on ONNX Runtime; call it before they are imported.

    No TensorFlow is needed then, and the import takes 0.2 s.

    Raises:
        ModelError: the user has set another engine.
    """
    engine = os.environ.setdefault('DEEPFACE_BACKEND_ENGINE', 'onnx')
    if engine.lower() != 'onnx':
        raise ModelError(
            f'DEEPFACE_BACKEND_ENGINE is {engine}: unset it, or set it to onnx, '
            'whose weights `mer models pull` gets'
        )
