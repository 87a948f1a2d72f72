from __future__ import annotations

import array
import os
import subprocess
import sys
import time
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from mer_ros.msg import EmotionArray
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from ros_messages import NS, image
from sensor_msgs.msg import CompressedImage, Image

from mer_ros.cli import demo_clip
from mer_ros.ros import transport
from mer_ros.ros.conversions import from_time
from mer_ros.ros.face_node import FaceEmotion
from mer_ros.ros.images import from_bgr
from mer_ros.ros.node import State

CAMERA = """
import array, sys, time
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

rclpy.init(args=sys.argv)
node = rclpy.create_node('camera')
publisher = node.create_publisher(Image, 'image_raw', qos_profile_sensor_data)
picture = Image(height=1080, width=1920, step=5760, encoding='bgr8')
picture.data = array.array('B', bytes(1080 * 5760))
for _ in range(1200):
    picture.header.stamp = node.get_clock().now().to_msg()
    publisher.publish(picture)
    time.sleep(1 / 30)
"""

RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


def stamps(arrays: list[Any]) -> list[int]:
    return [from_time(each.header.stamp) for each in arrays]


def feed(graph: Any, publisher: Any, results: list[Any], message: Any) -> None:
    """Publish a good image and wait for its result."""
    wanted = from_time(message.header.stamp)
    publisher.publish(message)
    graph.wait(lambda: wanted in stamps(results), f'the result of stamp {wanted}')


def test_an_image_gives_an_array_with_its_stamp_and_frame(graph: Any) -> None:
    graph.start(FaceEmotion)
    results = graph.collect(EmotionArray, 'emotion/face')
    publisher = graph.publisher(Image, 'image_raw', RELIABLE)
    graph.matched(publisher)
    now = time.time_ns()
    feed(graph, publisher, results, image(now))
    array_ = results[-1]
    assert array_.header.frame_id == 'camera'
    assert array_.modalities == 1
    assert array_.models[0].startswith('face:haar+lite@')
    assert (array_.image_width, array_.image_height) == (64, 48)
    assert list(array_.emotions) == []
    assert 0 < array_.latency < 20
    assert array_.window.sec == array_.window.nanosec == 0


def test_stamps_before_1970_and_stamps_that_stand_still_are_told(graph: Any) -> None:
    graph.start(FaceEmotion)
    results = graph.collect(EmotionArray, 'emotion/face')
    publisher = graph.publisher(Image, 'image_raw', RELIABLE)
    graph.matched(publisher)
    wrong = image(NS)
    wrong.header.stamp.sec = -5
    publisher.publish(wrong)
    graph.wait(lambda: len(results) == 1, 'the result at the time of arrival')
    assert abs(stamps(results)[0] - time.time_ns()) < 20 * NS
    still = time.time_ns()
    for _ in range(3):
        publisher.publish(image(still))
        time.sleep(0.1)
    graph.diagnosis(lambda _, values: values.get('fault.zero_stamp') == '1', 'the stamp of 1969')
    graph.diagnosis(lambda _, values: values.get('fault.stamp_repeated') == '2', 'the same stamps')


def test_depth_images_are_told_and_grey_ones_of_their_encoding_are_not(graph: Any) -> None:
    for topic in ('camera/image', 'camera/depth/image_rect_raw'):
        remapped = partial(FaceEmotion, cli_args=['--ros-args', '-r', f'image_raw:={topic}'])
        node = graph.start(remapped)
        publisher = graph.publisher(Image, topic, RELIABLE)
        graph.matched(publisher)
        publisher.publish(image(time.time_ns(), width=96, encoding='16UC1'))
        values = graph.diagnosis(lambda _, values: values.get('received') == '1', 'the image')
        told = values.get('fault.depth_image', '0')
        assert told == ('1' if 'depth' in topic else '0')
        graph.stop_node(node)


def test_a_photo_gives_faces_that_hold_what_the_message_promises(
    graph: Any, shared_data: Any
) -> None:
    graph.start(FaceEmotion)
    results = graph.collect(EmotionArray, 'emotion/face')
    publisher = graph.publisher(Image, 'image_raw', RELIABLE)
    graph.matched(publisher)
    found = 0
    for index, path in enumerate(sorted((shared_data / 'photos').glob('*.jpg'))[:4]):
        picture = cv2.imread(str(path))
        message = from_bgr(cv2.resize(picture, (640, 480)))
        message.header.stamp.sec = 100 + index
        feed(graph, publisher, results, message)
        for face in results[-1].emotions:
            found += 1
            assert face.subject_id.startswith('face_')
            assert sum(face.probabilities) == pytest.approx(1, abs=1e-5)
            assert face.label == face.probabilities.argmax()
            assert face.confidence == face.probabilities[face.label]
            assert 0 <= face.reliability <= 1
            assert face.roi.x_offset + face.roi.width <= 640
            assert face.roi.y_offset + face.roi.height <= 480
            assert len(face.evidence) == 0
    assert found >= 2


