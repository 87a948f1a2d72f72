"""What messages say of their sound, and what is said of those that cannot be used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='no rclpy: run `make build` first')

from ros_messages import NS, sound, stamped, unstamped

from mer_ros.ros.audio_messages import (
    OTHER,
    STAMPED,
    UNSTAMPED,
    Format,
    off_pace,
    to_chunk,
)
from mer_ros.ros.errors import AudioMessageError


def audio_stamped(values: Any, code: int = 1, rate: int = 48000, channels: int = 2) -> Any:
    """Return mgonzs13's AudioStamped, whose package cannot be installed beside ros-drivers'."""
    values = np.asarray(values)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=SimpleNamespace(sec=5, nanosec=0), frame_id='ears'),
        audio=SimpleNamespace(
            info=SimpleNamespace(format=code, channels=channels, rate=rate, chunk=values.size),
            audio_data=SimpleNamespace(
                float32_data=values, int32_data=values, int16_data=values, int8_data=values
            ),
        ),
    )


@pytest.mark.parametrize(
    ('said', 'mend'),
    [
        (Format(16000, 1, 'flac'), 'set format:=wave'),
        (Format(16000, 1, 'wave', 'S24LE'), '`sample_format:=S16LE`'),
        (Format(0, 1, 'wave', 'S16LE'), 'set the source to 4000..192000 Hz'),
        (Format(16000, 0, 'wave', 'S16LE'), 'set the source to 1..64 channels'),
    ],
)
def test_a_format_that_cannot_be_used_is_refused_with_the_mend(said: Format, mend: str) -> None:
    assert mend in said.refusal()
    with pytest.raises(AudioMessageError) as refused:
        to_chunk(stamped(sound(0.1), NS), STAMPED, said, 0)
    assert str(refused.value) == said.refusal()
    assert refused.value.kind == 'audio_format'


@pytest.mark.parametrize('said', [Format(16000, 1), Format(8000, 2, 'WAVE', 'S16_LE')])
def test_a_format_that_can_be_used_is_not_refused(said: Format) -> None:
    assert said.refusal() == ''


@pytest.mark.parametrize(
    ('message', 'type_name', 'mend'),
    [
        (unstamped(b''), UNSTAMPED, 'see that the source is running'),
        (unstamped(b'abc'), UNSTAMPED, 'set channels as the source has it'),
        (audio_stamped([]), OTHER, 'see that the source is running'),
        (audio_stamped([0.0] * 3), OTHER, 'set channels in the info'),
        (audio_stamped([0.0] * 4, code=3), OTHER, 'set `format`'),
        (audio_stamped([0.0] * 4, rate=0), OTHER, 'set the source to'),
        (audio_stamped([0.0] * 4, channels=0), OTHER, 'set the source to'),
    ],
)
def test_a_message_that_cannot_be_used_is_refused_with_the_mend(
    message: Any, type_name: str, mend: str
) -> None:
    with pytest.raises(Exception, match=mend) as refused:
        to_chunk(message, type_name, Format(16000, 1), NS)
    assert '\n' not in str(refused.value)


def test_a_wav_header_goes_and_the_time_of_an_unstamped_message_is_that_of_its_sound() -> None:
    samples = sound(0.1)
    header = b'RIFF' + bytes(4) + b'WAVEfmt ' + (16).to_bytes(4, 'little')
    for value, size in ((1, 2), (1, 2), (16000, 4), (32000, 4), (2, 2), (16, 2)):
        header += value.to_bytes(size, 'little')
    message = unstamped(header + b'data' + bytes(4) + samples.tobytes())
    chunk = to_chunk(message, UNSTAMPED, Format(16000, 1), NS)
    assert np.array_equal(chunk.samples * 32768, samples)
    assert chunk.stamp_ns == NS - NS // 10


def test_a_message_that_carries_its_format_says_it() -> None:
    message = audio_stamped(np.zeros(1920, np.float32))
    assert Format.carried(message).words() == '48000 Hz, 2 channels, float32'
    chunk = to_chunk(message, OTHER, Format(16000, 1), 0)
    assert (chunk.sample_rate, chunk.samples.shape, chunk.stamp_ns) == (48000, (960, 2), 5 * NS)


@pytest.mark.parametrize(
    ('ratio', 'taken_as', 'text'),
    [
        (
            5.51,
            Format(16000, 1),
            'sound comes 5.5 times as fast as 16000 Hz, 1 channel, as if it were 44100 Hz, '
            '2 channels: mend it',
        ),
        (3.0, Format(16000, 1), 'as if it were 48000 Hz, 1 channel or 24000 Hz, 2 channels'),
        (0.5, Format(16000, 1), '8000 Hz, 1 channel: mend it, or find what loses audio'),
        (2.0, Format(48000, 1), 'as if it were 48000 Hz, 2 channels or 96000 Hz, 1 channel'),
        (17.3, Format(16000, 1), '17 times as fast as 16000 Hz, 1 channel: mend it'),
    ],
)
def test_a_wrong_pace_is_told_with_what_it_may_be(
    ratio: float, taken_as: Format, text: str
) -> None:
    assert text in off_pace(ratio, taken_as, 'mend it')


@pytest.mark.parametrize('ratio', [0.96, 1.0, 1.04])
def test_the_pace_of_a_clock_that_is_off_is_no_fault(ratio: float) -> None:
    assert off_pace(ratio, Format(16000, 1), 'mend it') == ''
