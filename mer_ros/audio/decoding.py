"""Sound from the bytes and arrays of both packages that are called audio_common_msgs.

Samples that are not finite (float formats only) are replaced by zero and counted in
``AudioChunk.repaired``, so that one bad sample costs a sample and not the chunk; a chunk of
which more than half is not finite is refused.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer_ros.audio import mp3
from mer_ros.audio.chunk import FULL_SCALE, AudioChunk, AudioError, check_format

_FLOAT_LIMIT = 100.0
"""A float sample beyond this is an integer that was never scaled to [-1, 1]."""


class PortAudioFormat(IntEnum):
    """Sample formats of portaudio.h, as in ``AudioInfo.format`` of mgonzs13's package."""

    FLOAT32 = 1
    INT32 = 2
    INT24 = 4
    INT16 = 8
    INT8 = 16
    UINT8 = 32


FIELDS: dict[PortAudioFormat, str] = {
    PortAudioFormat.FLOAT32: 'float32_data',
    PortAudioFormat.INT32: 'int32_data',
    PortAudioFormat.INT24: 'int32_data',
    PortAudioFormat.INT16: 'int16_data',
    PortAudioFormat.INT8: 'int8_data',
    PortAudioFormat.UINT8: 'uint8_data',
}
"""The array of that package's ``AudioData`` in which a format travels."""

_SCALE = {
    PortAudioFormat.FLOAT32: (1.0, 0.0),
    PortAudioFormat.INT32: (2.0**-31, 0.0),
    PortAudioFormat.INT24: (2.0**-23, 0.0),
    PortAudioFormat.INT16: (2.0**-15, 0.0),
    PortAudioFormat.INT8: (2.0**-7, 0.0),
    PortAudioFormat.UINT8: (2.0**-7, 128.0),
}

_FULL_SCALE = dict.fromkeys((PortAudioFormat.INT8, PortAudioFormat.UINT8), 127 / 128)
"""Of 8 bits the highest value lies below the 16-bit one."""


def portaudio_format(code: int) -> PortAudioFormat:
    """Return the format of a PortAudio code.

    Raises:
        AudioError: no format has that code.
    """
    try:
        return PortAudioFormat(code)
    except ValueError as error:
        known = ', '.join(f'{member.value} = {member.name}' for member in PortAudioFormat)
        raise AudioError(
            f'audio format code {code} is not one of PortAudio ({known}); set `format` of the '
            'audio source'
        ) from error


def check_coding(coding_format: str, sample_format: str = '') -> None:
    """Refuse what ros-drivers' ``AudioInfo`` calls other than raw S16LE; empty means unknown.

    Raises:
        AudioError: with the argument of audio_capture that mends it.
    """
    if coding_format and coding_format.lower() not in ('wave', 'raw'):
        raise AudioError(
            f'audio is coded as {coding_format!r}; start audio_capture with `format:=wave`'
        )
    if sample_format and sample_format.upper() not in ('S16LE', 'S16_LE'):
        raise AudioError(
            f'audio samples are {sample_format!r}; start audio_capture with `sample_format:=S16LE`'
        )


def decode_s16le(
    data: ArrayLike | bytes | bytearray | memoryview,
    channels: int,
    sample_rate: int,
    stamp_ns: int,
    *,
    frame_id: str = '',
    stamped: bool = True,
    coding_format: str = '',
    sample_format: str = '',
) -> AudioChunk:
    """Return the sound of ros-drivers' ``AudioData.data``.

    Args:
        data: bytes, or anything that NumPy reads as uint8 without a copy.
        channels: interleaved, 1..64.
        sample_rate: Hz.
        stamp_ns: time of the first sample.
        frame_id: of the header.
        stamped: False where the stamp is the time of arrival.
        coding_format: of ``AudioInfo``; without one, data that is MP3 frames is refused, and a
            single frame that could be samples as well is noted (``AudioChunk.like_mp3``).
        sample_format: of ``AudioInfo``.

    Raises:
        AudioError: not raw S16LE, not a whole number of samples, or an impossible format; or a
            WAV header that says something else.
    """
    check_coding(coding_format, sample_format)
    check_format(channels, sample_rate)
    octets = (
        np.frombuffer(data, np.uint8)
        if isinstance(data, (bytes, bytearray, memoryview))
        else np.asarray(data, np.uint8).reshape(-1)
    )
    frame = 2 * channels
    mp3_frames = 0 if coding_format else mp3.frames(octets)
    if mp3_frames >= mp3.SURE or (mp3_frames and octets.size % frame):
        raise AudioError(mp3.IS_MP3)
    octets = without_wav_header(octets, channels, sample_rate)
    if octets.size % frame:
        raise AudioError(
            f'{octets.size} bytes are not a whole number of {channels}-channel 16-bit samples; '
            'set `channels` as the source has it, and `format:=wave`'
        )
    samples = np.ascontiguousarray(octets).view('<i2').astype(np.float32)
    samples *= np.float32(2.0**-15)
    return AudioChunk(
        stamp_ns,
        samples.reshape(-1, channels),
        sample_rate,
        frame_id,
        stamped,
        like_mp3=mp3_frames > 0,
    )


