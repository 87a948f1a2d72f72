"""How our processes talk: room in Fast DDS's sockets for whole images.

Fast DDS as it comes loses most 640x480 images between two processes with best-effort QoS: the
fragments overrun the publisher's send buffer. A larger buffer on the publisher's side mends it
and still talks to participants that set nothing (LARGE_DATA does not). Humble's Fast DDS can only
be given one by an XML profile, which is the user's to write.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

VARIABLE = 'FASTDDS_BUILTIN_TRANSPORTS'
VALUE = 'DEFAULT?sockets_size=4MB'
PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
FAST_DDS = ('rmw_fastrtps_cpp', 'rmw_fastrtps_dynamic_cpp')


def prepare(environment: MutableMapping[str, str] = os.environ) -> str:
    """Set the transport unless the user chose one or uses another middleware.

    Call it before ``rclpy.init()``: Fast DDS reads the variable when it makes its participant.
    ``RMW_IMPLEMENTATION`` unset means the distribution's default, which is Fast DDS on every
    distribution supported here; where it is not, the variable does nothing.

    Returns:
        The value now in force, '' when none is.
    """
    middleware = environment.get('RMW_IMPLEMENTATION', '')
    chosen = environment.get(VARIABLE, '')
    if chosen or any(environment.get(name) for name in PROFILES):
        return chosen
    if middleware and middleware not in FAST_DDS:
        return ''
    if takes_words_only(environment):
        return ''
    environment[VARIABLE] = VALUE
    return VALUE


def needs_reliable_images(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether whole images only get from one process of ours to another reliably.

    Our own source offers that, so where it is started its subscribers can ask for it.
    """
    if not takes_words_only(environment) or any(environment.get(name) for name in PROFILES):
        return False
    chosen = environment.get(VARIABLE, '')  # with options it is refused there, and changes nothing
    middleware = environment.get('RMW_IMPLEMENTATION') or FAST_DDS[0]
    return middleware in FAST_DDS and (not chosen or '?' in chosen)


def takes_words_only(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether Fast DDS is Humble's 2.6, which refuses options behind a ``?``.

    It says so in every process and goes on with its default transport.
    """
    return environment.get('ROS_DISTRO', '') == 'humble'
