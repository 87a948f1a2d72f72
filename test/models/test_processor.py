from __future__ import annotations

from pathlib import Path

import pytest

from mer_ros.models.processor import has_bfloat16


@pytest.mark.parametrize(
    ('flags', 'expected'),
    [
        ('flags\t\t: fpu avx2 avx512f avx512_bf16', True),
        ('flags\t\t: fpu amx_bf16 amx_tile', True),
        ('Features\t: fp asimd bf16', True),  # ARM
        ('flags\t\t: fpu avx2 avx512f avx512_vnni', False),
    ],
)
def test_bfloat16_is_told_by_the_flags(flags: str, expected: bool, tmp_path: Path) -> None:
    described = tmp_path / 'cpuinfo'
    described.write_text(f'processor\t: 0\n{flags}\n')
    assert has_bfloat16(described) is expected


def test_without_linux_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('platform.system', lambda: 'Darwin')
    assert has_bfloat16() is False
