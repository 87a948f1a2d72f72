"""Sound from the other package called audio_common_msgs, in a workspace that has that one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.graph

PUBLISHER = """
import sys, time
import numpy as np
import rclpy
from audio_common_msgs.msg import Audio, AudioData, AudioInfo, AudioStamped
from rclpy.qos import qos_profile_sensor_data

rclpy.init(args=sys.argv)
node = rclpy.create_node('microphone')
publisher = node.create_publisher(AudioStamped, 'audio', qos_profile_sensor_data)
rate, size = 48000, 4800
tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(size) / rate)
for index in range(400):
    samples = tone[: size].astype(np.float32)
    if index % 10 == 3:
        samples[:10] = np.nan
    for values in ([], samples.tolist()) if index % 10 == 7 else (samples.tolist(),):
        message = AudioStamped(audio=Audio(
            audio_data=AudioData(float32_data=values),
            info=AudioInfo(format=1, channels=1, rate=rate, chunk=size)))
        message.header.stamp.sec = 100 + index // 10
        message.header.stamp.nanosec = index % 10 * 100_000_000
        message.header.frame_id = 'microphone'
        publisher.publish(message)
    time.sleep(0.1)
"""


def in_this_domain(environment: dict[str, str]) -> dict[str, str]:
    """Return it with the ROS domain of the tests, which may be newer than it."""
    return {**environment, 'ROS_DOMAIN_ID': os.environ['ROS_DOMAIN_ID']}


def test_its_sound_is_heard_where_it_is_installed(
    graph: Any, other_audio_common_msgs: dict[str, str]
) -> None:
    from mer_ros.msg import EmotionArray

    results = graph.collect(EmotionArray, 'emotion/audio')
    arguments = ['--ros-args', '-r', f'__ns:={graph.namespace}']
    environment = in_this_domain(other_audio_common_msgs)
    command = [sys.executable, '-m', 'mer_ros.ros.audio_emotion', *arguments]
    node = subprocess.Popen(command, env=environment)
    source = subprocess.Popen([sys.executable, '-c', PUBLISHER, *arguments], env=environment)
    try:
        graph.wait(lambda: len(results) >= 2, 'two windows', 40)
        values = graph.diagnosis(
            lambda _, values: 'fault.empty_audio' in values and 'fault.not_finite' in values,
            'damaged sound',
        )
    finally:
        for process in (node, source):
            process.terminate()
            process.wait(20)
    assert values['type'] == 'audio_common_msgs/msg/AudioStamped'
    assert results[0].header.frame_id == 'microphone'
    assert (results[0].window.sec, results[0].window.nanosec) == (1, 0)


def test_its_sound_is_an_error_that_says_so_where_it_is_not(
    graph: Any, other_audio_common_msgs: dict[str, str]
) -> None:
    from mer_ros.ros.audio_node import AudioEmotion

    graph.start(AudioEmotion)
    environment = in_this_domain(other_audio_common_msgs)
    arguments = ['--ros-args', '-r', f'__ns:={graph.namespace}']
    source = subprocess.Popen([sys.executable, '-c', PUBLISHER, *arguments], env=environment)
    try:
        values = graph.diagnosis(
            lambda status, _: status.level == b'\x02', 'a type that is not installed'
        )
    finally:
        source.terminate()
        source.wait(20)
    assert 'audio_common_msgs/msg/AudioStamped' in values['message']
    assert "mgonzs13's audio_common_msgs" in values['message']
