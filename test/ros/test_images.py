from __future__ import annotations

import array
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from mer_ros.ros import images
from mer_ros.ros.bit_depth import BitDepths
from mer_ros.ros.errors import ImageError

HEIGHT, WIDTH = 48, 64
GRADIENT = np.stack(
    np.broadcast_arrays(
        np.linspace(0, 255, WIDTH, dtype=np.uint8)[None, :],
        np.linspace(255, 0, HEIGHT, dtype=np.uint8)[:, None],
        np.uint8(80),
    ),
    axis=2,
)
"""Smooth, so that chroma subsampling and mosaics lose little of it."""


def message(pixels: Any, encoding: str, step: int | None = None, bigendian: int = 0) -> Image:
    """Return pixels as they are in memory, rows padded to ``step`` bytes."""
    rows = np.ascontiguousarray(pixels).reshape(HEIGHT, -1).view(np.uint8)
    step = step or rows.shape[1]
    padded = np.full((HEIGHT, step), 17, np.uint8)
    padded[:, : rows.shape[1]] = rows
    made = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=step, is_bigendian=bigendian)
    made.data = array.array('B', padded.tobytes())
    return made


def uyvy(bgr: Any) -> Any:
    """Return packed YUV 4:2:2 (BT.601, as OpenCV)."""
    yuv = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV)
    packed = np.empty((HEIGHT, WIDTH, 2), np.uint8)
    packed[:, 0::2, 0], packed[:, 1::2, 0] = yuv[:, 0::2, 1], yuv[:, 0::2, 2]
    # Studio range: Y = 16 .. 235.
    packed[..., 1] = np.round(16 + yuv[..., 0] * (219 / 255)).astype(np.uint8)
    return packed


def mosaic(bgr: Any, pattern: str) -> Any:
    """Return what a sensor behind that colour filter sees."""
    channel = {'b': 0, 'g': 1, 'r': 2}
    seen = np.empty((HEIGHT, WIDTH), np.uint8)
    for index, letter in enumerate(pattern):
        row, column = divmod(index, 2)
        seen[row::2, column::2] = bgr[row::2, column::2, channel[letter]]
    return seen


GREY = cv2.cvtColor(GRADIENT, cv2.COLOR_BGR2GRAY)
GREY_BGR = cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGR)
WIDE = GREY.astype(np.uint16) * 257
EXACT = {
    'bgr8': (GRADIENT, GRADIENT),
    '8UC3': (GRADIENT, GRADIENT),
    'rgb8': (GRADIENT[..., ::-1], GRADIENT),
    'bgra8': (cv2.cvtColor(GRADIENT, cv2.COLOR_BGR2BGRA), GRADIENT),
    'rgba8': (cv2.cvtColor(GRADIENT, cv2.COLOR_BGR2RGBA), GRADIENT),
    '8UC4': (cv2.cvtColor(GRADIENT, cv2.COLOR_BGR2BGRA), GRADIENT),
    'mono8': (GREY, GREY_BGR),
    '8UC1': (GREY, GREY_BGR),
    'mono16': (WIDE, GREY_BGR),
    '16UC1': (WIDE, GREY_BGR),
    'bgr16': (GRADIENT.astype(np.uint16) * 257, GRADIENT),
    'rgb16': (GRADIENT[..., ::-1].astype(np.uint16) * 257, GRADIENT),
    'bgra16': (cv2.cvtColor(GRADIENT, cv2.COLOR_BGR2BGRA).astype(np.uint16) * 257, GRADIENT),
    'rgba16': (cv2.cvtColor(GRADIENT, cv2.COLOR_BGR2RGBA).astype(np.uint16) * 257, GRADIENT),
}


@pytest.mark.parametrize('encoding', EXACT)
@pytest.mark.parametrize('padding', [0, 6])
def test_an_encoding_gives_its_pixels_whatever_the_padding(encoding: str, padding: int) -> None:
    pixels, expected = EXACT[encoding]
    rows = np.ascontiguousarray(pixels).reshape(HEIGHT, -1).view(np.uint8).shape[1]
    assert np.array_equal(images.to_bgr(message(pixels, encoding, rows + padding)), expected)


