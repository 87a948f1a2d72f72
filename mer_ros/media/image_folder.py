"""A folder of images as a film."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.media.sources import AudioFormat, MediaError, VideoFrame

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff', '.ppm', '.pgm')


class ImageFolderSource:
    """The images of a folder in the order of their names (``2.png`` before ``10.png``).

    Args:
        path: the folder.
        frame_rate: images a second.
        loop: start over at the end, with times that go on.

    Raises:
        MediaError: no folder, no image in it, or an impossible rate.
    """

    live = False

    def __init__(self, path: Path | str, *, frame_rate: float = 10.0, loop: bool = False) -> None:
        self.name = str(path)
        if not 0.01 <= frame_rate <= 1000.0:
            raise MediaError(f'{frame_rate} images a second; set 0.01..1000')
        folder = Path(path)
        if not folder.is_dir():
            raise MediaError(f'there is no folder {self.name}')
        self.paths = sorted(
            (file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES), key=_natural
        )
        if not self.paths:
            raise MediaError(f'{self.name} has no images ({", ".join(SUFFIXES)})')
        self._frame_rate = frame_rate
        self._loop = loop
        self._closed = threading.Event()
        self._lost = 0

    @property
    def frame_rate(self) -> float:
        """Images a second."""
        return self._frame_rate

    @property
    def audio_format(self) -> AudioFormat | None:
        """None: images are silent."""
        return None

    @property
    def problem(self) -> str:
        """Empty: a folder either works or raises."""
        return ''

    @property
    def lost(self) -> int:
        """Files that are no images after all."""
        return self._lost

    def close(self) -> None:
        """End the iteration."""
        self._closed.set()

    def __iter__(self) -> Iterator[VideoFrame]:
        """Give the images.

        Raises:
            MediaError: none of the files can be read.
        """
        given = 0
        while True:
            before = given
            for path in self.paths:
                if self._closed.is_set():
                    return
                image = _read(path)
                if image is None:
                    self._lost += 1
                    continue
                yield VideoFrame(given / self._frame_rate, image)
                given += 1
            if given == before:
                raise MediaError(f'none of the {len(self.paths)} images in {self.name} is readable')
            if not self._loop:
                return


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r'(\d+)', path.name.lower())
    return [(int(part), '') if part.isdecimal() else (-1, part) for part in parts]


def _read(path: Path) -> NDArray[np.uint8] | None:
    """Return bgr pixels, None where that is no image.

    OpenCV is given the bytes: a name that is no UTF-8 crashes it, and what a damaged header claims
    of its size is an exception.
    """
    try:
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, OSError):
        return None
    return None if image is None else np.asarray(image, np.uint8)