_PCM, _EXTENSIBLE = 1, 0xFFFE


def without_wav_header(
    octets: NDArray[np.uint8], channels: int, sample_rate: int
) -> NDArray[np.uint8]:
    """Return the samples of what starts with a WAV header, and anything else as it is.

    As samples a header is a click of nearly full scale. What follows the samples goes as well;
    a length that is not known yet (0, or more than there is) reaches to the end.

    Args:
        octets: (n,) uint8.
        channels: that the sound is taken to have.
        sample_rate: Hz that it is taken to have.

    Raises:
        AudioError: the header has no end here, or says that the sound is something else.
    """
    if octets.size < 12 or octets[:4].tobytes() != b'RIFF' or octets[8:12].tobytes() != b'WAVE':
        return octets
    place = 12
    while place + 8 <= octets.size:
        name, body = octets[place : place + 4].tobytes(), place + 8
        size = int.from_bytes(octets[place + 4 : body].tobytes(), 'little')
        if name == b'data':
            return octets[body : body + size] if size else octets[body:]
        if name == b'fmt ':
            _check_wav(octets[body : body + 16].tobytes(), channels, sample_rate)
        place = body + size + size % 2
    raise AudioError('a WAV header without its end; publish raw S16LE samples, without a header')


def _check_wav(fields: bytes, channels: int, sample_rate: int) -> None:
    """Refuse what the `fmt ` part of a WAV header says is other sound than was said."""
    code, own_channels = (int.from_bytes(fields[i : i + 2], 'little') for i in (0, 2))
    rate, bits = int.from_bytes(fields[4:8], 'little'), int.from_bytes(fields[14:16], 'little')
    if code not in (_PCM, _EXTENSIBLE) or bits != 16:
        raise AudioError(f'a WAV header says {bits}-bit sound of code {code}; publish raw S16LE')
    if (own_channels, rate) != (channels, sample_rate):
        raise AudioError(
            f'a WAV header says {rate} Hz, channels: {own_channels}, and the sound is taken as '
            f'{sample_rate} Hz, channels: {channels}; set sample_rate and channels, or audio_info, '
            'to what the header says'
        )


def decode_array(
    values: ArrayLike,
    code: int,
    channels: int,
    sample_rate: int,
    stamp_ns: int,
    *,
    frame_id: str = '',
    stamped: bool = True,
) -> AudioChunk:
    """Return the sound of mgonzs13's ``Audio``: one array, its PortAudio format code.

    Args:
        values: (n * channels,) interleaved, from the field that :data:`FIELDS` names.
        code: 1 float32, 2 int32, 4 int24, 8 int16, 16 int8, 32 uint8.
        channels: 1..64.
        sample_rate: Hz.
        stamp_ns: time of the first sample.
        frame_id: of the header.
        stamped: False where the stamp is the time of arrival.

    Raises:
        AudioError: an unknown code, not a whole number of samples, an impossible format, mostly
            not finite, or floats far outside [-1, 1].
    """
    sample_format = portaudio_format(code)
    check_format(channels, sample_rate)
    flat = np.asarray(values).reshape(-1)
    if flat.size % channels:
        raise AudioError(
            f'{flat.size} values are not a whole number of {channels}-channel samples; set '
            '`channels` as the source has it'
        )
    scale, offset = _SCALE[sample_format]
    samples = ((flat.astype(np.float64) - offset) * scale).astype(np.float32)
    repaired = _repair(samples) if sample_format is PortAudioFormat.FLOAT32 else 0
    np.clip(samples, -1.0, 1.0, out=samples)
    return AudioChunk(
        stamp_ns,
        samples.reshape(-1, channels),
        sample_rate,
        frame_id,
        stamped,
        repaired,
        _FULL_SCALE.get(sample_format, FULL_SCALE),
    )


def _repair(samples: NDArray[np.float32]) -> int:
    """Zero what is not finite, in place, and return how many there were."""
    bad = ~np.isfinite(samples)
    repaired = int(np.count_nonzero(bad))
    if 2 * repaired > samples.size:
        raise AudioError(
            f'{repaired} of {samples.size} audio samples are not finite; check the driver of '
            'the audio source'
        )
    samples[bad] = 0.0
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > _FLOAT_LIMIT:
        raise AudioError(
            f'float audio samples reach {peak:.0f}; scale them to [-1, 1] at the source'
        )
    return repaired
