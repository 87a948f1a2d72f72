"""The demo's clip, made on the spot: a portrait that moves, and a synthetic voice.

The portrait is Eileen Collins's official NASA photograph (public domain), which scikit-image
carries. Its mouth and brows are moved by small warps, the mouth with the loudness of the voice.
The voice is espeak-ng's, with several tones and pauses between.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.cli.errors import CommandError

WIDTH, HEIGHT, FRAME_RATE = 640, 480, 30
VOICE_RATE = 22_050
LEAD_S = 1.0
VERSION = 2
"""Goes into the file's name: a clip of an older recipe is not used again."""


@dataclass(frozen=True)
class Line:
    """A sentence and the face that goes with it.

    Attributes:
        text: what is said.
        pitch: espeak-ng's 0..99.
        speed: words a minute.
        loudness: espeak-ng's 0..200.
        smile: mouth corners up, pixels of the portrait; the portrait itself smiles.
        brows: brows up, pixels of the portrait.
        jaw: how far a loud syllable opens the mouth, pixels of the portrait.
        pause_s: silence after it.
    """

    text: str
    pitch: int
    speed: int
    loudness: int
    smile: float
    brows: float
    jaw: float
    pause_s: float


SCRIPT = (
    Line('Hello! How good to see you here, this is wonderful!', 72, 185, 110, 1, 1, 8, 0.9),
    Line('I looked for it everywhere, and it is gone.', 22, 120, 70, -9, -1, 7, 1.0),
    Line('Stop that! I told you not to touch it!', 48, 205, 190, -7, -6, 8, 0.9),
    Line('Oh! What was that? I did not expect it!', 95, 190, 140, -4, 6, 9, 0.9),
    Line('All right. Let us go on.', 45, 155, 90, -5, 0, 8, 0.8),
)

_CORNERS, _BROWS, _LIP = ((206, 146), (246, 146)), ((203, 88), (247, 88)), (226, 162)
_FACE = (225, 122)
_PATCH = (146, 40, 162, 170)
"""x, y, width, height of the part of the portrait that is warped."""


def clip(folder: Path) -> Path:
    """Return the clip in a folder, made when it is not there yet.

    Raises:
        CommandError: scikit-image is missing, or the file can't be written.
    """
    spoken = shutil.which('espeak-ng') is not None
    path = folder / f'demo_clip_v{VERSION}{"" if spoken else "_silent"}.mp4'
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            made = Path(scratch) / path.name
            make(made, SCRIPT, say if spoken else silent)
            made.replace(path)
    except OSError as error:
        raise CommandError(
            f'cannot write the demo clip into {folder}: {error.strerror or error}; set '
            'XDG_CACHE_HOME to a folder that can be written, or give --source FILE'
        ) from error
    return path


def make(path: Path, script: tuple[Line, ...], voice: Callable[[Line], NDArray[np.int16]]) -> None:
    """Write a clip: H.264 (or MPEG-4) pictures and AAC sound.

    Args:
        path: an .mp4 file.
        script: what is said.
        voice: gives a line's sound, (n,) int16 at VOICE_RATE.
    """
    import av

    sound, moods = _perform(script, voice)
    codec = 'libx264' if 'libx264' in av.codecs_available else 'mpeg4'
    with av.open(str(path), 'w') as container:
        pictures = container.add_stream(codec, rate=FRAME_RATE)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        pictures.bit_rate = 4_000_000
        if codec == 'libx264':
            pictures.options = {'preset': 'ultrafast', 'crf': '16'}
        track = container.add_stream('aac', rate=VOICE_RATE)
        track.layout = 'mono'
        for index, image in enumerate(_frames(moods)):
            frame = av.VideoFrame.from_ndarray(image, format='bgr24')
            frame.pts, frame.time_base = index, Fraction(1, FRAME_RATE)
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        step = 1024
        for start in range(0, len(sound), step):
            block = av.AudioFrame.from_ndarray(
                sound[None, start : start + step], format='s16', layout='mono'
            )
            block.sample_rate, block.pts = VOICE_RATE, start
            block.time_base = Fraction(1, VOICE_RATE)
            container.mux(track.encode(block))
        container.mux(track.encode(None))


