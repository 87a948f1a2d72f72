"""Bags: written by `mer record`, played by `mer replay`, the same bytes at the end."""

import array
import os
import signal
import time
from functools import partial
from pathlib import Path

import commands
import pytest
from audio_common_msgs.msg import AudioInfo
from commands import until
from mer_ros.msg import EmotionArray
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from mer_ros.cli.main import main

DOMAIN = str(1 + (os.getpid() * 7 + 50) % 100)
mer = partial(commands.mer, DOMAIN)
START = 1_700_000_000
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


def image(index):
    message = Image(height=48, width=64, encoding='bgr8', step=192)
    message.header.stamp.sec = START
    message.header.stamp.nanosec = index * 20_000_000
    message.header.frame_id = 'camera'
    message.data = array.array('B', bytes([index % 256]) * (48 * 192))
    return message


def record(node, path, storage, *topics):
    """Publish 50 images, a latched audio_info and a result while `mer record` runs."""
    info = node.create_publisher(AudioInfo, 'audio_info', LATCHED)
    info.publish(AudioInfo(channels=1, sample_rate=16000, sample_format='S16LE'))
    images = node.create_publisher(Image, 'image_raw', BEST_EFFORT)
    results = node.create_publisher(EmotionArray, 'emotion/face', 10)
    process = mer('record', '-o', path, '-s', storage, *topics)
    wanted = (images,) if topics else (images, results)
    assert until(lambda: all(publisher.get_subscription_count() for publisher in wanted))
    time.sleep(0.5)
    sent = [image(index) for index in range(50)]
    for message in sent:
        images.publish(message)
        results.publish(EmotionArray(header=message.header))
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    for publisher in (info, images, results):
        node.destroy_publisher(publisher)
    return sent, out


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_bag_holds_every_message_its_definition_and_its_quality_of_service(
    node, tmp_path, storage
):
    sent, _ = record(node, tmp_path / 'bag', storage)
    with Reader(tmp_path / 'bag') as reader:
        connections = {each.topic: each for each in reader.connections}
        written = list(reader.messages([connections['/image_raw']]))
        assert connections['/emotion/face'].msgcount == 50
        assert connections['/audio_info'].msgcount == 1
        assert connections['/audio_info'].ext.offered_qos_profiles[0].durability.name == (
            'TRANSIENT_LOCAL'
        )
        assert connections['/image_raw'].ext.offered_qos_profiles[0].reliability.name == (
            'BEST_EFFORT'
        )
        definition = connections['/emotion/face'].msgdef.data
        digest = connections['/emotion/face'].digest
    # Not byte for byte: what pads the fields of a message is left to chance.
    assert [deserialize_message(bytes(data), Image) for _, _, data in written] == sent
    assert 'MSG: mer_ros/Emotion\n' in definition
    publisher = node.create_publisher(EmotionArray, 'probe', 1)
    assert until(lambda: node.get_publishers_info_by_topic('probe'))
    kind = getattr(node.get_publishers_info_by_topic('probe')[0], 'topic_type_hash', None)
    assert kind is None or str(kind) == digest  # Humble has no hashes
    node.destroy_publisher(publisher)


def test_replay_publishes_the_same_images_and_leaves_results_out(node, tmp_path):
    sent, _ = record(node, tmp_path / 'bag', 'mcap')
    received, results, clocks, infos = [], [], [], []
    node.create_subscription(Image, 'image_raw', received.append, BEST_EFFORT)
    node.create_subscription(EmotionArray, 'emotion/face', results.append, 10)
    node.create_subscription(Clock, '/clock', clocks.append, 10)
    node.create_subscription(AudioInfo, 'audio_info', infos.append, LATCHED)
    # The publisher that was recorded is gone, but now and then its latched message still comes.
    time.sleep(0.5)
    infos.clear()
    began = time.monotonic()
    process = mer('replay', tmp_path / 'bag', '--clock', '--rate', '2')
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert until(lambda: len(received) >= 50)
    assert received == sent
    assert results == []
    assert len(infos) == 1
    assert time.monotonic() - began > 0.5
    stamps = [each.clock.sec * 10**9 + each.clock.nanosec for each in clocks]
    assert len(stamps) > 50
    assert stamps == sorted(stamps)


def test_replay_plays_results_with_all_and_only_the_topics_asked_for(node, tmp_path):
    record(node, tmp_path / 'bag', 'sqlite3')
    received, results = [], []
    node.create_subscription(Image, 'image_raw', received.append, BEST_EFFORT)
    node.create_subscription(EmotionArray, 'emotion/face', results.append, 100)
    process = mer('replay', tmp_path / 'bag', '--rate', '10', '--topics', '/emotion/face')
    out, err = process.communicate(timeout=30)
    assert until(lambda: len(results) == 50), (len(results), out, err)
    assert received == []
    process = mer('replay', tmp_path / 'bag', '--rate', '4', '--all')
    out, err = process.communicate(timeout=30)
    assert until(lambda: len(results) == 100), (len(results), out, err)
    assert until(lambda: len(received) == 50), (len(received), out, err)


