"""How much CPU and memory processes take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psutil


class Usage:
    """CPU time of processes from now on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        """Begin to count.

        Args:
            pids: processes by name.
        """
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._begun = time.monotonic()
        self._before = {name: _cpu_s(each) for name, each in self._processes.items()}

    def since_start(self) -> dict[str, dict[str, float]]:
        """Return ``cpu`` (busy cores, mean) and ``rss_mb`` by name, of those that still run."""
        seconds = max(time.monotonic() - self._begun, 1e-6)
        found: dict[str, dict[str, float]] = {}
        for name, process in self._processes.items():
            try:
                busy = _cpu_s(process) - self._before[name]
                memory = process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            found[name] = {'cpu': round(busy / seconds, 3), 'rss_mb': round(memory / 2**20, 1)}
        return found


def _cpu_s(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
