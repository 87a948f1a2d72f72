"""Image messages to pixels and back.

cv_bridge converts where it is installed, else OpenCV with the same formulas: both give the same
pixels. Images of 16 bits never go through it: it takes all of them as used, and cameras use 10, 12
or 14, learned from the images (bit_depth.py). What a message claims is checked first, since either
would read past a short buffer or give up without a word of use.
"""

from __future__ import annotations

import array
import struct
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from mer_ros.ros.bit_depth import BitDepths
from mer_ros.ros.errors import ImageError

Pixels = NDArray[np.uint8]

MAX_SIDE = 16384
MAX_PIXELS = 64_000_000
"""Twice an 8K frame; more is a damaged header."""


@dataclass(frozen=True)
class Encoding:
    """How the pixels of an encoding lie.

    Attributes:
        channels: values a pixel in memory (2 for the packed YUV formats).
        bits: of each value, 8 or 16.
        code: OpenCV's conversion to bgr, None when it is bgr already.
        bridge: cv_bridge's name of the same thing, where it knows no colour for this one.
    """

    channels: int
    bits: int = 8
    code: int | None = None
    bridge: str = ''


# cv_bridge names Bayer patterns by the first row, OpenCV by the second row's second and third.
ENCODINGS: dict[str, Encoding] = {
    'bgr8': Encoding(3),
    'rgb8': Encoding(3, code=cv2.COLOR_RGB2BGR),
    'bgra8': Encoding(4, code=cv2.COLOR_BGRA2BGR),
    'rgba8': Encoding(4, code=cv2.COLOR_RGBA2BGR),
    'mono8': Encoding(1, code=cv2.COLOR_GRAY2BGR),
    'bgr16': Encoding(3, 16),
    'rgb16': Encoding(3, 16, cv2.COLOR_RGB2BGR),
    'bgra16': Encoding(4, 16, cv2.COLOR_BGRA2BGR),
    'rgba16': Encoding(4, 16, cv2.COLOR_RGBA2BGR),
    'mono16': Encoding(1, 16, cv2.COLOR_GRAY2BGR),
    '8UC1': Encoding(1, code=cv2.COLOR_GRAY2BGR, bridge='mono8'),
    '8UC3': Encoding(3, bridge='bgr8'),
    '8UC4': Encoding(4, code=cv2.COLOR_BGRA2BGR, bridge='bgra8'),
    '16UC1': Encoding(1, 16, cv2.COLOR_GRAY2BGR, bridge='mono16'),
    'yuv422': Encoding(2, code=cv2.COLOR_YUV2BGR_UYVY),
    'uyvy': Encoding(2, code=cv2.COLOR_YUV2BGR_UYVY, bridge='yuv422'),
    'yuv422_yuy2': Encoding(2, code=cv2.COLOR_YUV2BGR_YUY2),
    'yuyv': Encoding(2, code=cv2.COLOR_YUV2BGR_YUY2, bridge='yuv422_yuy2'),
    **{
        f'bayer_{pattern}{bits}': Encoding(1, bits, code)
        for bits in (8, 16)
        for pattern, code in (
            ('rggb', cv2.COLOR_BayerBG2BGR),
            ('bggr', cv2.COLOR_BayerRG2BGR),
            ('gbrg', cv2.COLOR_BayerGR2BGR),
            ('grbg', cv2.COLOR_BayerGB2BGR),
        )
    },
}
"""Every encoding that is taken."""


def _find_bridge() -> tuple[Any | None, str]:
    """Return cv_bridge where it works, and why not where it is installed and does not."""
    try:
        from cv_bridge import CvBridge
    except ImportError:
        return None, ''
    probe = Image(height=1, width=2, encoding='rgb8', step=6)
    probe.data = array.array('B', range(6))
    try:
        # Its compiled part is imported by the first conversion, and fails with another NumPy.
        bridge = CvBridge()
        pixels = np.asarray(bridge.imgmsg_to_cv2(probe, 'bgr8'))
    except Exception as error:  # noqa: BLE001 - whatever it raises, and the node says so
        return None, f'cv_bridge is installed and does not work ({error}); images go without it'
    if pixels.tolist() != [[[2, 1, 0], [5, 4, 3]]]:
        return None, 'cv_bridge is installed and converts wrongly; images go without it'
    return bridge, ''


BRIDGE, BRIDGE_PROBLEM = _find_bridge()


def to_bgr(message: Image | CompressedImage, depths: BitDepths | None = None) -> Pixels:
    """Return (height, width, 3) uint8 pixels, blue first.

    A bgr8 image is a view of the message's data, not a copy.

    Args:
        message: the image.
        depths: what is known of the bits that images of 16 bits use; learns from this one. None:
            nothing is known, nor remembered.

    Raises:
        ImageError: the message is no such image, and why.
    """
    depths = depths or BitDepths()
    if isinstance(message, CompressedImage):
        return decode(np.frombuffer(message.data, np.uint8), message.header.frame_id, depths)
    return _convert(message, *_checked(message), depths)


def _checked(message: Image) -> tuple[str, Encoding]:
    """Compare what the message says of itself with what it carries."""
    width, height, step = int(message.width), int(message.height), int(message.step)
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise ImageError(
            f'image encoding {message.encoding!r} is not known: publish bgr8, rgb8, mono8, '
            'yuv422, a bayer_* encoding or a compressed image',
            'unknown_encoding',
        )
    check_size(width, height)
    row = width * encoding.channels * encoding.bits // 8
    if step < row or step * 8 % encoding.bits:
        raise ImageError(
            f'image step {step} does not fit {width} pixels of {message.encoding} ({row} bytes)',
            'wrong_step',
        )
    if encoding.channels == 2 and width % 2:
        raise ImageError(f'{message.encoding} image of odd width {width}', 'wrong_size')
    size = len(message.data)
    if size < step * height:
        kind = 'truncated_image' if size else 'empty_image'
        raise ImageError(
            f'image data has {size} of {step * height} bytes (step {step} x height {height})', kind
        )
    return message.encoding, encoding


