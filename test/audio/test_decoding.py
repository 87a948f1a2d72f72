"""Sound arrives in many formats; what is not sound is refused with the mend."""

import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_ros.audio.chunk import AudioChunk, AudioError
from mer_ros.audio.decoding import FIELDS, PortAudioFormat, decode_array, decode_s16le

# An MPEG-1 layer III header: 128 kbit/s, 44.1 kHz, no padding: 417 bytes a frame.
MP3_HEADER = bytes([0xFF, 0xFB, 0x90, 0x00])
MP3_FRAME = MP3_HEADER + bytes(417 - 4)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=64), st.integers(1, 4))
def test_s16le_bytes_become_the_interleaved_samples(values, channels):
    table = np.resize(np.array(values, '<i2'), (len(values), channels))
    chunk = decode_s16le(table.tobytes(), channels, 48_000, 7)
    assert chunk.samples.shape == table.shape
    assert chunk.samples.dtype == np.float32
    assert np.array_equal(chunk.samples * 32768, table)
    assert (chunk.stamp_ns, chunk.sample_rate) == (7, 48_000)


@pytest.mark.parametrize(
    'container', [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8), list]
)
def test_bytes_may_come_in_any_container(container):
    data = np.array([1, -2, 3], '<i2').tobytes()
    assert np.array_equal(
        decode_s16le(container(data), 1, 16_000, 0).samples[:, 0] * 32768, [1, -2, 3]
    )


@pytest.mark.parametrize('coding', ['mp3', 'MP3', 'flac', 'opus'])
def test_a_coding_other_than_wave_is_refused_and_told_what_to_set(coding):
    with pytest.raises(AudioError, match='format:=wave'):
        decode_s16le(bytes(64), 1, 16_000, 0, coding_format=coding)


def test_a_sample_format_other_than_s16le_is_refused():
    with pytest.raises(AudioError, match='S16LE'):
        decode_s16le(bytes(64), 1, 16_000, 0, coding_format='wave', sample_format='F32LE')


@pytest.mark.parametrize(
    'data',
    [MP3_FRAME, MP3_FRAME + MP3_HEADER + bytes(100), b'ID3\x04\0\0\0\0\x02\x01' + bytes(54)],
)
def test_mp3_without_audio_info_is_recognised(data):
    with pytest.raises(AudioError, match='format:=wave'):
        decode_s16le(data, 1, 16_000, 0)


def test_loud_sound_that_begins_like_an_mp3_header_is_sound():
    data = MP3_HEADER + np.arange(400, dtype='<i2').tobytes()
    assert len(decode_s16le(data, 1, 16_000, 0).samples) == len(data) // 2


def test_one_chunk_as_long_as_the_mp3_frame_that_it_begins_like_is_sound_and_noted():
    data = bytes([0xFF, 0xFB, 0xE4, 0x00]) + bytes(956)  # 320 kbit/s, 48 kHz; or 10 ms of samples
    chunk = decode_s16le(data, 1, 48_000, 0)
    assert len(chunk.samples) == 480
    assert chunk.like_mp3
    assert not decode_s16le(data, 1, 48_000, 0, coding_format='wave').like_mp3


def test_what_audio_info_calls_wave_is_taken_for_wave():
    assert len(decode_s16le(MP3_FRAME + b'\0', 1, 16_000, 0, coding_format='wave').samples) == 209


@pytest.mark.parametrize(
    ('size', 'channels', 'rate', 'message'),
    [
        (7, 1, 16_000, 'whole number'),
        (6, 2, 16_000, 'whole number'),
        (0, 1, 16_000, 'without samples'),
        (8, 0, 16_000, 'channels'),
        (8, -1, 16_000, 'channels'),
        (8, 1000, 16_000, 'channels'),
        (8, 1, 0, 'Hz'),
        (8, 1, -44_100, 'Hz'),
        (8, 1, 3_999, 'Hz'),
        (8, 1, 192_001, 'Hz'),
        (2 * 4_000 * 61, 1, 4_000, 'at most 60 s'),
    ],
)
def test_impossible_chunks_are_refused(size, channels, rate, message):
    with pytest.raises(AudioError, match=message):
        decode_s16le(bytes(size), channels, rate, 0)


