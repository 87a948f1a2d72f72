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

from mer_ros.audio.chunk import AudioChunk, check_format
from mer_ros.audio.decoding import FIELDS, decode_array, decode_s16le, portaudio_format
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

    def refusal(self) -> str:
        """Return why sound of this format cannot be used; '' when it can."""
        if self.coding_format.lower() not in ('', 'wave', 'raw'):
            return (
                f'audio is {self.coding_format}: set format:=wave where it is published '
                '(audio_capture: -p format:=wave)'
            )
        return ''


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
        raise AudioMessageError(refusal, 'coded_audio')
    check_format(audio_format.channels, audio_format.sample_rate)
    stamped = type_name == STAMPED
    data = message.audio.data if stamped else message.data
    octets = np.frombuffer(data, np.uint8)
    frame = 2 * audio_format.channels
    if octets.size == 0:
        raise AudioMessageError('audio message without data', 'empty_audio')
    if octets.size % frame:
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
    info = message.audio.info
    code = portaudio_format(int(info.format))
    values = np.asarray(getattr(message.audio.audio_data, FIELDS[code]))
    if values.size == 0:
        raise AudioMessageError(f'audio message without {FIELDS[code]}', 'empty_audio')
    channels, rate = int(info.channels), int(info.rate)
    check_format(channels, rate)
    if values.size % channels:
        raise AudioMessageError(
            f'{values.size} values are no whole number of {channels}-channel samples', 'odd_audio'
        )
    stamp_ns = from_time(message.header.stamp)
    known = stamp_ns > 0
    if not known:
        stamp_ns = now_ns - values.size // channels * 1_000_000_000 // rate
    return decode_array(
        values, code, channels, rate, stamp_ns, frame_id=message.header.frame_id, stamped=known
    )