def test_a_loop_goes_on_until_ctrl_c(node, tmp_path):
    record(node, tmp_path / 'bag', 'mcap')
    received = []
    node.create_subscription(Image, 'image_raw', received.append, BEST_EFFORT)
    process = mer('replay', tmp_path / 'bag', '--rate', '5', '--loop')
    assert until(lambda: len(received) > 120)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0


def test_only_named_topics_are_recorded_and_a_missing_one_is_told(node, tmp_path):
    sent, _ = record(node, tmp_path / 'bag', 'mcap', 'image_raw')
    with Reader(tmp_path / 'bag') as reader:
        assert [each.topic for each in reader.connections] == ['/image_raw']
        assert reader.message_count == len(sent)
    process = mer('record', '-o', tmp_path / 'none', '--duration', '1', 'nobody_has_this')
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert '/nobody_has_this' in err
    assert f'nothing was recorded: {tmp_path}/none is removed again' in err
    assert not (tmp_path / 'none').exists()


def test_what_was_recorded_is_kept_also_when_another_topic_is_missing(node, tmp_path):
    images = node.create_publisher(Image, 'image_raw', BEST_EFFORT)
    process = mer('record', '-o', tmp_path / 'bag', '--duration', '3', 'image_raw', 'nobody')
    assert until(images.get_subscription_count)
    while process.poll() is None:
        images.publish(image(1))
        time.sleep(0.05)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert 'nobody published /nobody' in err
    with Reader(tmp_path / 'bag') as reader:
        assert reader.message_count > 0


def test_a_topic_whose_publisher_says_nothing_is_told(node, tmp_path):
    silent = node.create_publisher(Image, 'image_raw', BEST_EFFORT)
    process = mer('record', '-o', tmp_path / 'bag', '--duration', '2', 'image_raw')
    assert until(silent.get_subscription_count)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert '/image_raw' in err
    assert 'nothing arrived' in err
    assert not (tmp_path / 'bag').exists()


def test_the_debug_image_is_recorded_only_when_asked_for(node, tmp_path):
    drawn = node.create_publisher(Image, 'emotion/debug_image', 1)
    record(node, tmp_path / 'bag', 'mcap')
    with Reader(tmp_path / 'bag') as reader:
        assert '/emotion/debug_image' not in [each.topic for each in reader.connections]
    process = mer('record', '-o', tmp_path / 'asked', '--duration', '3', 'emotion/debug_image')
    assert until(drawn.get_subscription_count)
    # The publisher may know of the subscription before that knows of it, so one is not enough.
    while process.poll() is None:
        drawn.publish(image(1))
        time.sleep(0.05)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert '/emotion/debug_image' in out


def test_a_recording_that_was_cut_off_is_told_from_a_folder_without_metadata(
    node, tmp_path, capsys
):
    record(node, tmp_path / 'bag', 'mcap')
    whole = (tmp_path / 'bag' / 'bag.mcap').read_bytes()
    for size in (8, 20, len(whole) // 2, len(whole) - 1):
        (tmp_path / 'cut.mcap').write_bytes(whole[:size])
        assert main(['replay', str(tmp_path / 'cut.mcap')]) == 1
        err = capsys.readouterr().err
        assert f'the recording was cut off: `mcap recover {tmp_path}/cut.mcap' in err
        assert err.count('\n') == 1
    (tmp_path / 'bag' / 'bag.mcap').write_bytes(whole[:-1])
    assert main(['replay', str(tmp_path / 'bag')]) == 1
    assert f'mcap recover {tmp_path}/bag/bag.mcap' in capsys.readouterr().err
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    assert main(['replay', str(tmp_path / 'bag')]) == 1
    err = capsys.readouterr().err
    assert 'no metadata.yaml: give the .mcap or .db3 file inside' in err
    assert f'`ros2 bag reindex {tmp_path}/bag`' in err
    assert 'cut off' not in err


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        (['a b'], "topic 'a b': topic name must not contain characters"),
        (['/x//y'], "topic '/x//y': topic name must not contain repeated"),
        (['image_raw', '{nobody}/x'], "topic '{nobody}/x': unknown substitution"),
        (['--namespace', '9 x'], "--namespace '9 x': namespace must not contain characters"),
    ],
)
def test_names_that_ros_does_not_allow_are_wrong_usage(words, reason, tmp_path):
    process = mer('record', '-o', tmp_path / 'bag', *words)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert reason in err
    assert err.count('\n') == 1
    assert not (tmp_path / 'bag').exists()


def test_a_namespace_may_have_slashes_around_it(node, tmp_path):
    images = node.create_publisher(Image, '/robot/image_raw', BEST_EFFORT)
    process = mer('record', '-o', tmp_path / 'bag', '--namespace', '/robot/', 'image_raw')
    assert until(images.get_subscription_count)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert 'nothing arrived on /robot/image_raw' in err


def test_a_bag_is_never_overwritten(tmp_path: Path, capsys):
    (tmp_path / 'there').mkdir()
    assert main(['record', '-o', str(tmp_path / 'there')]) == 1
    assert 'there already' in capsys.readouterr().err
