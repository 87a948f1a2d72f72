from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from mer_ros.ros.face_node import FaceEmotion
from mer_ros.ros.image_input import ImageInput, image_input
from mer_ros.ros.node import EmotionNode
from mer_ros.ros.parameters import FACE_EMOTION

RAW, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


class Watcher(EmotionNode):
    """Has the parameters of a node that takes images, and none of its work."""

    def __init__(self, **options: Any) -> None:
        super().__init__('watcher', FACE_EMOTION, **options)


@pytest.fixture
def watching(graph: Any) -> Iterator[Callable[..., ImageInput]]:
    """Return what subscribes to images as a node with these remappings would."""
    made: list[tuple[Watcher, ImageInput]] = []

    def run(*rules: str, **parameters: Any) -> ImageInput:
        node = Watcher(
            namespace=graph.namespace,
            use_global_arguments=False,
            parameter_overrides=[Parameter(name, value=v) for name, v in parameters.items()],
            cli_args=['--ros-args', *(word for rule in rules for word in ('-r', rule))],
        )
        made.append((node, image_input(node, lambda _: None)))
        return made[-1][1]

    yield run
    for node, source in made:
        source.close()
        node.destroy_node()


def advises(graph: Any, source: ImageInput, advice: str) -> None:
    """Wait until the reason of the silence ends with an advice; {} is the namespace."""
    wanted = advice.replace('{}', graph.namespace)
    said: list[str] = []

    def found() -> bool:
        said.append(source.why_silent(0.0))
        return said[-1].endswith(wanted)

    try:
        graph.wait(found, wanted, 5.0)
    except pytest.fail.Exception:
        pytest.fail(f'{said[-1]!r} does not end with {wanted!r}')


def test_compressed_images_beside_the_raw_ones_take_a_parameter(
    graph: Any, watching: Callable[..., ImageInput]
) -> None:
    graph.publisher(CompressedImage, 'image_raw/compressed', qos_profile_sensor_data)
    advice = f'{COMPRESSED} comes on {{}}/image_raw/compressed: set image_transport:=compressed'
    advises(graph, watching(), advice)


def test_raw_images_beside_the_compressed_ones_take_a_parameter(
    graph: Any, watching: Callable[..., ImageInput]
) -> None:
    graph.publisher(Image, 'image_raw', qos_profile_sensor_data)
    advice = f'{RAW} comes on {{}}/image_raw: set image_transport:=raw'
    advises(graph, watching(image_transport='compressed'), advice)


def test_compressed_images_elsewhere_take_a_remapping_and_a_parameter(
    graph: Any, watching: Callable[..., ImageInput]
) -> None:
    graph.publisher(CompressedImage, 'camera/image/compressed', qos_profile_sensor_data)
    graph.publisher(CompressedImage, 'camera/depth/compressedDepth', qos_profile_sensor_data)
    graph.publisher(CompressedImage, 'a/depth/image/compressed', qos_profile_sensor_data)
    advice = (
        f'{COMPRESSED} comes on {{}}/camera/image/compressed: remap image_raw to '
        '{}/camera/image and set image_transport:=compressed'
    )
    advises(graph, watching(), advice)


def test_raw_images_elsewhere_take_a_remapping_and_a_parameter(
    graph: Any, watching: Callable[..., ImageInput]
) -> None:
    graph.publisher(Image, 'camera/image', qos_profile_sensor_data)
    advice = f'{RAW} comes on {{}}/camera/image: remap to it and set image_transport:=raw'
    advises(graph, watching(image_transport='compressed'), advice)


def test_compressed_images_elsewhere_take_a_remapping_without_the_suffix(
    graph: Any, watching: Callable[..., ImageInput]
) -> None:
    graph.publisher(CompressedImage, 'camera/image/compressed', qos_profile_sensor_data)
    advice = 'comes on {}/camera/image/compressed: remap image_raw to {}/camera/image'
    advises(graph, watching(image_transport='compressed'), advice)
    again = watching('image_raw:=camera/image/compressed', image_transport='compressed')
    advises(graph, again, advice)


@pytest.fixture
def elsewhere(domain: int) -> Iterator[Any]:
    """Return another participant: one cannot have two types on a topic."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    yield context
    context.try_shutdown()


def test_compressed_images_by_their_whole_name_are_told_apart_from_raw_ones(
    graph: Any, watching: Callable[..., ImageInput], elsewhere: Any
) -> None:
    camera = Node('camera', context=elsewhere, namespace=graph.namespace)
    camera.create_publisher(CompressedImage, 'camera/image/compressed', qos_profile_sensor_data)
    advice = (
        f'it carries {COMPRESSED} and not {RAW}: remap image_raw to {{}}/camera/image and set '
        'image_transport:=compressed'
    )
    advises(graph, watching('image_raw:=camera/image/compressed'), advice)
    camera.destroy_node()


def test_compressed_images_of_any_name_can_be_had(
    graph: Any, watching: Callable[..., ImageInput]
) -> None:
    camera = graph.publisher(CompressedImage, 'camera/jpeg', qos_profile_sensor_data)
    advice = (
        'comes on {}/camera/jpeg: remap {}/image_raw/compressed to it and set '
        'image_transport:=compressed'
    )
    advises(graph, watching(), advice)
    rule = f'{graph.namespace}/image_raw/compressed:={graph.namespace}/camera/jpeg'
    followed = watching(rule, image_transport='compressed')
    assert followed.topic == camera.topic_name


def test_the_face_node_says_so_in_its_diagnostics(graph: Any) -> None:
    graph.publisher(CompressedImage, 'camera/image/compressed', qos_profile_sensor_data)
    graph.start(FaceEmotion, input_timeout=0.5)
    graph.diagnosis(
        lambda status, _: 'set image_transport:=compressed' in status.message, 'the advice'
    )
