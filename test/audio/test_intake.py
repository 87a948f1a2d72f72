"""What comes in: clipping of the channel that is heard, and nothing lost to a late stamp."""

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


def test_a_late_stamp_costs_no_sound_that_waits():
    buffer = WindowBuffer()
    intake = Intake(buffer, AudioSettings())
    for chunk in range(100):
        late = 60_000_000 if chunk == 90 else 0
        sound = np.full((1_600, 1), 0.1, np.float32)
        intake.push(AudioChunk(chunk * 100_000_000 + late, sound, 16_000))
    assert buffer.dropped == 0
    assert buffer.ready == 19  # all of ten seconds
