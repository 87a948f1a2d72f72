"""media_source over the real middleware: pictures and sound in step, devices that are missing."""

import itertools
import os
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from mer_ros.cli import demo_clip
from mer_ros.media.sources import AudioBlock, VideoFrame
from mer_ros.media.video_file import VideoFileSource
from mer_ros.ros import media_node
from mer_ros.ros.conversions import from_time
from mer_ros.ros.images import to_bgr
from mer_ros.ros.media_node import MediaSource
from mer_ros.ros.node import State
from mer_ros.ros.playout import in_due_order
from mer_ros.ros.read_ahead import ReadAhead

LINE = demo_clip.Line('one', 50, 150, 100, 0, 0, 2, 0.3)


def tone(line):
    """Return a second of a sound that says by its value where it is."""
    time_s = np.arange(demo_clip.VOICE_RATE) / demo_clip.VOICE_RATE
    return (12000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """Return a clip of 2.3 s at 30 Hz with sound."""
    path = tmp_path_factory.mktemp('clip') / 'clip.mp4'
    demo_clip.make(path, (LINE,), tone)
    return path


def stamps(messages):
    return [from_time(message.header.stamp) for message in messages]


def test_pictures_and_sound_have_the_times_of_the_file(graph, clip):
    images = graph.collect(Image, 'image_raw')
    sounds = graph.collect(AudioDataStamped, 'audio_stamped')
    node = graph.start(MediaSource, source=str(clip), wait_for_subscribers=10.0)
    items = list(VideoFileSource(clip))
    pictures = [item for item in items if isinstance(item, VideoFrame)]
    blocks = [item for item in items if isinstance(item, AudioBlock)]
    graph.wait(lambda: len(images) == len(pictures), 'every image')
    graph.wait(lambda: len(sounds) == len(blocks), 'every block')
    start = stamps(images)[0] - round(pictures[0].stamp_s * 1e9)
    assert stamps(images) == [start + round(item.stamp_s * 1e9) for item in pictures]
    assert stamps(sounds) == [start + round(item.stamp_s * 1e9) for item in blocks]
    assert images[0].header.frame_id == 'camera'
    assert sounds[0].header.frame_id == 'microphone'
    assert (images[0].encoding, images[0].step) == ('bgr8', 640 * 3)
    for message, item in zip(images, pictures, strict=True):
        assert np.array_equal(to_bgr(message), item.image_bgr)
    pcm = b''.join(bytes(message.audio.data) for message in sounds)
    assert pcm == b''.join(item.samples.astype('<i2').tobytes() for item in blocks)
    assert node.figures()['images'] == len(pictures)


def test_it_keeps_the_pace_of_the_file(graph, clip):
    images = graph.collect(Image, 'image_raw')
    graph.collect(AudioDataStamped, 'audio_stamped')
    node = graph.start(MediaSource, source=str(clip), wait_for_subscribers=10.0)
    graph.wait(lambda: node.figures()['ended'], 'the end')
    graph.wait(lambda: len(images) == node.images.count, 'every image')
    assert node.images.last is not None
    # Behind by three pictures at the 95th percentile at most, however busy the machine.
    assert node.figures()['behind_p95_ms'] < 100


def test_the_format_of_the_sound_is_latched_for_those_who_come_late(graph, clip):
    node = graph.start(MediaSource, source=str(clip))
    graph.wait(lambda: node.blocks.count > 5, 'sound')
    late = []
    graph.probe.create_subscription(
        AudioInfo,
        'audio_info',
        late.append,
        QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL),
    )
    graph.wait(lambda: late, 'audio_info')
    assert (late[0].sample_rate, late[0].channels) == (16000, 1)
    assert (late[0].sample_format, late[0].coding_format) == ('S16LE', 'wave')


def test_a_loop_goes_on_in_time(graph, clip):
    images = graph.collect(Image, 'image_raw')
    sounds = graph.collect(AudioDataStamped, 'audio_stamped')
    graph.start(
        MediaSource, source=str(clip), loop=True, rate=4.0, audio=True, wait_for_subscribers=10.0
    )
    graph.wait(lambda: len(images) > 160, 'the third round')
    gaps = np.diff(stamps(images))
    assert (gaps > 0).all()
    assert gaps.max() < 0.2e9
    assert (np.diff(stamps(sounds)) > 0).all()