@pytest.mark.parametrize('encoding', ['mono16', '16UC1', 'bgr16'])
def test_big_endian_values_are_swapped(encoding: str) -> None:
    pixels, expected = EXACT[encoding]
    swapped = pixels.astype('>u2')
    assert np.array_equal(images.to_bgr(message(swapped, encoding, bigendian=1)), expected)


def test_big_endian_says_nothing_about_bytes() -> None:
    assert np.array_equal(images.to_bgr(message(GRADIENT, 'bgr8', bigendian=1)), GRADIENT)


@pytest.mark.parametrize('encoding', ['yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'])
def test_packed_yuv_comes_close_to_the_colours(encoding: str) -> None:
    packed = uyvy(GRADIENT)
    if encoding in ('yuv422_yuy2', 'yuyv'):
        packed = packed[..., ::-1]
    difference = images.to_bgr(message(packed, encoding)).astype(int) - GRADIENT
    assert np.abs(difference).mean() < 12


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_a_bayer_mosaic_comes_close_to_the_colours(pattern: str) -> None:
    seen = mosaic(GRADIENT, pattern)
    inner = np.s_[2:-2, 2:-2]
    for bits in (8, 16):
        raw = seen if bits == 8 else seen.astype(np.uint16) * 257
        bgr = images.to_bgr(message(raw, f'bayer_{pattern}{bits}'))
        assert np.abs(bgr[inner].astype(int) - GRADIENT[inner]).max() <= 3


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_compressed_images_are_decoded(suffix: str) -> None:
    octets = cv2.imencode(suffix, GRADIENT)[1].tobytes()
    made = CompressedImage(format=suffix, data=array.array('B', octets))
    difference = images.to_bgr(made).astype(int) - GRADIENT
    assert np.abs(difference).mean() < (6 if suffix == '.jpg' else 1e-9)


PACKED = {
    **{name: uyvy(GRADIENT) for name in ('yuv422', 'uyvy')},
    **{name: np.ascontiguousarray(uyvy(GRADIENT)[..., ::-1]) for name in ('yuv422_yuy2', 'yuyv')},
    **{f'bayer_{pattern}8': mosaic(GRADIENT, pattern) for pattern in ('rggb', 'bggr', 'gbrg')},
    'bayer_grbg16': mosaic(GRADIENT, 'grbg').astype(np.uint16) * 251,
}


def test_cv_bridge_gives_the_same_pixels() -> None:
    pytest.importorskip('cv_bridge', reason='only a distribution brings cv_bridge')
    assert images.BRIDGE is not None
    sent = {**{name: pixels for name, (pixels, _) in EXACT.items()}, **PACKED}
    for encoding, pixels in sent.items():
        for bigendian in (0, 1):
            made = message(pixels, encoding, bigendian=bigendian)
            ours = images.convert(made, images.ENCODINGS[encoding], BitDepths())
            assert np.array_equal(images.to_bgr(made), ours), encoding


