from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mer_ros.audio.settings import AudioSettings
from mer_ros.face.settings import FaceSettings
from mer_ros.fusion.settings import FusionSettings
from mer_ros.ros.parameter_docs import markdown
from mer_ros.ros.parameter_spec import Values
from mer_ros.ros.parameters import NODES

SETTINGS = {
    'face_emotion': FaceSettings,
    'audio_emotion': AudioSettings,
    'emotion_fusion': FusionSettings,
}
LISTS = {'deployed_prior'}
"""Fields that are lists are for programs that use the core directly."""


def test_the_nodes_are_those_of_the_design() -> None:
    assert list(NODES) == ['face_emotion', 'audio_emotion', 'emotion_fusion', 'media_source']


@pytest.mark.parametrize('node', NODES)
def test_names_are_unique_and_every_parameter_is_described(node: str) -> None:
    names = [spec.name for spec in NODES[node]]
    assert len(set(names)) == len(names)
    assert 'autostart' in names
    for spec in NODES[node]:
        assert spec.description.endswith('.'), spec.name
        spec.check(spec.default)
        numeric = isinstance(spec.default, (int, float)) and not isinstance(spec.default, bool)
        assert not numeric or None not in (spec.minimum, spec.maximum), spec.name


@pytest.mark.parametrize('node', SETTINGS)
def test_every_setting_of_the_core_is_a_parameter_with_the_same_default(node: str) -> None:
    settings: Any = SETTINGS[node]
    names = {spec.name for spec in NODES[node]}
    assert {field.name for field in dataclasses.fields(settings)} - names <= LISTS
    assert Values(NODES[node], {}).settings(settings) == settings()


@pytest.mark.parametrize('node', SETTINGS)
def test_the_core_takes_each_end_of_a_range(node: str) -> None:
    settings: Any = SETTINGS[node]
    fields = {field.name for field in dataclasses.fields(settings)}
    for spec in NODES[node]:
        if spec.name not in fields or spec.minimum is None:
            continue
        kind = type(spec.default)
        others = {'enter_threshold': 1.0, 'bind_threshold': 1.0, 'exit_threshold': 0.0}
        others |= {'release_threshold': 0.0, 'buffer_s': 300.0}
        for end in (spec.minimum, spec.maximum):
            given = {name: value for name, value in others.items() if name in fields}
            if spec.name in ('exit_threshold', 'release_threshold', 'buffer_s', 'hop_s'):
                given |= {'window_s': 0.5, 'hop_s': 0.5} if 'hop_s' in fields else {}
            if spec.name in ('enter_threshold', 'bind_threshold'):
                given |= {'exit_threshold': 0.0, 'release_threshold': 0.0}
            Values(NODES[node], {**given, spec.name: kind(end)}).settings(settings)


def test_the_documentation_is_that_of_the_declarations(repository: Path) -> None:
    page = (repository / 'docs' / 'parameters.md').read_text(encoding='utf-8')
    assert page == markdown(), 'run python3 -m mer_ros.ros.parameter_docs > docs/parameters.md'


@pytest.mark.parametrize('name', ['parameter_docs', 'parameter_file'])
def test_the_writers_of_the_pages_take_no_arguments_and_say_what_they_write(name: str) -> None:
    argv = [sys.executable, '-m', f'mer_ros.ros.{name}']
    page, shown, refused = (
        subprocess.run([*argv, *words], capture_output=True, text=True, check=False)
        for words in ([], ['--help'], ['docs/parameters.md'])
    )
    assert [each.returncode for each in (page, shown, refused)] == [0, 0, 2]
    assert 'max_faces' in page.stdout
    assert shown.stdout.startswith(f'usage: python3 -m mer_ros.ros.{name} [-h]')
    assert 'max_faces' not in shown.stdout
    assert refused.stdout == ''
