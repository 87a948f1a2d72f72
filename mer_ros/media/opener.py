"""A source from the words of a command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mer_ros.media.image_folder import ImageFolderSource
from mer_ros.media.microphone import MicrophoneSource
from mer_ros.media.sources import CAMERAS, MICROPHONES, MediaError, Source
from mer_ros.media.video_file import DEFAULT_RATE, VideoFileSource
from mer_ros.media.webcam import WebcamSource


def open_source(
    spec: str,
    *,
    loop: bool = False,
    frame_rate: float = 0.0,
    width: int = 640,
    height: int = 480,
    audio: bool = True,
    audio_rate: int | None = DEFAULT_RATE,
    retry_s: float | None = 2.0,
    clock: Callable[[], float] = time.time,
) -> Source:
    """Return the source that a word names.

    Args:
        spec: a media file, a folder of images, ``webcam:N``, ``webcam:/dev/...``,
            ``microphone`` or ``microphone:NAME``.
        loop: files and folders start over at the end.
        frame_rate: of a folder (default 10) or a webcam (default 30); 0 is the default.
        width: of a webcam.
        height: of a webcam.
        audio: give the sound of a file.
        audio_rate: Hz of the sound, mono; None keeps a file's own (a microphone: 16 kHz).
        retry_s: of devices; None makes a missing one an error.
        clock: stamps what devices give.

    Raises:
        MediaError: nothing of that name, or it cannot be opened.
    """
    kind, _, rest = spec.partition(':')
    if kind in CAMERAS:
        return WebcamSource(
            _camera(rest, spec),
            width=width,
            height=height,
            frame_rate=frame_rate or 30.0,
            retry_s=retry_s,
            clock=clock,
        )
    if kind in MICROPHONES:
        device = int(rest) if rest.isdecimal() else rest or None
        return MicrophoneSource(
            device, rate=audio_rate or DEFAULT_RATE, retry_s=retry_s, clock=clock
        )
    try:
        path = Path(spec).expanduser()
    except RuntimeError as error:  # pathlib: no such user, or one without a home
        raise MediaError(f'{spec}: there is no such home; write the whole path') from error
    if spec and path.is_dir():
        return ImageFolderSource(path, frame_rate=frame_rate or 10.0, loop=loop)
    if path.is_file():
        return VideoFileSource(path, loop=loop, audio_rate=audio_rate, audio=audio)
    raise MediaError(
        f'there is no source {spec!r}; give a video file, a folder of images, webcam:N or '
        'microphone'
    )


def _camera(word: str, spec: str) -> int | str:
    if word.isdecimal():
        return int(word)
    if word.startswith('/dev/'):
        return word
    if word:
        raise MediaError(f'{spec!r} is no camera; write webcam:0 or webcam:/dev/video0')
    return 0
