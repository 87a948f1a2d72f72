"""A webcam through OpenCV's V4L2 reader."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from mer_ros.media.sources import AudioFormat, MediaError, VideoFrame


class WebcamSource:
    """The latest picture of a camera, as soon as there is one.

    A thread reads all the time, so that a slow reader gets fresh pictures and not the driver's
    queue; pictures that were replaced before they were taken count as ``lost``.

    Args:
        device: N of /dev/videoN, or a path such as /dev/v4l/by-id/...
        width: asked of the driver, which may give another size.
        height: asked of the driver.
        frame_rate: asked of the driver.
        retry_s: when the camera is missing or lost, try again after this; None raises instead.
        clock: seconds, stamps the pictures.
        capture: opens the camera; for another reader than V4L2.
    """

    live = True

    def __init__(
        self,
        device: int | str = 0,
        *,
        width: int = 640,
        height: int = 480,
        frame_rate: float = 30.0,
        retry_s: float | None = 2.0,
        clock: Callable[[], float] = time.time,
        capture: Callable[[], cv2.VideoCapture] | None = None,
    ) -> None:
        self.name = f'webcam:{device}'
        self._path = f'/dev/video{device}' if isinstance(device, int) else device
        self._device = device
        self._size = (width, height)
        self._frame_rate = frame_rate
        self._retry_s = retry_s
        self._clock = clock
        self._capture = capture or self._v4l2
        self._problem = ''
        self._lost = 0
        self._closed = threading.Event()
        self._fresh = threading.Condition()
        self._latest: VideoFrame | None = None
        self._failure: MediaError | None = None

    @property
    def frame_rate(self) -> float:
        """The rate that was asked for."""
        return self._frame_rate

    @property
    def audio_format(self) -> AudioFormat | None:
        """None: the microphone is a source of its own."""
        return None

    @property
    def problem(self) -> str:
        """Why there are no pictures at the moment; empty when there are."""
        return self._problem

    @property
    def lost(self) -> int:
        """Pictures that were replaced before they were taken."""
        return self._lost

    def close(self) -> None:
        """Free the camera and end the iteration."""
        self._closed.set()
        with self._fresh:
            self._fresh.notify_all()

    def __iter__(self) -> Iterator[VideoFrame]:
        """Give pictures until closed.

        Raises:
            MediaError: the camera is missing or lost, and ``retry_s`` is None.
        """
        reader = threading.Thread(target=self._read, name=self.name, daemon=True)
        reader.start()
        try:
            while True:
                with self._fresh:
                    self._fresh.wait_for(
                        lambda: self._latest or self._failure or self._closed.is_set()
                    )
                    frame, self._latest = self._latest, None
                    failure = self._failure
                if self._closed.is_set():
                    return
                if frame is not None:
                    yield frame
                elif failure is not None:
                    raise failure
        finally:
            self.close()
            reader.join(timeout=5.0)

    def _read(self) -> None:
        while not self._closed.is_set():
            try:
                self._read_until_lost()
            except Exception as error:  # noqa: BLE001 - told; else the iteration hangs in silence
                failure = error if isinstance(error, MediaError) else self._unreadable(error)
                self._problem = str(failure)
                if self._retry_s is None:
                    with self._fresh:
                        self._failure = failure
                        self._fresh.notify_all()
                    return
                self._closed.wait(self._retry_s)

    def _unreadable(self, error: Exception) -> MediaError:
        text = ' '.join(str(error).split())  # OpenCV's errors have several lines
        failure = MediaError(
            f'cannot read {self.name}: {text or type(error).__name__}; plug it in anew, or choose '
            'another camera'
        )
        failure.__cause__ = error
        return failure

    def _read_until_lost(self) -> None:
        camera = self._capture()
        try:
            if not camera.isOpened():
                raise MediaError(
                    f'cannot open {self.name}: it is in use by another program, or this user may '
                    'not read it (add the user to the group `video`)'
                )
            while not self._closed.is_set():
                good, image = camera.read()
                if not good or image is None:
                    raise MediaError(f'{self.name} stopped; is it unplugged?')
                frame = VideoFrame(self._clock(), np.asarray(image, np.uint8))
                self._problem = ''
                with self._fresh:
                    self._lost += self._latest is not None
                    self._latest = frame
                    self._fresh.notify_all()
        finally:
            camera.release()

    def _v4l2(self) -> cv2.VideoCapture:
        linux = sys.platform.startswith('linux')
        if linux and not Path(self._path).exists():
            cameras = ', '.join(sorted(map(str, Path('/dev').glob('video*'))))
            raise MediaError(
                f'there is no camera {self._path} '
                + (f'(there is {cameras})' if cameras else '(there is none); plug one in')
            )
        camera = cv2.VideoCapture(self._device, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
        camera.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
        camera.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        camera.set(cv2.CAP_PROP_FPS, self._frame_rate)
        return camera
