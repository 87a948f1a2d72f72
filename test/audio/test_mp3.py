"""MP3 in the place of samples is told for what it is, and samples for what they are."""

import av
import numpy as np
import pytest

from mer_ros.audio.chunk import AudioError
from mer_ros.audio.decoding import decode_s16le
from mer_ros.audio.intake import Intake
from mer_ros.audio.mp3 import SURE, frames
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.timeline import Continuity
from mer_ros.audio.windows import WindowBuffer


def encoded(rate, bit_rate):
    """Return the packets of a second of noise, as an encoder gives them."""
    noise = np.random.default_rng(0).normal(0.0, 8_000.0, rate).clip(-32_768, 32_767)
    codec = av.CodecContext.create('libmp3lame', 'w')
    codec.sample_rate, codec.format, codec.layout = rate, 's16p', 'mono'
    codec.bit_rate = bit_rate
    frame = av.AudioFrame.from_ndarray(noise.astype(np.int16)[None], format='s16p', layout='mono')
    frame.sample_rate = rate
    return [bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None))]


@pytest.mark.parametrize(
    ('rate', 'bit_rate'), [(44_100, 128_000), (48_000, 320_000), (16_000, 64_000), (8_000, 8_000)]
)
def test_frames_of_an_encoder_are_counted(rate, bit_rate):
    packets = encoded(rate, bit_rate)
    assert len(packets) > 10
    for packet in packets:
        assert frames(np.frombuffer(packet, np.uint8)) == 1
    together = np.frombuffer(b''.join(packets), np.uint8)
    assert frames(together) == len(packets)
    assert frames(together[:-7]) == len(packets)  # the last is cut off


def test_frames_of_two_kinds_in_a_row_are_none():
    one, other = encoded(44_100, 128_000)[0], encoded(48_000, 128_000)[0]
    assert frames(np.frombuffer(one + other, np.uint8)) == 0


def test_an_id3_tag_is_sure_and_its_letters_alone_are_not():
    tag = np.frombuffer(b'ID3\x03\0\0\0\0\x0f\x76', np.uint8)
    assert frames(tag) == SURE
    for place, octet in ((3, 9), (5, 1), (6, 0x80)):
        other = tag.copy()
        other[place] = octet
        assert frames(other) == 0


def test_loud_sound_is_hardly_ever_a_frame_and_never_two():
    """Of 10 ms at 48 kHz, all chunks that begin like a frame; how they go on is chance."""
    random = np.random.default_rng(0)
    chunks = random.integers(0, 256, (20_000, 960), np.uint8)
    chunks[:, :3] = 0xFF, 0xFB, 0xE4  # a frame of 960 bytes
    assert {frames(chunk) for chunk in chunks} == {1}
    chunks[:, 2] = 0x94  # of 384: another header must follow
    assert {frames(chunk) for chunk in chunks} == {0}


@pytest.mark.parametrize('size', range(6))
def test_less_than_a_frame_is_none(size):
    assert frames(np.frombuffer(b'\xff\xfb\x90\x00\x00\x00'[:size], np.uint8)) == 0


LIKE_MP3 = bytes([0xFF, 0xFB, 0xE4, 0x00]) + bytes(956)


def test_chunks_that_are_an_mp3_frame_each_are_refused_from_the_third_on():
    intake = Intake(WindowBuffer(), AudioSettings())
    for index in range(5):
        chunk = decode_s16le(LIKE_MP3, 1, 48_000, index * 10_000_000)
        if index < 2:
            intake.push(chunk)
        else:
            with pytest.raises(AudioError, match='format:=wave'):
                intake.push(chunk)


def test_a_chunk_in_a_hundred_that_looks_like_an_mp3_frame_is_heard():
    intake = Intake(WindowBuffer(), AudioSettings())
    for index in range(1_000):
        data = LIKE_MP3 if index % 100 == 7 else bytes(960)
        placement = intake.push(decode_s16le(data, 1, 48_000, index * 10_000_000))
        assert placement.continuity in (Continuity.START, Continuity.CONTINUES)
