"""Messages made of pictures and sound; the large fields are filled the fast way."""

from __future__ import annotations

import array

import cv2
import numpy as np
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from mer_ros.media.sources import AudioFormat
from mer_ros.ros.conversions import to_time
from mer_ros.ros.images import from_bgr

BITS = 16


def image_message(image_bgr: NDArray[np.uint8], stamp_ns: int, frame_id: str) -> Image:
    """Return (H, W, 3) uint8 as a bgr8 image."""
    return from_bgr(image_bgr, 'bgr8', Header(stamp=to_time(stamp_ns), frame_id=frame_id))


def compressed_message(
    image_bgr: NDArray[np.uint8], stamp_ns: int, frame_id: str, quality: int
) -> CompressedImage:
    """Return (H, W, 3) uint8 as a JPEG image of a quality of 1..100."""
    _, encoded = cv2.imencode('.jpg', image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    message = CompressedImage(
        header=Header(stamp=to_time(stamp_ns), frame_id=frame_id), format='jpeg'
    )
    message.data = _bytes(np.asarray(encoded, np.uint8))
    return message


def audio_message(samples: NDArray[np.int16], stamp_ns: int, frame_id: str) -> AudioDataStamped:
    """Return (n, channels) int16 as interleaved S16LE; the stamp is that of the first sample."""
    data = AudioData()
    data.data = _bytes(np.ascontiguousarray(samples, '<i2').view(np.uint8))
    return AudioDataStamped(header=Header(stamp=to_time(stamp_ns), frame_id=frame_id), audio=data)


def audio_info_message(audio: AudioFormat) -> AudioInfo:
    """Return the format of :func:`audio_message`, in the words of ros-drivers' audio_capture."""
    return AudioInfo(
        channels=audio.channels,
        sample_rate=audio.rate,
        sample_format='S16LE',
        bitrate=audio.rate * audio.channels * BITS // 1000,
        coding_format='wave',
    )


def _bytes(values: NDArray[np.uint8]) -> array.array[int]:
    """Return bytes as the one type that a message takes without looking at each of them."""
    filled = array.array('B')
    filled.frombytes(np.ascontiguousarray(values).data.cast('B'))
    return filled
