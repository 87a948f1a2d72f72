"""Fixtures of the fusion's tests."""

from __future__ import annotations

import pytest
from fusion_arrays import MakeEngine
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from mer_ros.fusion.engine import FusionEngine
from mer_ros.fusion.parameters import FusionParameters, ParameterTable
from mer_ros.fusion.settings import FusionSettings

hypothesis_settings.register_profile(
    'shared machine', deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile('shared machine')


@pytest.fixture
def make_engine() -> MakeEngine:
    """Return a function that makes an engine with some settings."""

    def make(parameters: FusionParameters | None = None, **settings: object) -> FusionEngine:
        table = ParameterTable.single(parameters or FusionParameters())
        return FusionEngine(FusionSettings(**settings), table)  # type: ignore[arg-type]

    return make
