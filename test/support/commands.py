"""The ``mer`` command as a process, and waiting for what it does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def mer(domain: str, *words: object, **options: Any) -> subprocess.Popen[str]:
    """Start ``mer`` in a ROS domain; its output can be read, unless the options say otherwise."""
    return subprocess.Popen(
        [sys.executable, '-m', 'mer_ros.cli.main', *map(str, words)],
        env={**os.environ, 'ROS_DOMAIN_ID': domain},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def until(condition: Callable[[], Any], seconds: float = 30.0) -> bool:
    """Wait until something holds; return whether it does before the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
