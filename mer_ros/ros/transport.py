"""How our processes talk: room in Fast DDS for whole images.

Fast DDS as it comes loses most 640x480 images between two processes with best-effort QoS: their
fragments overrun what the publisher has of shared memory. More of it on the publisher's side mends
that and still talks to participants that set nothing (LARGE_DATA does not). Humble's Fast DDS
refuses the setting that later ones have for it and takes a profile (config/fastdds_humble.xml);
so do all where discovery is limited to this machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

VARIABLE = 'FASTDDS_BUILTIN_TRANSPORTS'
VALUE = 'DEFAULT?sockets_size=4MB'
PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
OF_FAST_RTPS = ('humble', 'jazzy')
"""Distributions whose Fast DDS knows the second name."""
FAST_DDS = ('rmw_fastrtps_cpp', 'rmw_fastrtps_dynamic_cpp')


def setting(environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Return variable and value with which a publisher on Fast DDS has room for images.

    The value is '' where that is a profile and this package is not installed, and it with it.
    """
    if not _needs_profile(environment):
        return VARIABLE, VALUE
    variable = PROFILES[1 if environment.get('ROS_DISTRO', '') in OF_FAST_RTPS else 0]
    try:
        share = Path(get_package_share_directory('mer_ros'))
    except PackageNotFoundError:
        return variable, ''
    profile = share / 'config' / 'fastdds_humble.xml'
    return variable, str(profile) if profile.is_file() else ''


def prepare(environment: MutableMapping[str, str] = os.environ) -> dict[str, str]:
    """Set the transport unless the user chose one or uses another middleware.

    Call it before ``rclpy.init()``: Fast DDS reads the variable when it makes its participant.
    ``RMW_IMPLEMENTATION`` unset means the distribution's default, which is Fast DDS on every
    distribution supported here; where it is not, the variable does nothing.

    Returns:
        What was set.
    """
    middleware = environment.get('RMW_IMPLEMENTATION', '')
    chosen = environment.get(VARIABLE, '')
    # What is not read, or is refused, is no choice.
    unread = within_host(environment) or (is_humble(environment) and '?' in chosen)
    if (chosen and not unread) or any(environment.get(name) for name in PROFILES):
        return {}
    if middleware and middleware not in FAST_DDS:
        return {}
    variable, value = setting(environment)
    if not value:
        return {}
    environment[variable] = value
    return {variable: value}


def within_host(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether ROS is told to stay on this machine.

    Its middleware then sets up Fast DDS by itself, without room for images, and reads no
    ``FASTDDS_BUILTIN_TRANSPORTS``; a profile it does read.
    """
    reach = environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    return reach.upper() == 'LOCALHOST' or environment.get('ROS_LOCALHOST_ONLY', '') == '1'


def _needs_profile(environment: Mapping[str, str]) -> bool:
    return is_humble(environment) or within_host(environment)


def is_humble(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether Fast DDS is Humble's 2.6, which refuses options behind a ``?``.

    It says so in every process and goes on with its default transport.
    """
    return environment.get('ROS_DISTRO', '') == 'humble'