def check_size(width: int, height: int) -> None:
    """Refuse an image without pixels, or one too large to be true.

    Raises:
        ImageError: with the size.
    """
    if width == 0 or height == 0:
        raise ImageError(f'image of {width} x {height} pixels', 'zero_size')
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(
            f'image of {width} x {height} pixels: more than {MAX_PIXELS // 1_000_000} megapixels '
            f'or {MAX_SIDE} a side is not taken',
            'absurd_size',
        )


def _convert(message: Image, name: str, encoding: Encoding, depths: BitDepths) -> Pixels:
    # cv_bridge's Python part shears rows whose padding is no whole number of pixels, and fails
    # to swap bytes with NumPy 2.
    fit_for_bridge = message.step % encoding.channels == 0 and not message.is_bigendian
    if BRIDGE is not None and encoding.bits == 8 and fit_for_bridge:
        message.encoding = encoding.bridge or name
        try:
            return np.asarray(BRIDGE.imgmsg_to_cv2(message, 'bgr8'), np.uint8)
        finally:
            message.encoding = name
    return convert(message, encoding, depths)


def convert(message: Image, encoding: Encoding, depths: BitDepths) -> Pixels:
    """Return the pixels of a checked message without cv_bridge."""
    width, height, step = int(message.width), int(message.height), int(message.step)
    order = '>' if message.is_bigendian else '<'
    dtype = np.dtype(f'{order}u{encoding.bits // 8}')
    flat = np.frombuffer(message.data, dtype, count=step * height // dtype.itemsize)
    rows = flat.reshape(height, step // dtype.itemsize)[:, : width * encoding.channels]
    if encoding.bits == 16:
        wide = rows.astype(np.uint16, copy=False)
        rows = depths.to_8_bits(wide, encoding.channels, message.header.frame_id, message.encoding)
    shape = (height, width) if encoding.channels == 1 else (height, width, encoding.channels)
    pixels: NDArray[Any] = rows.reshape(shape)
    if encoding.code is not None:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), encoding.code)
    return np.asarray(pixels, np.uint8)


def decode(data: Pixels, camera: str, depths: BitDepths) -> Pixels:
    """Return (height, width, 3) uint8 bgr of a JPEG or PNG file's bytes; PNG of 16 bits as well.

    Raises:
        ImageError: it is neither, damaged, or too large.
    """
    if data.size == 0:
        raise ImageError('compressed image without data', 'empty_image')
    octets = data.tobytes()
    if octets.startswith(b'\xff\xd8'):
        # Some cameras fill their buffers up with zeros behind the end.
        whole, size = b'\xff\xd9' in octets.rstrip(b'\0')[-1024:], _jpeg_size(octets)
    elif octets.startswith(b'\x89PNG\r\n\x1a\n'):
        whole, size = b'IEND' in octets[-1024:], _png_size(octets)
    else:
        raise ImageError('compressed image that is neither JPEG nor PNG', 'unknown_encoding')
    if not whole or size is None:
        raise ImageError(
            f'compressed image breaks off after {data.size} bytes: check the camera, its cable and '
            'its buffer size',
            'truncated_image',
        )
    check_size(*size)
    try:
        # Any depth, or PNG of 16 bits would lose the lower eight.
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise ImageError(f'compressed image is damaged: {error.err}', 'damaged_image') from error
    if pixels is None:
        raise ImageError('compressed image is damaged', 'damaged_image')
    if pixels.dtype == np.uint16:
        wide = np.asarray(pixels, np.uint16).reshape(len(pixels), -1)
        pixels = depths.to_8_bits(wide, 3, camera, 'compressed').reshape(pixels.shape)
    return np.asarray(pixels, np.uint8)


def _png_size(octets: bytes) -> tuple[int, int] | None:
    if len(octets) < 24:
        return None
    width, height = struct.unpack('>II', octets[16:24])
    return width, height


def _jpeg_size(octets: bytes) -> tuple[int, int] | None:
    """Return (width, height) of the frame header (ITU-T T.81, B.2.2); None without one."""
    position = 2
    while position + 9 <= len(octets):
        if octets[position] != 0xFF:
            return None
        marker = octets[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack('>HH', octets[position + 5 : position + 9])
            return width, height
        position += 2 + int.from_bytes(octets[position + 2 : position + 4], 'big')
    return None


def from_bgr(image: Pixels, encoding: str = 'bgr8', header: Any = None) -> Image:
    """Return an Image message of pixels.

    Args:
        image: (height, width, 3) uint8, blue first; (height, width) uint8 for mono8.
        encoding: ``bgr8``, ``rgb8`` or ``mono8``: what the message will carry.
        header: of the message, when given.

    Raises:
        ImageError: the pixels are no such image.
    """
    pixels: NDArray[Any] = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.size == 0 or pixels.ndim not in (2, 3):
        raise ImageError(f'{pixels.shape} {pixels.dtype} is no image of uint8', 'wrong_size')
    if encoding == 'rgb8' and pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    elif encoding == 'mono8' and pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    elif encoding not in ('bgr8', 'mono8') or (encoding == 'bgr8' and pixels.shape[2:] != (3,)):
        raise ImageError(f'{pixels.shape} cannot be sent as {encoding}', 'unknown_encoding')
    message = Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels[0].nbytes,
    )
    message.data = array.array('B', pixels.tobytes())  # the one type that is not copied bytewise
    if header is not None:
        message.header = header
    return message