def test_a_cv_bridge_that_does_not_work_is_gone_without(tmp_path: Path) -> None:
    """As where NumPy 2 was installed beside a distribution's cv_bridge."""
    package = tmp_path / 'cv_bridge'
    package.mkdir()
    (package / '__init__.py').write_text(
        'class CvBridge:\n'
        '    def imgmsg_to_cv2(self, message, encoding):\n'
        "        raise AttributeError('_ARRAY_API not found')\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')])
    script = 'from mer_ros.ros import images; print(images.BRIDGE, images.BRIDGE_PROBLEM)'
    said = subprocess.run(
        [sys.executable, '-c', script],
        env={**os.environ, 'PYTHONPATH': path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith('None cv_bridge is installed and does not work (_ARRAY_API')


def broken(**changes: Any) -> Image:
    made = message(GRADIENT, 'bgr8')
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ('made', 'kind'),
    [
        (broken(data=array.array('B', bytes(100))), 'truncated_image'),
        (broken(data=array.array('B')), 'empty_image'),
        (broken(step=3 * WIDTH - 1), 'wrong_step'),
        (broken(step=0), 'wrong_step'),
        (broken(step=3 * WIDTH + 5), 'truncated_image'),
        (broken(step=2**32 - 1), 'truncated_image'),
        (broken(encoding='nonsense'), 'unknown_encoding'),
        (broken(encoding=''), 'unknown_encoding'),
        (broken(encoding='32FC1'), 'unknown_encoding'),
        (broken(width=0), 'zero_size'),
        (broken(height=0), 'zero_size'),
        (broken(width=2**32 - 1, step=2**32 - 1), 'absurd_size'),
        (broken(width=20000, height=20000), 'absurd_size'),
        (broken(encoding='yuv422', width=63), 'wrong_size'),
        (broken(encoding='mono16', step=2 * WIDTH + 1), 'wrong_step'),
    ],
)
def test_a_damaged_image_is_refused_with_its_kind(made: Image, kind: str) -> None:
    with pytest.raises(ImageError) as caught:
        images.to_bgr(made)
    assert caught.value.kind == kind
    assert '\n' not in str(caught.value)


def compressed(octets: bytes) -> CompressedImage:
    return CompressedImage(format='jpeg', data=array.array('B', octets))


JPEG = cv2.imencode('.jpg', GRADIENT)[1].tobytes()
PNG = cv2.imencode('.png', GRADIENT)[1].tobytes()
HUGE_PNG = PNG[:16] + (60000).to_bytes(4, 'big') * 2 + PNG[24:]


@pytest.mark.parametrize(
    ('octets', 'kind'),
    [
        (b'', 'empty_image'),
        (b'not a picture at all', 'unknown_encoding'),
        (JPEG[: len(JPEG) // 2], 'truncated_image'),
        (JPEG[:2], 'truncated_image'),
        (PNG[: len(PNG) // 2], 'truncated_image'),
        (PNG[:12] + b'IEND', 'truncated_image'),
        (PNG[:60] + bytes(40) + PNG[-12:], 'damaged_image'),
        (HUGE_PNG, 'absurd_size'),
    ],
)
def test_a_damaged_compressed_image_is_refused_with_its_kind(octets: bytes, kind: str) -> None:
    with pytest.raises(ImageError) as caught:
        images.to_bgr(compressed(octets))
    assert caught.value.kind == kind


@pytest.mark.parametrize('zeros', [1, 1023, 4096])
def test_a_jpeg_in_a_buffer_filled_up_with_zeros_is_whole(zeros: int) -> None:
    assert np.array_equal(
        images.to_bgr(compressed(JPEG + bytes(zeros))), images.to_bgr(compressed(JPEG))
    )


def test_data_beyond_the_last_row_is_left_alone() -> None:
    made = message(GRADIENT, 'bgr8')
    made.data.extend(bytes(64))
    assert np.array_equal(images.to_bgr(made), GRADIENT)


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8', 'mono8'])
def test_pixels_come_back_from_a_message(encoding: str) -> None:
    header = Header(frame_id='camera')
    made = images.from_bgr(GRADIENT, encoding, header)
    assert (made.width, made.height, made.header.frame_id) == (WIDTH, HEIGHT, 'camera')
    assert isinstance(made.data, array.array)
    expected = GREY_BGR if encoding == 'mono8' else GRADIENT
    assert np.array_equal(images.to_bgr(made), expected)


def test_a_view_into_a_larger_picture_can_be_sent() -> None:
    large = np.zeros((100, 200, 3), np.uint8)
    large[10 : 10 + HEIGHT, 20 : 20 + WIDTH] = GRADIENT
    made = images.from_bgr(large[10 : 10 + HEIGHT, 20 : 20 + WIDTH])
    assert np.array_equal(images.to_bgr(made), GRADIENT)


@pytest.mark.parametrize('pixels', [np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_not_sent(pixels: Any) -> None:
    with pytest.raises(ImageError):
        images.from_bgr(pixels)