@pytest.mark.parametrize(
    ('code', 'dtype', 'lowest', 'zero', 'highest'),
    [
        (PortAudioFormat.FLOAT32, np.float32, -1.0, 0.0, 1.0),
        (PortAudioFormat.INT32, np.int32, -(2**31), 0, 2**31 - 1),
        (PortAudioFormat.INT24, np.int32, -(2**23), 0, 2**23 - 1),
        (PortAudioFormat.INT16, np.int16, -(2**15), 0, 2**15 - 1),
        (PortAudioFormat.INT8, np.int8, -128, 0, 127),
        (PortAudioFormat.UINT8, np.uint8, 0, 128, 255),
    ],
)
def test_every_portaudio_format_has_the_same_scale(code, dtype, lowest, zero, highest):
    values = np.array([lowest, zero, highest, zero], dtype)
    chunk = decode_array(values, int(code), 2, 44_100, 0)
    assert np.allclose(chunk.samples, [[-1, 0], [1, 0]], atol=1 / 120)
    assert code in FIELDS


@pytest.mark.parametrize('code', [0, 3, 64, -1])
def test_an_unknown_format_code_is_refused(code):
    with pytest.raises(AudioError, match='not one of PortAudio'):
        decode_array(np.zeros(4, np.int16), code, 1, 16_000, 0)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_costs_that_sample_only(bad):
    values = np.array([0.5, bad, -0.5, 0.25], np.float32)
    chunk = decode_array(values, 1, 1, 16_000, 0)
    assert np.array_equal(chunk.samples[:, 0], np.array([0.5, 0.0, -0.5, 0.25], np.float32))
    assert chunk.repaired == 1


def test_a_chunk_that_is_mostly_not_finite_is_refused():
    with pytest.raises(AudioError, match='not finite'):
        decode_array(np.full(4, np.nan, np.float32), 1, 1, 16_000, 0)


def test_floats_that_were_never_scaled_are_refused():
    with pytest.raises(AudioError, match='scale'):
        decode_array(np.array([12_000.0, -3.0], np.float32), 1, 1, 16_000, 0)


def test_floats_a_little_too_loud_are_clipped():
    assert decode_array(np.array([1.5, -3.0], np.float32), 1, 1, 16_000, 0).samples.tolist() == [
        [1.0],
        [-1.0],
    ]


@pytest.mark.parametrize('shape', [(4,), (2, 2, 2)])
def test_a_chunk_has_two_dimensions(shape):
    with pytest.raises(AudioError, match='channels'):
        AudioChunk(0, np.zeros(shape, np.float32), 16_000)


def wav(samples, rate=16_000, channels=1, width=2):
    """Return a WAV file."""
    file = io.BytesIO()
    with wave.open(file, 'wb') as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(samples)
    return file.getvalue()


TONE = (1_000 * np.sin(np.arange(400) / 5)).astype('<i2')


@pytest.mark.parametrize('channels', [1, 2])
def test_a_wav_header_is_no_sound(channels):
    chunk = decode_s16le(wav(TONE.tobytes(), channels=channels), channels, 16_000, 0)
    assert np.array_equal(chunk.samples.reshape(-1) * 32_768, TONE)


def test_what_follows_the_sound_of_a_wav_file_is_no_sound_either():
    data = wav(TONE.tobytes()) + b'LIST' + bytes([4, 0, 0, 0]) + b'INFO'
    assert len(decode_s16le(data, 1, 16_000, 0).samples) == TONE.size


def test_other_parts_may_stand_before_the_sound():
    file = wav(TONE.tobytes())
    data = file[:36] + b'LIST' + bytes([3, 0, 0, 0]) + b'abc\0' + file[36:]
    assert len(decode_s16le(data, 1, 16_000, 0).samples) == TONE.size


@pytest.mark.parametrize('size', [0, 2**31 - 1, 2**32 - 1])
def test_a_stream_begins_with_a_wav_header_of_no_known_length(size):
    file = wav(TONE.tobytes())
    data = file[:40] + size.to_bytes(4, 'little') + file[44:]
    assert len(decode_s16le(data, 1, 16_000, 0).samples) == TONE.size


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (wav(bytes(300), width=3), 'publish raw S16LE'),
        (wav(bytes(300), rate=44_100), 'set sample_rate and channels'),
        (wav(bytes(300), channels=2), 'set sample_rate and channels'),
        (wav(bytes(300))[:40], 'publish raw S16LE samples, without a header'),
        (wav(bytes(300))[:12], 'publish raw S16LE samples, without a header'),
    ],
)
def test_a_wav_header_of_other_sound_is_refused_with_the_mend(data, message):
    with pytest.raises(AudioError, match=message) as refused:
        decode_s16le(data, 1, 16_000, 0)
    assert '\n' not in str(refused.value)


@given(st.binary(max_size=80))
def test_whatever_follows_the_name_of_wav_is_sound_or_refused(tail):
    try:
        chunk = decode_s16le(b'RIFF\0\0\0\0WAVE' + tail, 1, 16_000, 0)
    except AudioError:
        return
    assert len(chunk.samples) <= len(tail) // 2
