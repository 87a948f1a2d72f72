"""What comes in is judged as it is heard: clipping of the channel that is used."""

import numpy as np
import pytest

from mer_ros.audio.chunk import AudioChunk
from mer_ros.audio.intake import Intake
from mer_ros.audio.settings import AudioSettings
from mer_ros.audio.windows import WindowBuffer


@pytest.mark.parametrize(('channel', 'clipping'), [(0, 0.0), (1, 1.0), (-1, 1.0)])
def test_clipping_is_that_of_the_channel_that_is_heard(channel, clipping):
    settings = AudioSettings(channel=channel)
    buffer = WindowBuffer()
    sound = np.tile(np.float32([0.1, 1.0]), (16_640, 1))
    Intake(buffer, settings).push(AudioChunk(0, sound, 16_000))
    assert buffer.pop().clipping == pytest.approx(clipping)
