"""Pictures as files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.render.errors import RenderError


def write(image: NDArray[np.uint8], path: Path) -> None:
    """Write a picture; the ending chooses the format (.png).

    OpenCV makes the bytes only: a name that is no UTF-8 would crash it.

    Args:
        image: (H, W, 3) uint8, blue first.
        path: where to.

    Raises:
        RenderError: the ending is unknown, the folder is not there, or may not be written.
    """
    try:
        done, data = cv2.imencode(path.suffix, image)
    except cv2.error:
        done = False
    if not done:
        raise RenderError(f'cannot write {path}: OpenCV does not know this ending; use .png')
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise RenderError(
            f'cannot write {path}: {error.strerror}; does its folder exist and may you write there?'
        ) from error
