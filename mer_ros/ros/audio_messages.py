"""Audio messages of both packages called audio_common_msgs: which is there, and what is in it.

ros-drivers' package (apt) has ``AudioData`` and ``AudioDataStamped``, with ``AudioInfo`` on a
topic of its own; mgonzs13's (from source) has ``AudioStamped``, which carries its format. Only
one of the two can be installed, so types are imported when a publisher of theirs is seen.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from mer_ros.audio import mp3
from mer_ros.audio.chunk import AudioChunk, AudioError, check_format
from mer_ros.audio.decoding import (
    FIELDS,
    check_coding,
    decode_array,
    decode_s16le,
    portaudio_format,
    without_wav_header,
)
from mer_ros.ros.conversions import from_time
from mer_ros.ros.errors import AudioMessageError

PACKAGE = 'audio_common_msgs'
STAMPED = f'{PACKAGE}/msg/AudioDataStamped'
UNSTAMPED = f'{PACKAGE}/msg/AudioData'
OTHER = f'{PACKAGE}/msg/AudioStamped'
INFO = f'{PACKAGE}/msg/AudioInfo'

TOPICS = (('audio_stamped', STAMPED), ('audio', UNSTAMPED), ('audio', OTHER))
"""What is listened to, the best first."""

INFO_TOPIC = 'audio_info'
PACKAGE_OF = {
    STAMPED: "ros-drivers' audio_common_msgs (apt)",
    UNSTAMPED: "ros-drivers' audio_common_msgs (apt)",
    INFO: "ros-drivers' audio_common_msgs (apt)",
    OTHER: "mgonzs13's audio_common_msgs (from source)",
}
NEEDED_FIELD = {STAMPED: 'audio', UNSTAMPED: 'data', INFO: 'coding_format', OTHER: 'audio'}
"""Tells a type from the one of the same name in the other package."""

USUAL_RATES = (44100, 48000, 16000, 8000, 32000, 22050, 24000, 11025, 12000, 96000, 192000)
"""Hz, the likely first."""

NEAR = 0.02
OFF_PACE = 0.05
"""Further off than any clock, nearer than any two usual rates."""


@dataclass(frozen=True)
class Route:
    """Where sound comes from.

    Attributes:
        topic: relative name, to be remapped and resolved.
        type_name: for example ``audio_common_msgs/msg/AudioData``.
        reliable: whether every publisher offers to be.
    """

    topic: str
    type_name: str
    reliable: bool


def find_route(node: Node) -> Route | None:
    """Return where to listen, by the types and offers of the publishers there are now.

    Raises:
        AudioMessageError: the topic carries something else.
    """
    foreign = ''
    for topic, type_name in TOPICS:
        resolved = node.resolve_topic_name(topic)
        publishers = node.get_publishers_info_by_topic(resolved)
        ours = [publisher for publisher in publishers if publisher.topic_type == type_name]
        if ours:
            reliable = all(
                publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE
                for publisher in ours
            )
            return Route(topic, type_name, reliable)
        known = {each for _, each in TOPICS}
        for publisher in publishers:
            if publisher.topic_type not in known or topic == 'audio_stamped':
                foreign = f'{resolved} carries {publisher.topic_type}'
    if foreign:
        raise AudioMessageError(
            f'{foreign}; publish {STAMPED} on audio_stamped, or {UNSTAMPED} or {OTHER} on audio',
            'wrong_type',
        )
    return None


def find_info(node: Node) -> bool | None:
    """Return whether ``audio_info`` is latched by its publisher; None without a publisher."""
    publishers = node.get_publishers_info_by_topic(node.resolve_topic_name(INFO_TOPIC))
    if not publishers:
        return None
    return all(
        publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        for publisher in publishers
    )


def import_type(type_name: str) -> type[Any]:
    """Return the class of one of the types above.

    Raises:
        AudioMessageError: the installed audio_common_msgs is the other one, or none is.
    """
    try:
        package = importlib.import_module(f'{PACKAGE}.msg')
        found: type[Any] = getattr(package, type_name.rsplit('/', 1)[1])
    except (ImportError, AttributeError) as error:
        raise AudioMessageError(_not_installed(type_name), 'type_not_installed') from error
    if NEEDED_FIELD[type_name] not in found.get_fields_and_field_types():
        raise AudioMessageError(_not_installed(type_name), 'type_not_installed')
    return found


def _not_installed(type_name: str) -> str:
    return (
        f'{type_name} of {PACKAGE_OF[type_name]} is published, and that package is not the '
        'audio_common_msgs installed here: install it in its place'
    )


@dataclass(frozen=True)
class Format:
    """What ``AudioInfo``, or the parameters in its place, say of the sound."""

    sample_rate: int
    channels: int
    coding_format: str = ''
    sample_format: str = ''

    @classmethod
    def of(cls, info: Any) -> Format:
        """Return what a message of ros-drivers' AudioInfo says."""
        return cls(
            int(info.sample_rate),
            int(info.channels),
            str(info.coding_format),
            str(info.sample_format),
        )

    @classmethod
    def carried(cls, message: Any) -> Format:
        """Return what a message of mgonzs13's AudioStamped says of itself.

        Raises:
            AudioError: no format has its code.
        """
        info = message.audio.info
        code = portaudio_format(int(info.format))
        return cls(int(info.rate), int(info.channels), code.name.lower())

    def refusal(self) -> str:
        """Return why sound of this format cannot be used, with the mend; '' when it can."""
        if self.coding_format.lower() not in ('', 'wave', 'raw'):
            return (
                f'audio is {self.coding_format}: set format:=wave where it is published '
                '(audio_capture: -p format:=wave)'
            )
        try:
            check_coding(self.coding_format, self.sample_format)
            check_format(self.channels, self.sample_rate)
        except AudioError as error:
            return str(error)
        return ''

    def rate_words(self) -> str:
        """Return ``16000 Hz, 1 channel``."""
        many = '' if self.channels == 1 else 's'
        return f'{self.sample_rate} Hz, {self.channels} channel{many}'

    def words(self) -> str:
        """Return ``16000 Hz, 1 channel, raw S16LE``."""
        return f'{self.rate_words()}, {self.coding_format or "raw S16LE"}'

    def near(self, ratio: float) -> list[str]:
        """Return the usual formats that come so many times as fast, in words, the likely first."""
        wanted = ratio * self.sample_rate * self.channels
        others = (Format(rate, channels) for rate in USUAL_RATES for channels in (1, 2))
        return [
            each.rate_words()
            for each in others
            if abs(each.sample_rate * each.channels / wanted - 1.0) <= NEAR
        ]


