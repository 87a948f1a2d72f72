"""How our processes talk: room in Fast DDS's sockets for whole images.

Fast DDS as it comes loses most 640x480 images between two processes with best-effort QoS: the
fragments overrun the publisher's send buffer. A larger buffer on the publisher's side mends it
and still talks to participants that set nothing (LARGE_DATA does not).
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

VARIABLE = 'FASTDDS_BUILTIN_TRANSPORTS'
VALUE = 'DEFAULT?sockets_size=4MB'
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
    profiles = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
    if chosen or any(environment.get(name) for name in profiles):
        return chosen
    if middleware and middleware not in FAST_DDS:
        return ''
    environment[VARIABLE] = VALUE
    return VALUE
