"""Both packages called audio_common_msgs are on the wire what their originals are.

The hashes are those of ros-drivers/audio_common (branch ros2) and mgonzs13/audio_common, built
from their sources with ``colcon build``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory

ROS_DRIVERS = {
    'AudioData': 'RIHS01_a9742fba1567e649bbdba6ae034a72c7ef129b97c7a4da50fd2f3e1bfd8ffa86',
    'AudioDataStamped': 'RIHS01_6fc679d5a868ed68e4d301f1ef42abecc86140afb57d255656ff2d9e476ea9e3',
    'AudioInfo': 'RIHS01_b3494d204e513d2cceefae1888e5be3da7c8c8ca31eb277f7b5b62f364bcb1fb',
}
MGONZS13 = {
    'Audio': 'RIHS01_56bb1432a8bc1cf3579fa7dcfa6107180f29e799b30e51a880e5591ccc789de2',
    'AudioData': 'RIHS01_28873bc02f2963cbc2e6e7dbadd149384f99daddba98ddc2a7cd2550a0b9b5c3',
    'AudioInfo': 'RIHS01_2418e6f9b3639c2844652701c489705b045d5b970c0674573a0f668d6af3b58b',
    'AudioStamped': 'RIHS01_f6ad36427cfe3e7132f91509dca5a3be31b9b681f182db6e606e95e781b21611',
}

ROUND_TRIP = """
import time
import rclpy
from audio_common_msgs.msg import AudioStamped

rclpy.init()
node = rclpy.create_node('round_trip')
received = []
node.create_subscription(AudioStamped, 'audio', received.append, 10)
publisher = node.create_publisher(AudioStamped, 'audio', 10)
message = AudioStamped()
message.audio.info.rate = 16000
message.audio.audio_data.int16_data = [1, -2, 3]
deadline = time.monotonic() + 20
while not received and time.monotonic() < deadline:
    publisher.publish(message)
    rclpy.spin_once(node, timeout_sec=0.1)
print(list(received[0].audio.audio_data.int16_data), received[0].audio.info.rate)
"""


def type_hash(share: Path, name: str) -> str:
    description = json.loads((share / 'msg' / f'{name}.json').read_text())
    return next(
        entry['hash_string']
        for entry in description['type_hashes']
        if entry['type_name'] == f'audio_common_msgs/msg/{name}'
    )


@pytest.mark.parametrize('name', ROS_DRIVERS)
def test_the_messages_have_the_type_hash_of_ros_drivers(name: str) -> None:
    share = Path(get_package_share_directory('audio_common_msgs'))
    if not list(share.glob('msg/*.json')):
        pytest.skip('this distribution has no type hashes (before Iron)')
    assert type_hash(share, name) == ROS_DRIVERS[name]


@pytest.mark.parametrize('name', MGONZS13)
def test_the_other_packages_messages_have_its_type_hash(
    other_audio_common_msgs: dict[str, str], name: str
) -> None:
    share = Path(other_audio_common_msgs['OTHER_PREFIX']) / 'share' / 'audio_common_msgs'
    if not list(share.glob('msg/*.json')):
        pytest.skip('this distribution has no type hashes (before Iron)')
    assert type_hash(share, name) == MGONZS13[name]


def test_a_process_can_use_the_other_package(other_audio_common_msgs: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, '-c', ROUND_TRIP],
        env=other_audio_common_msgs,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == '[1, -2, 3] 16000', done.stderr