def test_68_landmarks_are_published_where_a_landmarker_is_chosen(graph: Any) -> None:
    graph.start(FaceEmotion, landmarker='mesh')
    results = graph.collect(EmotionArray, 'emotion/face')
    publisher = graph.publisher(Image, 'image_raw', RELIABLE)
    graph.matched(publisher)
    message = from_bgr(next(iter(demo_clip.still_frames(1))))
    message.header.stamp.sec = 100
    feed(graph, publisher, results, message)
    (face,) = results[-1].emotions
    assert len(face.landmarks) == 68


def damaged(**changes: Any) -> Image:
    made = image(0)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


BAD = {
    'truncated_image': damaged(data=array.array('B', bytes(100))),
    'empty_image': damaged(data=array.array('B')),
    'wrong_step': damaged(step=100),
    'unknown_encoding': damaged(encoding='theora'),
    'zero_size': damaged(width=0, height=0, step=0, data=array.array('B')),
    'absurd_size': damaged(width=2**31, height=2**31, step=2**32 - 1),
}


def test_bad_images_are_counted_and_logged_once_and_good_ones_go_on(graph: Any) -> None:
    graph.start(FaceEmotion)
    results = graph.collect(EmotionArray, 'emotion/face')
    publisher = graph.publisher(Image, 'image_raw', RELIABLE)
    graph.matched(publisher)
    good = 0
    for turn in range(3):
        for bad in BAD.values():
            bad.header.stamp.sec = 1000 + good
            publisher.publish(bad)
            good += 2
            time.sleep(0.03)  # the node takes the newest; let it see the bad one
            feed(graph, publisher, results, image((999 + good) * NS))
        assert len(results) == 6 * (turn + 1)
    values = graph.diagnosis(
        lambda status, values: values.get('faults') == '18' and status.level == b'\x01',
        'six kinds of faults',
    )
    assert {name: values[f'fault.{name}'] for name in BAD} == dict.fromkeys(BAD, '3')
    assert 'image data has' in values['message']
    graph.wait(lambda: len(graph.logged('logged once')) >= 6, 'log lines')
    assert len(graph.logged('logged once')) == 6
    assert values['received'] == '36'


def test_stamps_that_jump_back_start_anew_and_zero_stamps_get_arrival_times(graph: Any) -> None:
    graph.start(FaceEmotion)
    results = graph.collect(EmotionArray, 'emotion/face')
    publisher = graph.publisher(Image, 'image_raw', RELIABLE)
    graph.matched(publisher)
    for second in (50, 51, 10, 11):
        feed(graph, publisher, results, image(second * NS))
    before = time.time_ns()
    publisher.publish(image(0))
    graph.wait(lambda: len(results) == 5, 'the result of the image without stamp')
    assert before <= stamps(results)[-1] <= time.time_ns()
    graph.diagnosis(
        lambda status, values: (
            values.get('fault.stamp_back') == '1' and values.get('fault.zero_stamp') == '1'
        ),
        'a jump and a missing stamp',
    )


