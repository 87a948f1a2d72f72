"""The file that training/fusion.py writes to."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mer_ros.fusion.parameters import EMBEDDED, FusionParameters, ParameterTable


@pytest.fixture
def fusion(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what runs the command with an invented fit, or None for one that must not come."""
    from training import fusion as command

    def run(out: Path, fitted: FusionParameters | None) -> int:
        def entries(*_: Any) -> dict[str, FusionParameters]:
            assert fitted is not None
            return {'a+b': fitted}

        monkeypatch.setattr(command, 'fitted_on_clips', entries)
        monkeypatch.setattr(sys, 'argv', ['fusion.py', '--data', 'clips.csv', '--out', str(out)])
        return command.main()

    return run


def test_a_new_file_is_a_table_that_a_node_takes(fusion: Any, tmp_path: Path) -> None:
    out = tmp_path / 'new/fusion.json'

    assert fusion(out, FusionParameters(face_weight=0.5)) == 0

    table = ParameterTable.read(out)
    assert table.names() == ['a+b', 'default']
    assert table.get('a+b').face_weight == 0.5
    assert table.get('default') == ParameterTable.read(EMBEDDED).get('default')


def test_what_else_a_file_holds_stays(fusion: Any, tmp_path: Path) -> None:
    out = tmp_path / 'fusion.json'
    out.write_text(EMBEDDED.read_text())

    fusion(out, FusionParameters())

    before, after = (json.loads(path.read_text()) for path in (EMBEDDED, out))
    assert after['pairs'].pop('a+b')
    assert after == before


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"pairs": 3}', None])
def test_a_file_that_is_no_table_is_refused_before_the_fit(
    fusion: Any, tmp_path: Path, text: str | None
) -> None:
    out = tmp_path / 'fusion.json'
    if text is None:
        out.mkdir()
    else:
        out.write_text(text)

    with pytest.raises(SystemExit, match=r'fusion\.json holds no fusion parameters') as caught:
        fusion(out, None)

    assert '\n' not in str(caught.value)
