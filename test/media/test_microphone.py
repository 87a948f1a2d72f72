"""A microphone gives blocks with the time of their first sample, and comes back when lost.

There is no microphone here. What PortAudio does is played by a small stand-in with the part of
sounddevice's interface that is used; that a machine without one is told so runs the real one.
"""

import itertools
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from mer_ros.media.microphone import MicrophoneSource
from mer_ros.media.sources import MediaError


class PortAudio:
    """Delivers ``blocks`` blocks each time it is opened, as fast as it can, then goes silent."""

    class PortAudioError(Exception):
        pass

    def __init__(self, blocks=5, missing=0, refused=0, down=0, offers=None, own=(48_000, 2)):
        self.blocks = blocks
        self.missing = missing
        self.refused = refused  # streams that open and do not start
        self.down = down  # restarts of PortAudio that fail
        self.offers = offers  # (Hz, channels) that can be opened; None: all
        self.own = own  # default rate, most channels
        self.tried = []
        self.running = True
        self.left_open = 0
        self.opened = 0
        self.restarts = 0

    def InputStream(self, *, callback, blocksize, channels, samplerate, **_options):  # noqa: N802
        assert self.running
        self.opened += 1
        self.tried.append((samplerate, channels))
        if self.opened <= self.missing:
            raise self.PortAudioError('Error querying device -1')
        if self.offers is not None and (samplerate, channels) not in self.offers:
            raise self.PortAudioError('Error opening InputStream: Invalid sample rate')
        return Stream(self, callback, blocksize, channels)

    def query_devices(self, _device=None, kind=None):
        assert kind == 'input'
        if self.opened <= self.missing:
            raise self.PortAudioError('Error querying device -1')
        return {'default_samplerate': float(self.own[0]), 'max_input_channels': self.own[1]}

    def _terminate(self):
        if not self.running:
            raise self.PortAudioError('Error terminating PortAudio: not initialized')
        self.restarts += 1
        self.running = False

    def _initialize(self):
        self.down -= 1
        if self.down >= 0:
            raise self.PortAudioError('Error initializing PortAudio: host error')
        self.running = True


class Stream:
    def __init__(self, owner, callback, size, channels):
        self.active = True
        self._arguments = (owner, callback, size, channels)

    def __enter__(self):
        owner = self._arguments[0]
        owner.left_open += 1
        owner.refused -= 1
        if owner.refused >= 0:
            raise owner.PortAudioError('Error starting stream: Device unavailable')
        self._thread = threading.Thread(target=self._deliver)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        self.close()

    def close(self):
        self._arguments[0].left_open -= 1

    def _deliver(self):
        owner, callback, size, channels = self._arguments
        timing = SimpleNamespace(currentTime=50.0, inputBufferAdcTime=49.9)
        status = SimpleNamespace(input_overflow=False)
        for index in range(owner.blocks):
            callback(np.full((size, channels), index, np.int16), size, timing, status)
        self.active = False


def test_blocks_carry_the_time_of_their_first_sample():
    source = MicrophoneSource(clock=lambda: 1_000.0, portaudio=PortAudio(), channels=2)
    blocks = list(itertools.islice(source, 3))
    assert [block.stamp_s for block in blocks] == pytest.approx([999.9] * 3)
    assert [int(block.samples[0, 0]) for block in blocks] == [0, 1, 2]
    assert (blocks[0].samples.shape, blocks[0].samples.dtype) == ((480, 2), np.int16)
    assert source.audio_format.rate == blocks[0].rate == 16_000


@pytest.mark.parametrize(
    ('offer', 'own', 'tried'),
    [
        ((48_000, 1), (48_000, 2), [(16_000, 1), (48_000, 1)]),
        ((16_000, 2), (48_000, 2), [(16_000, 1), (48_000, 1), (48_000, 2), (16_000, 2)]),
        ((44_100, 2), (44_100, 2), [(16_000, 1), (44_100, 1), (44_100, 2)]),
        ((16_000, 6), (16_000, 6), [(16_000, 1), (16_000, 2), (16_000, 6)]),
    ],
)
def test_a_device_of_another_format_is_heard_in_the_one_that_was_promised(offer, own, tried):
    portaudio = PortAudio(blocks=5, offers=[offer], own=own)
    source = MicrophoneSource(2, clock=lambda: 1_000.0, portaudio=portaudio, retry_s=None)
    promised = source.audio_format
    blocks = list(itertools.islice(source, 5))
    assert portaudio.tried == tried
    assert source.audio_format == promised
    assert (promised.rate, promised.channels) == (16_000, 1)
    assert {(block.rate, block.samples.shape[1]) for block in blocks} == {(16_000, 1)}
    # 30 ms each; the first lacks what the filter holds, which then stands before the others.
    assert [len(block.samples) for block in blocks[1:]] == pytest.approx([480] * 4, abs=1)
    assert blocks[0].stamp_s == pytest.approx(999.9)
    assert [block.stamp_s for block in blocks[1:]] == pytest.approx([999.9] * 4, abs=0.002)
    assert [int(block.samples[-1, 0]) for block in blocks] == [0, 1, 2, 3, 4]