def test_compressed_images_are_taken_where_the_parameter_says_so(graph: Any) -> None:
    graph.start(FaceEmotion, image_transport='compressed')
    results = graph.collect(EmotionArray, 'emotion/face')
    publisher = graph.publisher(CompressedImage, 'image_raw/compressed', RELIABLE)
    graph.matched(publisher)
    octets = cv2.imencode('.jpg', np.full((480, 640, 3), 90, np.uint8))[1].tobytes()
    for second, data in enumerate((octets, octets[: len(octets) // 2], octets)):
        message = CompressedImage(format='jpeg', data=array.array('B', data))
        message.header.stamp.sec = 10 + second
        publisher.publish(message)
        time.sleep(0.3)
    graph.wait(lambda: len(results) == 2, 'two results')
    assert (results[0].image_width, results[0].image_height) == (640, 480)
    graph.diagnosis(
        lambda status, values: values.get('fault.truncated_image') == '1', 'a truncated image'
    )


def test_without_images_diagnostics_say_why(graph: Any) -> None:
    graph.start(FaceEmotion, input_timeout=1.5)
    values = graph.diagnosis(lambda status, _: status.level == b'\x01', 'silence')
    assert f'no image on {graph.namespace}/image_raw for ' in values['message']
    assert 'publishers: 0' in values['message']
    drawn = graph.publisher(Image, 'emotion/debug_image', qos_profile_sensor_data)
    elsewhere = graph.publisher(Image, 'camera/image', qos_profile_sensor_data)
    values = graph.diagnosis(
        lambda status, _: f'{graph.namespace}/camera/image: remap' in status.message,
        'images on another topic',
    )
    assert 'debug_image' not in values['message']
    graph.probe.destroy_publisher(drawn)
    graph.probe.destroy_publisher(elsewhere)
    slow = graph.publisher(Image, 'image_raw', qos_profile_sensor_data)
    graph.diagnosis(lambda status, _: 'publishers: 1' in status.message, 'a silent publisher')
    graph.matched(slow)
    slow.publish(image(time.time_ns()))
    graph.diagnosis(lambda status, _: status.level == b'\x00', 'an image that came')
    graph.diagnosis(lambda status, _: status.level == b'\x01', 'silence after it')


def test_a_publisher_of_another_type_or_reliability_is_told(graph: Any) -> None:
    graph.start(FaceEmotion, input_timeout=0.5, image_reliability='reliable')
    graph.publisher(Image, 'image_raw', qos_profile_sensor_data)
    values = graph.diagnosis(
        lambda status, _: 'best effort only' in status.message, 'a best-effort publisher'
    )
    assert 'set image_reliability to best_effort' in values['message']


def test_max_rate_limits_by_stamps_and_can_be_changed_while_active(graph: Any) -> None:
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    node = graph.start(FaceEmotion, max_rate=10.0)
    results = graph.collect(EmotionArray, 'emotion/face')
    publisher = graph.publisher(Image, 'image_raw', RELIABLE)
    graph.matched(publisher)
    for index in range(30):
        publisher.publish(image(100 * NS + index * NS // 30))
        time.sleep(0.02)
    graph.wait(lambda: len(results) == 10, 'ten results')
    request = SetParameters.Request(parameters=[Parameter('max_rate', value=0).to_parameter_msg()])
    answer = graph.call(SetParameters, 'face_emotion/set_parameters', request)
    assert answer.results[0].successful
    assert node.values.number('max_rate') == 0.0
    for index in range(10):
        feed(graph, publisher, results, image(200 * NS + index * NS // 30))
    assert len(results) == 20
    graph.diagnosis(lambda _, values: values.get('skipped_by_max_rate') == '20', 'skipped images')


def test_frames_at_30_hz_are_received(graph: Any) -> None:
    graph.start(FaceEmotion)
    publisher = graph.publisher(Image, 'image_raw', qos_profile_sensor_data)
    graph.matched(publisher)
    message = image(0, 640, 480)
    begin = time.monotonic()
    for index in range(90):
        message.header.stamp.sec = 100 + index
        publisher.publish(message)
        time.sleep(max(0.0, begin + (index + 1) / 30 - time.monotonic()))
    values = graph.diagnosis(lambda _, values: values.get('received_hz'), 'all frames')
    assert int(values['received']) >= 0.95 * 90, values
    assert int(values['processed']) + int(values['dropped']) <= int(values['received'])


def test_levels_are_those_of_the_message() -> None:
    from mer_ros.ros.diagnostics import Level

    assert [bytes([level]) for level in Level] == [
        DiagnosticStatus.OK,
        DiagnosticStatus.WARN,
        DiagnosticStatus.ERROR,
        DiagnosticStatus.STALE,
    ]


def test_images_that_the_transport_loses_are_told_with_the_mend(graph: Any) -> None:
    graph.start(FaceEmotion)
    environment = dict(os.environ)
    for name in (transport.VARIABLE, *transport.PROFILES):
        environment.pop(name, None)
    camera = subprocess.Popen(
        [sys.executable, '-c', CAMERA, '--ros-args', '-r', f'__ns:={graph.namespace}'],
        env=environment,
    )
    try:
        values = graph.diagnosis(
            lambda status, _: 'lost on the way' in status.message, 'lost images'
        )
    finally:
        camera.terminate()
        camera.wait(20)
    assert int(values['lost_by_transport']) > 0
    # Some come through or none does, as the machine has it: each is told with the mend.
    assert '='.join(transport.setting()) in values['message']


def test_threads_reach_the_backends_that_have_them(graph: Any) -> None:
    node = graph.start(FaceEmotion, threads=1)
    graph.wait(lambda: graph.logged('threads has no effect: the face_detector haar'), 'a warning')
    assert not graph.logged('the face_classifier lite has no such option')
    assert node.state is State.ACTIVE
    assert node._pipeline._classifier._threads == 1
    values = graph.diagnosis(lambda _, values: 'models' in values, 'the backends')
    assert values['models'].startswith('face:haar+lite@')
