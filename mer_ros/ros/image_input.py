"""Subscribes to the image as the node's parameters say."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sensor_msgs.msg import CompressedImage, Image

from mer_ros.ros import qos
from mer_ros.ros.inputs import SUGGESTIONS, Input, type_name
from mer_ros.ros.node import EmotionNode

TOPIC = 'image_raw'
RAW, COMPRESSED = 'raw', 'compressed'
TYPES = {RAW: type_name(Image), COMPRESSED: type_name(CompressedImage)}
SUFFIX = '/compressed'

DEPTH = 'depth'
"""What drivers have in the topics of depth images, which no face is found in."""

DEPTH_ENCODING = '16UC1'
"""What depth images in millimetres have, and now and then grey images too."""

DEPTH_SUFFIX = '/compressedDepth'
"""Carries the type of compressed images, and none that we could read."""


class ImageInput(Input):
    """A subscription to raw or compressed images; silent, it tells where either kind comes."""

    def __init__(
        self,
        node: EmotionNode,
        transport: str,
        reliability: str,
        callback: Callable[[Any], None],
    ) -> None:
        """Subscribe.

        Args:
            node: that subscribes.
            transport: 'raw' or 'compressed'.
            reliability: 'best_effort' or 'reliable'.
            callback: called with each message; must only enqueue.
        """
        self._transport = transport
        self._base = node.resolve_topic_name(TOPIC)
        super().__init__(
            node,
            CompressedImage if transport == COMPRESSED else Image,
            f'{self._base}{SUFFIX}' if transport == COMPRESSED else TOPIC,
            qos.image(reliability),
            callback,
            what='image',
            mend='set image_reliability to best_effort',
        )

    def is_depth(self, message: Any) -> bool:
        """Say whether a message is a depth image, by its topic and its encoding."""
        encoding = message.format if self._transport == COMPRESSED else message.encoding
        return DEPTH_ENCODING in encoding and DEPTH in self.topic.lower()

    def _elsewhere(self) -> str:
        """Return which images there are, and the remapping and the parameter that take them."""
        other = RAW if self._transport == COMPRESSED else COMPRESSED
        setting = f'set image_transport:={other}'
        others = self._topics(other)
        beside = f'{self._base}{SUFFIX}' if other == COMPRESSED else self._base
        if beside in others:
            return f'; {TYPES[other]} comes on {beside}: {setting}'
        if same := self._topics(self._transport):
            where = f'{TYPES[self._transport]} comes on {", ".join(same)}'
            return f'; {where}: {self._remap(self._transport, same)}'
        if others:
            where = f'{TYPES[other]} comes on {", ".join(others)}'
            return f'; {where}: {self._remap(other, others)} and {setting}'
        return ''

    def _instead(self, types: Collection[str]) -> str:
        """Return how to take compressed images whose whole name was given for raw ones."""
        if TYPES[COMPRESSED] not in types or self._transport == COMPRESSED:
            return ''
        return f': {self._remap(COMPRESSED, [self.topic])} and set image_transport:={COMPRESSED}'

    def _topics(self, transport: str) -> list[str]:
        """Return a few topics with images of a kind: the compressed of image_transport first."""
        names = self.topics_of(TYPES[transport])
        names = [name for name in names if DEPTH not in name.lower()] or names
        if transport == COMPRESSED:
            names = [name for name in names if not name.endswith(DEPTH_SUFFIX)]
            names = [name for name in names if name.endswith(SUFFIX)] or names
        return names[:SUGGESTIONS]

    def _remap(self, transport: str, names: list[str]) -> str:
        """Return what to remap for one of these topics with images of a kind."""
        if transport == RAW:
            return 'remap to it'
        if not names[0].endswith(SUFFIX):  # of no image_transport: by its whole name only
            return f'remap {self._base}{SUFFIX} to it'
        return f'remap {TOPIC} to {" or ".join(name.removesuffix(SUFFIX) for name in names)}'


def image_input(node: EmotionNode, callback: Callable[[Any], None]) -> ImageInput:
    """Subscribe to the image as the parameters ``image_transport`` and ``_reliability`` say."""
    values = node.values
    return ImageInput(
        node, values.text('image_transport'), values.text('image_reliability'), callback
    )
