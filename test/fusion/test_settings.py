from __future__ import annotations

from dataclasses import fields

import pytest

from mer_ros.fusion.errors import FusionError
from mer_ros.fusion.settings import FusionSettings


def test_every_setting_has_a_description_and_every_number_a_range_that_holds_its_default() -> None:
    for item in fields(FusionSettings):
        assert item.metadata['description']
        if item.type == 'float':
            low, high = item.metadata['range']
            assert low <= item.default <= high


@pytest.mark.parametrize(
    'values',
    [
        {'smoothing_s': -1.0},
        {'smoothing_s': float('nan')},
        {'smoothing_s': '1'},
        {'smoothing_s': True},
        {'agreement_gating': 1},
        {'enter_threshold': 0.2, 'exit_threshold': 0.4},
        {'bind_threshold': 0.6, 'release_threshold': 0.7},
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(FusionError):
        FusionSettings(**values)  # type: ignore[arg-type]