def still_frames(count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the first pictures of a clip without a voice, (480, 640, 3) uint8.

    Raises:
        CommandError: scikit-image is missing.
    """
    yield from _frames(np.zeros((count, 3)))


def say(line: Line) -> NDArray[np.int16]:
    """Return a line spoken by espeak-ng, (n,) int16 at VOICE_RATE.

    Raises:
        CommandError: espeak-ng is not there or fails.
    """
    argv = ['espeak-ng', '-v', 'en-us+f3', '-p', str(line.pitch), '-s', str(line.speed)]
    argv += ['-a', str(line.loudness), '--stdout', line.text]
    try:
        done = subprocess.run(argv, capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise CommandError(f'espeak-ng does not speak: {error}; install it again') from error
    # espeak-ng cannot know the length when it writes the header to a pipe: only the rate counts.
    with wave.open(io.BytesIO(done.stdout)) as header:
        rate = header.getframerate()
    samples = np.frombuffer(done.stdout[44 : 44 + (len(done.stdout) - 44) // 2 * 2], '<i2')
    if rate != VOICE_RATE:
        wanted = np.arange(0, len(samples), rate / VOICE_RATE)
        samples = np.interp(wanted, np.arange(len(samples)), samples).astype(np.int16)
    return np.asarray(samples, np.int16)


def silent(line: Line) -> NDArray[np.int16]:
    """Return as much silence as the line would take."""
    return np.zeros(int(VOICE_RATE * len(line.text.split()) * 60 / line.speed), np.int16)


def _perform(
    script: tuple[Line, ...], voice: Callable[[Line], NDArray[np.int16]]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Return the sound, and (frames, 3) smile, brows and jaw in pixels of the portrait."""
    parts = [np.zeros(int(LEAD_S * VOICE_RATE), np.int16)]
    moods = [np.zeros((len(parts[0]), 2))]
    jaws = [np.zeros(len(parts[0]))]
    for line in script:
        spoken = voice(line)
        pause = np.zeros(int(line.pause_s * VOICE_RATE), np.int16)
        sound = np.concatenate([spoken, pause])
        parts.append(sound)
        moods.append(np.tile([line.smile, line.brows], (len(sound), 1)))
        jaws.append(line.jaw * _loudness(sound))
    sound = np.concatenate(parts)
    at = np.arange(0, len(sound), VOICE_RATE / FRAME_RATE).astype(int)
    mood = _smooth(np.concatenate(moods)[at], round(0.4 * FRAME_RATE))
    return sound, np.column_stack([mood, np.concatenate(jaws)[at]])


def _loudness(sound: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the envelope of a sound, 0..1."""
    step = VOICE_RATE // 25
    padded = np.pad(sound.astype(np.float64), (0, -len(sound) % step)).reshape(-1, step)
    rms = np.sqrt((padded**2).mean(axis=1))
    envelope = _smooth(np.repeat(rms, step)[: len(sound), None], step)[:, 0]
    return np.asarray(envelope / max(float(envelope.max()), 1.0), np.float64)


def _smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the moving mean over ``width`` rows, of the same length."""
    padded = np.pad(values, ((width // 2, width - 1 - width // 2), (0, 0)), mode='edge')
    sums = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), padded]), axis=0)
    return np.asarray((sums[width:] - sums[:-width]) / width, np.float64)


def _frames(moods: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures, (480, 640, 3) uint8: the portrait moved, zoomed, turned and lit."""
    import cv2

    portrait = _portrait()
    corners, brow, lip = _bumps(_CORNERS, 13, 13), _bumps(_BROWS, 22, 9), _bumps((_LIP,), 24, 14)
    for index, (smile, brows, jaw) in enumerate(moods):
        second = index / FRAME_RATE
        image = _lifted(portrait, smile * corners + brows * brow - jaw * lip)
        zoom = 1.75 + 0.3 * np.sin(0.5 * second)
        angle = 3.0 * np.sin(0.7 * second)
        turn = cv2.getRotationMatrix2D(_FACE, angle, zoom)
        turn[0, 2] += 235 + 45 * np.sin(0.6 * second) - _FACE[0]
        turn[1, 2] += 215 + 15 * np.sin(0.9 * second + 1.0) - _FACE[1]
        view = cv2.warpAffine(image, turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        light = 1.0 + 0.12 * np.sin(0.45 * second)
        yield np.asarray(cv2.convertScaleAbs(view, alpha=light), np.uint8)


def _portrait() -> NDArray[np.uint8]:
    """Return the portrait, (512, 512, 3) uint8 BGR.

    Raises:
        CommandError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise CommandError(
            'the demo clip needs scikit-image: pip install scikit-image, or give --source FILE'
        ) from error
    return np.ascontiguousarray(np.asarray(data.astronaut(), np.uint8)[..., ::-1])


def _bumps(centres: tuple[tuple[int, int], ...], across: float, down: float) -> NDArray[np.float32]:
    """Return a sum of Gaussian bumps of height 1 over the patch, (170, 162) float32."""
    x0, y0, width, height = _PATCH
    rows, columns = np.mgrid[y0 : y0 + height, x0 : x0 + width].astype(np.float32)
    total: NDArray[np.float32] = np.zeros(rows.shape, np.float32)
    for x, y in centres:
        total += np.exp(-(((columns - x) / across) ** 2) - ((rows - y) / down) ** 2)
    return total


def _lifted(portrait: NDArray[np.uint8], lift: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the portrait with the patch pushed upwards, each pixel by its ``lift``."""
    import cv2

    x0, y0, width, height = _PATCH
    rows, columns = np.mgrid[y0 : y0 + height, x0 : x0 + width].astype(np.float32)
    patch = cv2.remap(portrait, columns, rows + lift.astype(np.float32), cv2.INTER_LINEAR)
    image: NDArray[np.uint8] = portrait.copy()
    image[y0 : y0 + height, x0 : x0 + width] = patch
    return image
