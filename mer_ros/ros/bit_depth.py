"""How many of their 16 bits the images of a camera use: a 12-bit one fills only a sixteenth."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Hashable

import cv2
import numpy as np
from numpy.typing import NDArray

BITS = (10, 12, 14, 16)
"""What is told apart. Eight in sixteen is not: the noise of a dark room would become a picture."""

BLOCK = 900
"""After one to two times so many images that need fewer bits than before, they get fewer: half a
minute or more at 30 Hz, or the picture would brighten whenever a lamp goes out."""

CAMERAS = 16
"""Remembered at most; whose images are longest ago is forgotten."""

_LOG = logging.getLogger(__name__)


class BitDepth:
    """The bits that one camera uses: more at once, fewer only after long.

    Attributes:
        bits: one of :data:`BITS`.
    """

    def __init__(self) -> None:
        """Begin with the least."""
        self.bits = BITS[0]
        self._before = self._block = BITS[0]
        self._count = 0

    def see(self, largest: int) -> int:
        """Take the largest value of the next image into account; return the bits it is shown by."""
        needed = next(bits for bits in BITS if largest < 1 << bits or bits == BITS[-1])
        self._block = max(self._block, needed)
        self._count += 1
        self.bits = max(self._before, self._block)
        if self._count == BLOCK:
            self._before, self._block, self._count = self._block, BITS[0], 0
        return self.bits


class BitDepths:
    """The bits of each camera, learned from its images; from any thread."""

    def __init__(self) -> None:
        """Begin without any."""
        self._cameras: OrderedDict[Hashable, BitDepth] = OrderedDict()
        self._lock = threading.Lock()

    def to_8_bits(
        self, values: NDArray[np.uint16], channels: int, camera: str, encoding: str
    ) -> NDArray[np.uint8]:
        """Return values scaled so that the largest which the camera's bits can say is 255.

        Args:
            values: (height, width x channels), in the byte order of this machine.
            channels: values a pixel; a fourth is how opaque it is, and says nothing of the rest.
            camera: the images' frame_id.
            encoding: the images'.

        Returns:
            uint8 of the same shape.
        """
        largest = values.max(axis=0)
        if channels == 4:
            largest = largest.reshape(-1, 4)[:, :3]
        key = (camera, encoding, values.shape)
        with self._lock:
            known = key in self._cameras
            depth = self._cameras.setdefault(key, BitDepth())
            self._cameras.move_to_end(key)
            if len(self._cameras) > CAMERAS:
                self._cameras.popitem(last=False)
            before = depth.bits
            bits = depth.see(int(largest.max()))
        if bits != (before if known else 16):
            _LOG.info(
                '%s images%s use %d of 16 bits: %d is taken as white',
                encoding,
                f' of {camera}' if camera else '',
                bits,
                2**bits - 1,
            )
        return np.asarray(cv2.convertScaleAbs(values, alpha=255.0 / (2**bits - 1)), np.uint8)
