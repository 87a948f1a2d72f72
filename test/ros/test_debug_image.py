from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from mer_ros.msg import EmotionArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_messages import NS, face_array, image
from sensor_msgs.msg import Image

from mer_ros.ros.conversions import from_time, to_message
from mer_ros.ros.fusion_node import EmotionFusion

RELIABLE = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)


def test_diagnostics_say_why_the_debug_image_is_blank(graph: Any) -> None:
    graph.publisher(Image, 'camera/image_raw', RELIABLE)
    graph.start(EmotionFusion, input_timeout=0.5)
    time.sleep(1.5)
    graph.diagnosis(
        lambda status, _: 'no face result' in status.message and 'image' not in status.message,
        'no word of it while nobody looks',
    )
    graph.collect(Image, 'emotion/debug_image')
    values = graph.diagnosis(lambda status, _: 'image_raw' in status.message, 'a blank image')
    space = graph.namespace
    assert f'debug image: no image on {space}/image_raw for ' in values['message']
    assert (
        f'publishers: 0; sensor_msgs/msg/Image comes on {space}/camera/image_raw: remap to it'
        in values['message']
    )


def test_few_large_images_are_kept(graph: Any) -> None:
    camera = graph.publisher(Image, 'image_raw', RELIABLE)
    node = graph.start(EmotionFusion, image_reliability='reliable', debug_rate=0.5)
    graph.collect(Image, 'emotion/debug_image')
    graph.matched(camera)
    for width, height, kept in ((64, 48, 30), (3840, 2160, 4)):
        for index in range(40 if kept == 30 else 6):
            stamp_ns = time.time_ns() + index
            camera.publish(image(stamp_ns, width, height))
        graph.wait(lambda last=stamp_ns: node._debug._images.newest_ns == last, 'the last image')
        assert len(node._debug._images) <= kept
    assert len(node._debug._images) == 4


@pytest.mark.parametrize('late_ms', [-5, 5])
def test_images_without_a_stamp_are_drawn_with_their_faces_and_no_faster_than_asked(
    graph: Any, late_ms: int
) -> None:
    camera = graph.publisher(Image, 'image_raw', RELIABLE)
    faces = graph.publisher(EmotionArray, 'emotion/face', RELIABLE)
    fused = graph.collect(EmotionArray, 'emotion/fused')
    seen: list[tuple[float, Any]] = []
    graph.probe.create_subscription(
        Image, 'emotion/debug_image', lambda each: seen.append((time.monotonic(), each)), RELIABLE
    )
    graph.start(EmotionFusion, debug_rate=5.0)
    graph.matched(camera)
    graph.matched(faces)

    def film(seconds: float) -> None:
        """Publish images, and the faces of each as of the time when the face node got it."""
        for _ in range(round(30 * seconds)):
            camera.publish(image(0, 320, 240))
            faces.publish(to_message(face_array(time.time_ns() + late_ms * NS // 1000)))
            time.sleep(1 / 30)

    film(1)  # the first are held for the voice that may begin, and shown bare meanwhile
    graph.wait(lambda: fused, 'a fused array')
    seen.clear()
    begin = time.monotonic()
    film(3)
    spent = time.monotonic() - begin
    pictures = [each for when, each in list(seen) if when <= begin + spent]
    assert 5 <= len(pictures) <= 5 * spent + 2
    drawn = [(np.frombuffer(each.data, np.uint8) != 90).mean() for each in pictures]
    assert min(drawn) > 0.01
    # The faces are drawn on their own image and not on the one before, whichever node was first.
    time.sleep(0.3)
    own = image(0, 320, 240)
    own.header.frame_id = 'own'
    camera.publish(own)
    stamp_ns = time.time_ns() + late_ms * NS // 1000
    time.sleep(0.05)
    faces.publish(to_message(face_array(stamp_ns)))
    graph.wait(lambda: seen[-1][1].header.frame_id == 'own', 'the faces on their own image')
    graph.diagnosis(lambda _, values: values.get('fault.zero_stamp'), 'images without a stamp')


def test_faces_are_drawn_on_no_newer_image_however_late_they_are(graph: Any) -> None:
    camera = graph.publisher(Image, 'image_raw', RELIABLE)
    faces = graph.publisher(EmotionArray, 'emotion/face', RELIABLE)
    node = graph.start(EmotionFusion, image_reliability='reliable', debug_rate=100.0)
    newer_ns: list[int] = []
    told_ns = 0

    def drawn(picture: Any) -> None:
        newer_ns.append(from_time(picture.header.stamp) - told_ns)

    graph.probe.create_subscription(Image, 'emotion/debug_image', drawn, RELIABLE)
    graph.matched(camera)
    graph.matched(faces)
    begin_ns = time.time_ns()
    for index in range(16):  # of so large images four are kept, and the faces come five late
        stamp_ns = begin_ns + index * NS // 10
        camera.publish(image(stamp_ns, 3840, 2160))
        graph.wait(lambda last=stamp_ns: node._debug._images.newest_ns == last, 'the image')
        if index == 7:
            newer_ns.clear()  # images before the first faces were shown as they came
        if index >= 5:
            told_ns = stamp_ns - NS // 2
            faces.publish(to_message(face_array(told_ns)))
        time.sleep(0.2)  # a face is held for the voice that may begin; a picture is drawn
    graph.wait(lambda: len(newer_ns) > 1, 'faces on images')
    assert max(newer_ns) <= 0


def test_faces_that_come_before_their_own_image_wait_for_it(graph: Any) -> None:
    camera = graph.publisher(Image, 'image_raw', RELIABLE)
    faces = graph.publisher(EmotionArray, 'emotion/face', RELIABLE)
    graph.start(EmotionFusion, image_reliability='reliable', debug_rate=100.0)
    pictures = graph.collect(Image, 'emotion/debug_image')
    fused = graph.collect(EmotionArray, 'emotion/fused')
    graph.matched(camera)
    graph.matched(faces)
    begin_ns = time.time_ns()
    for index in range(20):
        stamp_ns = begin_ns + index * NS // 5
        faces.publish(to_message(face_array(stamp_ns)))
        graph.wait(lambda last=index: len(fused) > last, 'the fused result')
        if index == 15:  # the image is lost
            continue
        camera.publish(image(stamp_ns, 320, 240))
        graph.wait(
            lambda last=stamp_ns: pictures and from_time(pictures[-1].header.stamp) == last,
            'the faces on their own image',
            timeout_s=5.0,
        )
