"""Subscribes to the image as the node's parameters say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensor_msgs.msg import CompressedImage, Image

from mer_ros.ros import qos
from mer_ros.ros.inputs import Input
from mer_ros.ros.node import EmotionNode


def image_input(node: EmotionNode, callback: Callable[[Any], None]) -> Input:
    """Subscribe to the image as the parameters ``image_transport`` and ``_reliability`` say."""
    values = node.values
    compressed = values.text('image_transport') == 'compressed'
    topic = 'image_raw'
    if compressed:
        topic = f'{node.resolve_topic_name(topic)}/compressed'
    return Input(
        node,
        CompressedImage if compressed else Image,
        topic,
        qos.image(values.text('image_reliability')),
        callback,
        what='image',
        mend='set image_reliability to best_effort',
    )
