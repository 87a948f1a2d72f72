"""The topics of a media source: publishers for what it gives, and messages of its items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from numpy.typing import NDArray
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from mer_ros.media.sources import AudioBlock, AudioFormat
from mer_ros.ros import qos
from mer_ros.ros.conversions import to_time
from mer_ros.ros.media_messages import (
    audio_info_message,
    audio_message,
    compressed_message,
    image_message,
)
from mer_ros.ros.node import EmotionNode


@dataclass(frozen=True)
class Offer:
    """What the sources together give.

    Attributes:
        pictures: whether there are any.
        sound: its format; None without.
    """

    pictures: bool
    sound: AudioFormat | None


class Outputs:
    """The publishers of a media source.

    Attributes:
        offer: what they are for.
    """

    def __init__(self, node: EmotionNode) -> None:
        """Begin without any; the node's parameters will say how messages look."""
        self.offer = Offer(False, None)
        self._node = node
        self._publishers: dict[str, Any] = {}

    def open(self, offer: Offer) -> None:
        """Make a publisher for each thing that is offered and wanted."""
        self.offer = offer
        make, values = self._node.create_publisher, self._node.values
        if offer.pictures:
            profile = qos.image(values.text('image_reliability'))
            self._publishers['image'] = make(Image, 'image_raw', profile)
            if values.flag('compressed'):
                topic = f'{self._publishers["image"].topic_name}/compressed'
                self._publishers['compressed'] = make(CompressedImage, topic, profile)
        if offer.sound is not None:
            self._publishers['audio'] = make(AudioDataStamped, 'audio_stamped', qos.audio(True))
            info = make(AudioInfo, 'audio_info', qos.audio_info(True))
            info.publish(audio_info_message(offer.sound))
            self._publishers['info'] = info
        if values.flag('publish_clock'):
            self._publishers['clock'] = make(Clock, '/clock', 10)

    def close(self) -> None:
        """Take the publishers away."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers = {}

    @property
    def has_clock(self) -> bool:
        """Whether the time is published as well."""
        return 'clock' in self._publishers

    def publish_clock(self, stamp_ns: int) -> None:
        """Publish the time."""
        self._publishers['clock'].publish(Clock(clock=to_time(stamp_ns)))

    def publish_audio(self, block: AudioBlock, stamp_ns: int) -> None:
        """Publish sound; the stamp is that of its first sample."""
        frame_id = self._node.values.text('audio_frame_id')
        self._publishers['audio'].publish(audio_message(block.samples, stamp_ns, frame_id))

    def publish_image(self, image_bgr: NDArray[np.uint8], stamp_ns: int) -> None:
        """Publish (H, W, 3) uint8, no larger than the limits, raw, as JPEG or both."""
        values = self._node.values
        image = self._limited(image_bgr)
        frame_id = values.text('frame_id')
        raw, compressed = self._publishers['image'], self._publishers.get('compressed')
        if compressed is not None:
            quality = values.integer('jpeg_quality')
            compressed.publish(compressed_message(image, stamp_ns, frame_id, quality))
        if compressed is None or raw.get_subscription_count():
            raw.publish(image_message(image, stamp_ns, frame_id))

    def _limited(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the image, made smaller when it is larger than the limits."""
        values = self._node.values
        height, width = image.shape[:2]
        factor = min(
            1.0,
            (values.integer('max_width') or width) / width,
            (values.integer('max_height') or height) / height,
        )
        if factor == 1.0:
            return image
        size = (max(round(width * factor), 1), max(round(height * factor), 1))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)

    def unheard(self) -> list[str]:
        """Return the topics of pictures and sound that have no subscriber."""
        groups = [('image', 'compressed'), ('audio',)]
        return [
            str(self._publishers[group[0]].topic_name)
            for group in groups
            if group[0] in self._publishers
            and not any(
                self._publishers[each].get_subscription_count()
                for each in group
                if each in self._publishers
            )
        ]
