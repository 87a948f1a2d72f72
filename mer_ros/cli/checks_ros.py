"""What `mer doctor` looks at in ROS."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import subprocess
import sys
import time

from mer_ros.cli.checks import Finding, Status
from mer_ros.cli.graph import check_log_folder
from mer_ros.cli.processes import interrupt_on_termination

IMAGES, RATE = 60, 30.0
ENOUGH = 0.95
NOT_TRIED = Finding(Status.WARN, 'not tried: ROS does not start', 'mend that first')
PUBLISH = """
import array, sys, time
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('mer_doctor_publisher', enable_rosout=False)
publisher = node.create_publisher(Image, sys.argv[1], qos_profile_sensor_data)
image = Image(height=480, width=640, encoding='bgr8', step=1920)
image.data = array.array('B', bytes(480 * 1920))
end = time.monotonic() + 10
while not publisher.get_subscription_count() and time.monotonic() < end:
    time.sleep(0.02)
time.sleep(0.3)
for index in range(int(sys.argv[2])):
    image.header.stamp.sec, image.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
    publisher.publish(image)
    time.sleep(1 / float(sys.argv[3]))
time.sleep(0.3)
"""


def ros() -> list[Finding]:
    """Check that rclpy is there, and of which distribution."""
    if importlib.util.find_spec('rclpy') is None:
        return [
            Finding(
                Status.FAIL,
                'no rclpy',
                'run `make build`, then `source install/setup.bash` (on a robot: source '
                '/opt/ros/<distro>/setup.bash first)',
            )
        ]
    if said := _middleware_fault():
        chosen = os.environ['RMW_IMPLEMENTATION']
        mend = (
            f'unset RMW_IMPLEMENTATION, or install {chosen} for this distribution (apt-get install '
            f'ros-$ROS_DISTRO-{chosen.replace("_", "-")}); the wheels of PyPI have Fast DDS only'
        )
        return [Finding(Status.FAIL, f'RMW_IMPLEMENTATION={chosen}: {said}', mend)]
    importlib.import_module('rclpy')
    distribution = os.environ.get('ROS_DISTRO') or 'Kilted wheels from PyPI'
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    return [Finding(Status.OK, f'rclpy of {distribution}, ROS_DOMAIN_ID {domain}')]


@functools.cache
def _middleware_fault() -> str:
    """Return why ROS cannot use the middleware asked for, '' if it can.

    It is tried in a process of its own, since rcl ends the one in which it fails.
    """
    if not os.environ.get('RMW_IMPLEMENTATION'):
        return ''
    argv = [sys.executable, '-c', 'import rclpy; rclpy.init(); rclpy.shutdown()']
    tried = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if not tried.returncode:
        return ''
    lines = [line for line in tried.stderr.splitlines() if line.strip()]
    # '[ERROR] [time] [rcl]: what, at /where/it/was/built'
    said = lines[0].rpartition(']: ')[2].partition(', at /')[0] if lines else ''
    return said or f'rclpy ends with {tried.returncode}'


def messages() -> list[Finding]:
    """Check the message packages and what else the nodes import."""
    if _middleware_fault():
        return [NOT_TRIED]
    mend = 'run `make build`, then `source install/setup.bash`'
    found = []
    for name in ('mer_ros.msg', 'message_filters', 'diagnostic_msgs.msg', 'lifecycle_msgs.msg'):
        if importlib.util.find_spec(name) is None:
            found.append(Finding(Status.FAIL, f'no {name}', mend))
        else:
            importlib.import_module(name)
            found.append(Finding(Status.OK, name))
    found.append(_audio_common())
    bridge = importlib.util.find_spec('cv_bridge') is not None
    found.append(Finding(Status.OK, 'cv_bridge' if bridge else 'no cv_bridge: ours converts'))
    return found


def transport() -> list[Finding]:
    """Check the middleware and its transport."""
    from mer_ros.ros.transport import VARIABLE, is_humble, prepare

    chosen = os.environ.get(VARIABLE, '')
    ours = prepare(dict(os.environ))
    implementation = os.environ.get('RMW_IMPLEMENTATION') or 'the default middleware'
    if 'LARGE_DATA' in chosen:
        return [
            Finding(
                Status.WARN,
                f'{VARIABLE}={chosen}: nodes that do not set it are not heard',
                f'unset {VARIABLE}, or set it for every node on the robot',
            )
        ]
    if VARIABLE in os.environ and not chosen:
        return [Finding(Status.WARN, f'{VARIABLE} is set to nothing', f'unset {VARIABLE}')]
    if is_humble() and '?' in chosen:
        text = f"Humble's Fast DDS refuses {VARIABLE}={chosen} in every process"
        return [Finding(Status.WARN, text, f'unset {VARIABLE}')]
    used = [f'{name}={value}' for name, value in ours.items()]
    yours = [f'{VARIABLE}={chosen} (yours)'] if chosen else []
    return [Finding(Status.OK, ', '.join([implementation, *used, *yours]))]


def round_trip() -> list[Finding]:
    """Send images from a process to this one, as a camera and a node do.

    Raises:
        CommandError: see :func:`~mer_ros.cli.graph.check_log_folder`.
    """
    from mer_ros.ros.transport import prepare

    if _middleware_fault():
        return [NOT_TRIED]
    check_log_folder()
    prepare()
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    topic = f'/mer_doctor_{os.getpid()}'
    ages: list[float] = []
    found = False
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('mer_doctor', context=context, enable_rosout=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def take(message: Image) -> None:
        stamp = message.header.stamp
        ages.append(time.time() - stamp.sec - stamp.nanosec * 1e-9)

    profile = QoSProfile(depth=IMAGES, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(Image, topic, take, profile)
    argv = [sys.executable, '-c', PUBLISH, topic, str(IMAGES), str(RATE)]
    try:
        with (
            interrupt_on_termination(),
            subprocess.Popen(argv, stderr=subprocess.DEVNULL) as publisher,
        ):
            try:
                while publisher.poll() is None:
                    executor.spin_once(timeout_sec=0.1)
                    found = found or node.count_publishers(topic) > 0
            finally:
                publisher.kill()  # left alone it would wait for a subscription of ours, 10 s
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
    if not ages and not found:
        return [
            Finding(
                Status.FAIL,
                'no image came from another process of this machine',
                'allow multicast on the loopback (sudo ip link set lo multicast on), let no '
                'firewall block UDP 7400-7700, and unset ROS_DISCOVERY_SERVER',
            )
        ]
    text = f'{len(ages)} of {IMAGES} images of 640x480 came'
    if ages:
        text += f', median {sorted(ages)[len(ages) // 2] * 1e3:.1f} ms'
    if len(ages) < ENOUGH * IMAGES:
        return [Finding(Status.WARN, text, 'see "images get lost" in the README')]
    return [Finding(Status.OK, text)]


def _audio_common() -> Finding:
    """Tell which of the two packages of that name is installed."""
    if importlib.util.find_spec('audio_common_msgs') is None:
        return Finding(
            Status.FAIL,
            'no audio_common_msgs',
            'apt-get install ros-$ROS_DISTRO-audio-common-msgs, or run `make build`',
        )
    kinds = vars(importlib.import_module('audio_common_msgs.msg'))
    if 'AudioDataStamped' in kinds:
        return Finding(Status.OK, "audio_common_msgs (ros-drivers')")
    if 'AudioStamped' in kinds:
        return Finding(Status.OK, "audio_common_msgs (mgonzs13's: AudioStamped on `audio`)")
    return Finding(
        Status.FAIL,
        'audio_common_msgs has neither AudioDataStamped nor AudioStamped',
        'install audio_common_msgs of ros-drivers',
    )
