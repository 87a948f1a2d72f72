"""What the deepface and retina-face packages compute with."""

from __future__ import annotations

import os

from mer_ros.models.errors import ModelError


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
