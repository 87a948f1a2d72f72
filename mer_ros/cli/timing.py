"""Timing our way beside the reference ways, turn by turn, so that a busy machine hits all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import psutil

WARM_UP = 3


def compare(
    ours: Callable[[int], object],
    references: Mapping[str, Callable[[int], object]],
    runs: int,
) -> dict[str, Any]:
    """Return the fixed fields of `mer benchmark`.

    Args:
        ours: does the work once; gets the number of the run.
        references: the same work done in other ways, by name; the first is the one that counts.
        runs: how often each does it.

    Returns:
        ``ms`` and ``reference_ms`` (p50, p95), ``ratio`` (reference p50 / ours), ``reference``
        (its name), ``references`` (all), ``cpu`` (busy cores while ours ran), ``rss_mb``,
        ``runs``.
    """
    ways = {'': ours, **references}
    for way in ways.values():
        for index in range(WARM_UP):
            way(index)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    busy = 0.0
    for index in range(runs):
        for name, way in ways.items():
            before = time.process_time()
            begun = time.perf_counter()
            way(index + WARM_UP)
            seconds[name].append(time.perf_counter() - begun)
            if not name:
                busy += time.process_time() - before
    found = {name: quantiles_ms(each) for name, each in seconds.items()}
    mine = found.pop('')
    table = {
        name: {'ms': each, 'ratio': ratio(each['p50'], mine['p50'])} for name, each in found.items()
    }
    first = next(iter(table))
    return {
        'ms': mine,
        'reference_ms': table[first]['ms'],
        'ratio': table[first]['ratio'],
        'reference': first,
        'references': table,
        'cpu': round(busy / max(sum(seconds['']), 1e-9), 3),
        'rss_mb': round(psutil.Process().memory_info().rss / 2**20, 1),
        'runs': runs,
    }


def quantiles_ms(seconds: list[float]) -> dict[str, float]:
    """Return ``p50`` and ``p95`` in milliseconds."""
    p50, p95 = np.percentile(seconds, (50, 95)) * 1e3
    return {'p50': round(float(p50), 3), 'p95': round(float(p95), 3)}


def ratio(reference: float, ours: float) -> float:
    """Return how many times faster ours is."""
    return round(reference / max(ours, 1e-9), 2)