def test_compressed_images_and_a_limit_of_size(graph, clip):
    images = graph.collect(CompressedImage, 'image_raw/compressed')
    raw = graph.collect(Image, 'image_raw')
    graph.collect(AudioDataStamped, 'audio_stamped')
    graph.start(
        MediaSource, source=str(clip), compressed=True, max_width=320, wait_for_subscribers=10.0
    )
    graph.wait(lambda: len(images) > 5 and len(raw) > 5, 'images')
    assert to_bgr(images[0]).shape == (240, 320, 3)
    assert to_bgr(raw[0]).shape == (240, 320, 3)
    assert set(stamps(images)) & set(stamps(raw))
    assert images[0].format == 'jpeg'


def test_the_clock_is_that_of_the_file_at_any_rate(graph, clip):
    clocks = graph.collect(Clock, '/clock')
    images = graph.collect(Image, 'image_raw')
    graph.collect(AudioDataStamped, 'audio_stamped')
    graph.start(
        MediaSource, source=str(clip), publish_clock=True, rate=5.0, wait_for_subscribers=10.0
    )
    graph.wait(lambda: len(images) >= 60, 'images')
    times = [from_time(message.clock) for message in clocks]
    assert times == sorted(times)
    assert len(times) > 150
    assert times[0] <= stamps(images)[0] <= times[-1]


def test_a_folder_of_images(graph, tmp_path):
    for index in range(5):
        cv2.imwrite(str(tmp_path / f'{index}.png'), np.full((48, 64, 3), 40 * index, np.uint8))
    images = graph.collect(Image, 'image_raw')
    node = graph.start(
        MediaSource, source=str(tmp_path), frame_rate=20.0, wait_for_subscribers=10.0
    )
    graph.wait(lambda: len(images) == 5, 'the images')
    assert [int(to_bgr(each)[0, 0, 0]) for each in images] == [0, 40, 80, 120, 160]
    assert set(np.diff(stamps(images))) == {50_000_000}
    assert node.figures()['audio_blocks'] == 0


def test_a_camera_that_is_missing_is_tried_again_and_told(graph):
    node = graph.start(MediaSource, source='webcam:97', retry_period=0.2)
    graph.wait(
        lambda: any('/dev/video97' in each.message for each in graph.statuses), 'diagnostics'
    )
    assert node.state is State.ACTIVE
    assert any(each.level == bytes([2]) for each in graph.statuses)


class TornSource:
    """A device whose driver fails, after one picture, with an error that nobody foresaw."""

    name = 'webcam:torn'
    live = True
    frame_rate = 30.0
    audio_format = None
    problem = ''
    lost = 0

    def __iter__(self):
        yield VideoFrame(time.time(), np.zeros((48, 64, 3), np.uint8))
        raise RuntimeError('the driver is torn')

    def close(self):
        pass


def test_after_an_unforeseen_error_diagnostics_stay_bad(graph, monkeypatch):
    monkeypatch.setattr(media_node, 'open_source', lambda spec, **_: TornSource())
    node = graph.start(MediaSource, source='webcam:torn')
    graph.wait(lambda: node.faults.total(), 'the fault')
    node.faults.recent = dict  # as when the seconds have passed for which a fault is shown
    graph.diagnosis(
        lambda status, _: status.level == bytes([2]) and 'the driver is torn' in status.message,
        'a source that is no longer played',
    )
    assert 'deactivate and activate' in node.trouble


class SlowToActivate(MediaSource):
    """Gives a source the time to fail before activating ends."""

    def activate(self):
        super().activate()
        time.sleep(0.3)


def test_a_source_that_fails_at_once_is_not_forgotten_when_activating_ends(graph, monkeypatch):
    monkeypatch.setattr(media_node, 'open_source', lambda spec, **_: TornSource())
    node = graph.start(SlowToActivate, source='webcam:torn')
    graph.wait(lambda: node.state is State.ACTIVE and node.trouble, 'trouble that lasts')
    assert 'the driver is torn' in node.trouble


class HangingSource(TornSource):
    """A device whose driver hangs, and gives its closing heed only when it goes on."""

    def __init__(self):
        self.goes_on = threading.Event()

    def __iter__(self):
        yield VideoFrame(time.time(), np.zeros((48, 64, 3), np.uint8))
        self.goes_on.wait(60.0)


