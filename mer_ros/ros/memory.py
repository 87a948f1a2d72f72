"""Handing memory back to the system after large models are freed.

glibc keeps what was freed: without this the node was 220 MB larger for good after RetinaFace had
been its detector once (`python -m benchmarks.backend_switching`). Other C libraries have neither
these calls nor the habit.
"""

from __future__ import annotations

import ctypes
import gc

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
_LARGE = 8 << 20
"""Bytes above which a block is mapped by itself and goes back when it is freed; more than a
full-HD image, which comes anew with every message."""


def settle() -> None:
    """Keep freed memory from being scattered; call it before there are threads."""
    tune = getattr(ctypes.CDLL(None), 'mallopt', None)
    if tune is not None:
        tune(_M_ARENA_MAX, 2)
        tune(_M_MMAP_THRESHOLD, _LARGE)  # fixed: glibc raises it with every large block freed


def give_back() -> None:
    """Collect cycles, and let the C library return what its arenas hold unused."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)
