"""What this machine's processor can do, for choosing number formats."""

from __future__ import annotations

import platform
from pathlib import Path

BFLOAT16_FLAGS = frozenset({'avx512_bf16', 'amx_bf16', 'bf16'})
CPU_INFO = Path('/proc/cpuinfo')


def has_bfloat16(described: Path = CPU_INFO) -> bool:
    """Return whether the CPU multiplies bfloat16 in hardware (Linux; False elsewhere).

    Without it bfloat16 is emulated and much slower than float32.

    Args:
        described: what Linux says of the processor.
    """
    if platform.system() != 'Linux':
        return False
    words = set(described.read_text(encoding='utf-8', errors='replace').split())
    return bool(words & BFLOAT16_FLAGS)