def test_a_device_that_hung_when_the_node_was_deactivated_does_not_end_the_next(graph, monkeypatch):
    opened = []

    def open_source(spec, **_):
        opened.append(HangingSource())
        return opened[-1]

    monkeypatch.setattr(media_node, 'open_source', open_source)
    node = graph.start(MediaSource, source='webcam:hung')
    graph.wait(lambda: node.images.count == 1, 'a picture')
    hung = opened[-1]
    threads = list(node._threads)
    node.trigger_deactivate()
    node.trigger_activate()
    graph.wait(lambda: node.images.count == 2, 'a picture of the next')
    hung.goes_on.set()
    for thread in threads:
        thread.join(10.0)
    assert node._ended == 0
    opened[-1].goes_on.set()
    graph.wait(lambda: node._ended == 1, 'its end')


def test_without_a_source_it_says_what_to_set(graph):
    node = graph.start(MediaSource)
    assert node.state is State.UNCONFIGURED
    assert 'set the parameter source' in node.trouble


def test_another_source_can_be_chosen_while_it_is_inactive(graph, clip, tmp_path):
    cv2.imwrite(str(tmp_path / '1.png'), np.zeros((10, 12, 3), np.uint8))
    images = graph.collect(Image, 'image_raw')
    graph.collect(AudioDataStamped, 'audio_stamped')
    node = graph.start(MediaSource, source=str(clip), wait_for_subscribers=10.0)
    graph.wait(lambda: len(images) > 3, 'images')
    refused = node.set_parameters([Parameter('source', value=str(tmp_path))])[0]
    assert not refused.successful
    node.trigger_deactivate()
    assert node.set_parameters([Parameter('source', value=str(tmp_path))])[0].successful
    node.trigger_activate()
    graph.wait(lambda: images[-1].width == 12, 'the other source')


@pytest.mark.parametrize(
    ('given', 'reason'),
    [
        ({'source': 'webcam:0', 'publish_clock': True}, 'publish_clock needs a file'),
        ({'source': 'webcam:0', 'rate': 2.0}, 'rate must be 1.0'),
        ({'source': 'x', 'rate': 0.0}, 'rate must be 0.05 .. 50'),
        ({'source': 'x', 'image_reliability': 'perhaps'}, 'must be one of best_effort, reliable'),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(graph, given, reason):
    with pytest.raises(Exception, match=reason):
        graph.start(MediaSource, **given)


@pytest.mark.parametrize('name', ['camera_film.mp4', 'microscope.mp4', 'webcams.mp4'])
def test_a_file_named_like_a_device_is_a_file(graph, clip, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).symlink_to(clip)
    node = graph.start(MediaSource, source=name, publish_clock=True, rate=4.0)
    assert node.state is State.ACTIVE


@pytest.mark.parametrize('good', [True, False])
def test_the_process_ends_with_the_file_when_told_to(ros, clip, good):
    source = clip if good else clip.parent / 'none.mp4'
    argv = [sys.executable, '-m', 'mer_ros.ros.media_source', '--ros-args']
    argv += ['-p', f'source:={source}', '-p', 'exit_at_end:=true', '-p', 'rate:=8.0']
    done = subprocess.run(argv, env=dict(os.environ), capture_output=True, timeout=60, check=False)
    assert done.returncode == (0 if good else 1)
    assert b'Traceback' not in done.stderr


def test_sound_is_due_after_its_last_sample_and_nothing_is_late_for_it():
    block = np.zeros((480, 1), np.int16)
    picture = np.zeros((2, 2, 3), np.uint8)
    items = sorted(
        [AudioBlock(index * 0.03, block, 16000) for index in range(10)]
        + [VideoFrame(index * 0.04, picture) for index in range(8)],
        key=lambda item: item.stamp_s,
    )
    timed = list(in_due_order(items))
    due = [each for each, _ in timed]
    assert due == sorted(due)
    assert len(timed) == len(items)
    assert all(
        each == item.stamp_s + (0.03 if isinstance(item, AudioBlock) else 0.0)
        for each, item in timed
    )


def test_reading_ahead_gives_every_item_and_passes_errors_on():
    with ReadAhead(iter(range(100))) as items:
        assert list(items) == list(range(100))

    def broken():
        yield 1
        raise RuntimeError('torn')

    with ReadAhead(broken()) as items:
        assert next(items) == 1
        with pytest.raises(RuntimeError, match='torn'):
            next(items)
    with ReadAhead(itertools.count()) as items:
        assert next(items) == 0
