from __future__ import annotations

import array
import logging
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from mer_ros.ros import images
from mer_ros.ros.bit_depth import BLOCK, CAMERAS, BitDepth, BitDepths
from mer_ros.ros.fusion_node import EmotionFusion

GREY = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (48, 1))


def values(bits: int, grey: Any = GREY) -> Any:
    """Return what a sensor of so many bits makes of a picture."""
    return np.round(grey * ((2**bits - 1) / 255)).astype(np.uint16)


def sent(pixels: Any, encoding: str, frame_id: str = '', bigendian: int = 0) -> Any:
    made = images.from_bgr(np.zeros((*pixels.shape[:2], 3), np.uint8))
    made.encoding, made.is_bigendian = encoding, bigendian
    made.step, made.header.frame_id = pixels[0].nbytes, frame_id
    made.data = array.array('B', pixels.tobytes())
    return made


@pytest.mark.parametrize('bits', [10, 12, 14, 16])
@pytest.mark.parametrize('encoding', ['mono16', '16UC1', 'bgr16', 'rgb16', 'bayer_rggb16'])
def test_the_bits_that_a_camera_uses_reach_from_black_to_white(encoding: str, bits: int) -> None:
    wide = values(bits)
    pixels = np.dstack([wide] * 3) if encoding.endswith(('bgr16', 'rgb16')) else wide
    bgr = images.to_bgr(sent(pixels, encoding), BitDepths())
    assert np.abs(bgr[1:-1, 1:-1].astype(int) - GREY[1:-1, 1:-1, None]).max() <= 3


def test_bytes_are_swapped_before_they_are_looked_at() -> None:
    swapped = sent(values(12).astype('>u2'), 'mono16', bigendian=1)
    assert np.array_equal(images.to_bgr(swapped, BitDepths())[..., 0], GREY)


def test_how_opaque_a_pixel_is_says_nothing_of_its_bits() -> None:
    pixels = np.dstack([values(12)] * 3 + [np.full(GREY.shape, 65535, np.uint16)])
    assert np.array_equal(images.to_bgr(sent(pixels, 'bgra16'), BitDepths())[..., 0], GREY)


@pytest.mark.parametrize('colours', [1, 3])
def test_a_png_of_16_bits_keeps_what_its_camera_saw(colours: int) -> None:
    wide = values(12) if colours == 1 else np.dstack([values(12)] * 3)
    made = CompressedImage(format='png')
    made.data.frombytes(cv2.imencode('.png', wide)[1].tobytes())
    bgr = images.to_bgr(made, BitDepths())
    assert bgr.shape == (*GREY.shape, 3)
    assert np.array_equal(bgr[..., 0], GREY)


def test_a_darker_picture_stays_darker() -> None:
    depths = BitDepths()
    first = images.to_bgr(sent(values(12), 'mono16'), depths)
    dark = images.to_bgr(sent(values(12, GREY // 8), 'mono16'), depths)
    assert first.max() == 255
    assert dark.max() == GREY.max() // 8


def test_more_bits_are_taken_at_once_and_fewer_only_after_long() -> None:
    depth = BitDepth()
    assert [depth.see(largest) for largest in (0, 1023, 1024, 4095)] == [10, 10, 12, 12]
    assert depth.see(65535) == 16  # a flash
    after = [depth.see(3000) for _ in range(2 * BLOCK)]
    assert set(after[:BLOCK]) == {16}
    assert after[-1] == 12


def test_a_bright_image_now_and_then_keeps_the_bits() -> None:
    depth = BitDepth()
    depth.see(4095)
    seen = {depth.see(4095 if index % BLOCK == 0 else 100) for index in range(1, 5 * BLOCK)}
    assert seen == {12}


def test_a_camera_does_not_learn_from_another() -> None:
    depths = BitDepths()
    for _ in range(2):
        narrow = images.to_bgr(sent(values(12), 'mono16', 'left'), depths)
        wide = images.to_bgr(sent(values(16), 'mono16', 'right'), depths)
        assert narrow.max() == wide.max() == 255


def test_cameras_that_come_and_go_are_forgotten() -> None:
    depths = BitDepths()
    for index in range(3 * CAMERAS):
        images.to_bgr(sent(values(12), 'mono16', f'camera {index}'), depths)
    assert len(depths._cameras) == CAMERAS


def test_what_is_taken_as_white_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    depths = BitDepths()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            images.to_bgr(sent(values(12), 'mono16', 'eye'), depths)
            images.to_bgr(sent(values(16), 'mono16', 'other'), depths)
    said = [each.getMessage() for each in caplog.records]
    assert said == ['mono16 images of eye use 12 of 16 bits: 4095 is taken as white']


def test_nodes_of_one_process_do_not_learn_from_each_others_cameras(graph: Any) -> None:
    """Two robots' cameras may have one name and size."""
    middles: list[int] = []
    for robot, bits in (('wide', 16), ('narrow', 12)):
        rules = (f'image_raw:={robot}/image', f'emotion/debug_image:={robot}/drawn')
        arguments = [each for rule in rules for each in ('-r', rule)]
        node = graph.start(partial(EmotionFusion, cli_args=['--ros-args', *arguments]))
        camera = graph.publisher(Image, f'{robot}/image')
        graph.probe.create_subscription(
            Image, f'{robot}/drawn', lambda each: middles.append(each.data[len(each.data) // 2]), 10
        )
        graph.matched(camera)
        middles.clear()
        white = np.full((480, 640), 2**bits - 1, np.uint16)
        camera.publish(sent(white, 'mono16', 'camera'))
        graph.wait(lambda: middles, 'the image')
        assert middles == [255], robot
        graph.stop_node(node)