def off_pace(ratio: float, taken_as: Format, mend: str) -> str:
    """Return that sound comes too fast or too slow for its format; '' when it does not.

    Args:
        ratio: see :class:`mer_ros.audio.timeline.Pace`.
        taken_as: format it is taken to have.
        mend: how the right format is told.
    """
    if abs(ratio - 1.0) <= OFF_PACE:
        return ''
    as_is = ' or '.join(taken_as.near(ratio)[:2])
    text = f'sound comes {ratio:.2g} times as fast as {taken_as.rate_words()}'
    text += f', as if it were {as_is}: ' if as_is else ': '
    return text + mend + (', or find what loses audio' if ratio < 1.0 else '')


def to_chunk(message: Any, type_name: str, audio_format: Format, now_ns: int) -> AudioChunk:
    """Return the sound of a message.

    Args:
        message: of the type that is named.
        type_name: one of those above.
        audio_format: of ros-drivers' types; the other's messages carry their own.
        now_ns: time of arrival, for what has no stamp: the last sample is taken to be of now.

    Raises:
        AudioMessageError, AudioError: it cannot be used, and why.
    """
    if type_name == OTHER:
        return _other_chunk(message, now_ns)
    refusal = audio_format.refusal()
    if refusal:
        raise AudioMessageError(refusal, 'audio_format')
    stamped = type_name == STAMPED
    data = message.audio.data if stamped else message.data
    octets = without_wav_header(
        np.frombuffer(data, np.uint8), audio_format.channels, audio_format.sample_rate
    )
    frame = 2 * audio_format.channels
    if octets.size == 0:
        raise AudioMessageError(
            'audio message without data: see that the source is running', 'empty_audio'
        )
    if octets.size % frame and not mp3.frames(octets):  # of which decoding knows more to say
        raise AudioMessageError(
            f'{octets.size} bytes are no whole number of {audio_format.channels}-channel 16-bit '
            'samples: set channels as the source has it, and format:=wave',
            'odd_audio',
        )
    stamp_ns = from_time(message.header.stamp) if stamped else 0
    known = stamp_ns > 0
    if not known:
        stamp_ns = now_ns - octets.size // frame * 1_000_000_000 // audio_format.sample_rate
    return decode_s16le(
        octets,
        audio_format.channels,
        audio_format.sample_rate,
        stamp_ns,
        frame_id=message.header.frame_id if stamped else '',
        stamped=known,
        coding_format=audio_format.coding_format,
        sample_format=audio_format.sample_format,
    )


def _other_chunk(message: Any, now_ns: int) -> AudioChunk:
    carried = Format.carried(message)
    code = portaudio_format(int(message.audio.info.format))
    values = np.asarray(getattr(message.audio.audio_data, FIELDS[code]))
    if values.size == 0:
        raise AudioMessageError(
            f'audio message without {FIELDS[code]}: see that the source is running and that '
            f'format in its info ({code.value}, {code.name.lower()}) is that of its samples',
            'empty_audio',
        )
    channels, rate = carried.channels, carried.sample_rate
    check_format(channels, rate)
    if values.size % channels:
        raise AudioMessageError(
            f'{values.size} values are no whole number of {channels}-channel samples: set channels '
            'in the info of the message as the source has it',
            'odd_audio',
        )
    stamp_ns = from_time(message.header.stamp)
    known = stamp_ns > 0
    if not known:
        stamp_ns = now_ns - values.size // channels * 1_000_000_000 // rate
    return decode_array(
        values, code, channels, rate, stamp_ns, frame_id=message.header.frame_id, stamped=known
    )