def test_a_device_that_offers_nothing_we_know_is_told_with_what_was_tried():
    portaudio = PortAudio(offers=[], own=(44_100, 2))
    with pytest.raises(
        MediaError,
        match=r'cannot open microphone:2 \(tried 16000 Hz x 1, 44100 Hz x 1, 44100 Hz x 2, '
        r'16000 Hz x 2\): .*Invalid sample rate; .* choose another',
    ):
        list(MicrophoneSource(2, portaudio=portaudio, retry_s=None))


def test_a_device_without_another_format_is_not_asked_for_more():
    portaudio = PortAudio(offers=[], own=(16_000, 1))
    with pytest.raises(MediaError, match=r'tried 16000 Hz x 1\)'):
        list(MicrophoneSource(portaudio=portaudio, retry_s=None))
    assert portaudio.opened == 1


def test_a_lost_microphone_is_opened_again():
    portaudio = PortAudio(blocks=2)
    source = MicrophoneSource(portaudio=portaudio, retry_s=0.01)
    assert len(list(itertools.islice(source, 6))) == 6
    assert portaudio.opened == 3
    assert portaudio.restarts == 2


def test_a_missing_microphone_is_reported_until_it_is_there():
    portaudio = PortAudio(missing=3)
    source = MicrophoneSource(portaudio=portaudio, retry_s=0.01)
    assert next(iter(source)).samples.size
    assert portaudio.opened == 4
    assert source.problem == ''


def test_a_microphone_that_does_not_start_is_tried_again_after_the_retry_time():
    portaudio = PortAudio(refused=2)
    source = MicrophoneSource(portaudio=portaudio, retry_s=0.1)
    begun = time.monotonic()
    reader = iter(source)
    assert next(reader).samples.size
    assert time.monotonic() - begun >= 0.2
    assert portaudio.opened == 3
    assert source.problem == ''
    assert portaudio.left_open == 1


def test_a_microphone_that_does_not_start_says_why():
    portaudio = PortAudio(refused=1)
    source = MicrophoneSource(portaudio=portaudio, retry_s=None)
    with pytest.raises(MediaError, match=r'cannot listen to microphone: .*Device unavailable'):
        list(source)
    assert 'Device unavailable' in source.problem
    assert portaudio.left_open == 0


def test_a_portaudio_that_does_not_restart_is_told_and_tried_again():
    portaudio = PortAudio(missing=1, down=2)
    source = MicrophoneSource(portaudio=portaudio, retry_s=0.2)
    blocks = []
    reader = threading.Thread(target=lambda: blocks.append(next(iter(source))))
    reader.start()
    problems = set()
    while reader.is_alive():
        problems.add(source.problem)
        time.sleep(0.01)
    assert any('PortAudio does not start' in each and 'host error' in each for each in problems)
    assert blocks
    assert portaudio.opened == 2
    assert source.problem == ''


def test_without_retry_a_missing_microphone_is_an_error():
    source = MicrophoneSource(portaudio=PortAudio(missing=1), retry_s=None)
    with pytest.raises(MediaError, match='plug one in'):
        list(source)
    with pytest.raises(MediaError, match='unplugged'):
        list(MicrophoneSource(portaudio=PortAudio(), retry_s=None))


def test_blocks_that_nobody_takes_are_lost_oldest_first():
    portaudio = PortAudio(blocks=300)
    source = MicrophoneSource(portaudio=portaudio, retry_s=None)
    reader = iter(source)
    next(reader)
    time.sleep(0.3)
    rest = []
    with pytest.raises(MediaError):
        rest.extend(int(block.samples[0, 0]) for block in reader)
    assert source.lost > 100


def test_close_ends_the_iteration():
    source = MicrophoneSource(portaudio=PortAudio(blocks=50), retry_s=0.01)
    for taken, _ in enumerate(source, start=1):
        if taken == 4:
            source.close()
    assert taken == 4


def test_this_machine_has_sounddevice_and_says_what_is_missing():
    source = MicrophoneSource('no such microphone', retry_s=None)
    with pytest.raises(MediaError, match=r'libportaudio2|cannot open microphone'):
        list(source)
