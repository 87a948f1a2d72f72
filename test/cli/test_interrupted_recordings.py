"""A recording that a full disk or SIGKILL ends: all but its last second can be replayed."""

import array
import os
import re
import resource
import signal
import struct
import threading
import time
from functools import partial

import commands
import pytest
from commands import until
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import Image

from mer_ros.cli.main import main

DOMAIN = str(1 + (os.getpid() * 7 + 51) % 100)
mer = partial(commands.mer, DOMAIN)
SMALL = array.array('B', bytes(48 * 192))
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


class Pump:
    """Publishes images of 24 kB at 50 Hz on a thread: 4 MB take three seconds."""

    def __init__(self, node):
        self._publisher = node.create_publisher(Image, 'image_raw', BEST_EFFORT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        message = Image(height=80, width=100, encoding='bgr8', step=300)
        message.data = array.array('B', bytes(24_000))
        while not self._stop.wait(0.02):
            self._publisher.publish(message)


def limit_files():
    """Let no file of this process grow beyond 4 MB: a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_full_disk_ends_the_recording_and_what_was_saved_can_be_replayed(node, tmp_path, storage):
    bag = tmp_path / 'bag'
    with Pump(node):
        process = mer(
            'record', '-o', bag, '-s', storage, '--duration', '60', preexec_fn=limit_files
        )
        out, err = process.communicate(timeout=40)
    assert process.returncode == 1
    assert 'mer record' not in out  # Fast DDS may say there that its own files are limited too
    told = [line for line in err.splitlines() if line.startswith('mer: ')]
    assert len(told) == 1
    assert f'cannot write to the bag {bag}: ' in told[0]
    assert 'make room or choose another disk, and record again' in told[0]
    kept = int(re.search(r'; (\d+) messages are kept in a bag that can be replayed;', told[0])[1])
    with Reader(bag) as reader:
        assert reader.message_count == kept == len(list(reader.messages(reader.connections)))
    assert kept > 20
    process = mer('replay', bag, '--rate', '10', '--wait', '0')
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.split() == [str(kept), '/image_raw']


def messages_of(path):
    """Return how many messages the whole chunks of an MCAP file have, cut off as it may be."""
    data, position, count = path.read_bytes(), 8, 0
    while position + 9 <= len(data):
        kind, size = struct.unpack_from('<BQ', data, position)
        position += 9
        inner, end = position + 40, position + size
        if kind == 6 and end <= len(data):
            while inner < end:
                kind_inside, size_inside = struct.unpack_from('<BQ', data, inner)
                count += kind_inside == 5
                inner += 9 + size_inside
        position = end
    return count


def record_and_kill(node, bag, storage):
    """Record 50 images a second for four seconds and kill the process; return its status."""
    images = node.create_publisher(Image, 'image_raw', BEST_EFFORT)
    process = mer('record', '-o', bag, '-s', storage)
    assert until(images.get_subscription_count)
    begun = time.monotonic()
    while time.monotonic() - begun < 4.0:
        images.publish(Image(height=48, width=64, encoding='bgr8', step=192, data=SMALL))
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=20)
    node.destroy_publisher(images)
    return process.returncode


def test_a_recorder_that_is_killed_leaves_all_but_the_last_seconds_in_sqlite(
    node, tmp_path, capsys
):
    assert record_and_kill(node, tmp_path / 'bag', 'sqlite3') == -signal.SIGKILL
    assert main(['replay', str(tmp_path / 'bag')]) == 1
    assert 'no metadata.yaml: give the .mcap or .db3 file inside' in capsys.readouterr().err
    process = mer('replay', tmp_path / 'bag' / 'bag.db3', '--rate', '10', '--wait', '0')
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert int(out.split()[0]) > 50
    assert out.split()[1] == '/image_raw'


def test_a_recorder_that_is_killed_leaves_whole_chunks_in_mcap(node, tmp_path):
    assert record_and_kill(node, tmp_path / 'bag', 'mcap') == -signal.SIGKILL
    assert messages_of(tmp_path / 'bag' / 'bag.mcap') > 50
