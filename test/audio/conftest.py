"""Fixtures of the audio tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mer_ros.media.video_file import VideoFileSource


@pytest.fixture(scope='session')
def read_clip(shared_data: Path) -> Callable[[str], NDArray[np.float32]]:
    """Return what reads a clip of the shared data: (n,) float32 in [-1, 1] at 16 kHz."""

    def read(name: str) -> NDArray[np.float32]:
        source = VideoFileSource(shared_data / name, video=False)
        sound = np.concatenate([block.samples[:, 0] for block in source])
        return sound.astype(np.float32) / 32_768

    return read
