"""package.xml, setup.py and the sources say the same."""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import mer_ros

ROS_MODULES = {
    'audio_common_msgs',
    'builtin_interfaces',
    'cv_bridge',
    'diagnostic_msgs',
    'geometry_msgs',
    'launch',
    'launch_ros',
    'lifecycle_msgs',
    'message_filters',
    'rcl_interfaces',
    'rclpy',
    'rosgraph_msgs',
    'sensor_msgs',
    'std_msgs',
    'std_srvs',
}
DISTRIBUTIONS = {
    'cv2': 'opencv-contrib-python-headless',
    'yaml': 'PyYAML',
}
"""What pip calls a module, where the names differ."""

COME_WITH_ROS = {'ament_index_python'}
EXTRAS = {
    'deepface',
    'onnx',
    'retinaface',
    'safetensors',
    'skimage',
    'tensorflow',
    'torch',
    'transformers',
}
"""Imported only by what asks for them, when it is configured."""


@pytest.fixture(scope='session')
def manifest(repository: Path) -> ElementTree.Element:
    return ElementTree.parse(repository / 'package.xml').getroot()


def imported(folder: Path) -> set[str]:
    """Return the top-level names of every absolute import below a folder."""
    names: set[str] = set()
    for file in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.split('.')[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split('.')[0])
    return names - set(sys.stdlib_module_names) - {'mer_ros', '_typeshed'}


def runtime_requirements(repository: Path) -> set[str]:
    lines = (repository / 'requirements' / 'runtime.txt').read_text().splitlines()
    return {re.split('[<>=!~]', line)[0] for line in lines if line and not line.startswith('#')}


def test_the_manifest_is_format_3_with_a_valid_address_and_both_licences(
    manifest: ElementTree.Element, repository: Path
) -> None:
    assert manifest.get('format') == '3'
    assert manifest.findtext('name') == 'mer_ros'
    address = manifest.find('maintainer').get('email')
    assert re.fullmatch(r'[\w.+-]+@[\w-]+(\.[\w-]+)+', address)
    assert [tag.text for tag in manifest.findall('license')] == [
        'Apache-2.0',
        'CC-BY-NC-SA-4.0',
        'LicenseRef-FER2013-research-use',
    ]
    assert 'Version 2.0, January 2004' in (repository / 'LICENSE').read_text()
    assert manifest.find('export').findtext('build_type') == 'ament_cmake'


def test_the_version_is_the_same_everywhere(manifest: ElementTree.Element) -> None:
    assert manifest.findtext('version') == mer_ros.__version__


def test_every_ros_package_that_is_imported_is_declared(
    manifest: ElementTree.Element, repository: Path
) -> None:
    declared = {tag.text for tag in [*manifest.findall('depend'), *manifest.findall('exec_depend')]}
    used = imported(repository / 'mer_ros') | imported(repository / 'launch')
    assert (used & ROS_MODULES) - declared == set()


def test_every_other_package_that_is_imported_is_required(repository: Path) -> None:
    required = runtime_requirements(repository)
    used = imported(repository / 'mer_ros') - ROS_MODULES - COME_WITH_ROS - EXTRAS
    assert {DISTRIBUTIONS.get(name, name) for name in used} - required == set()


def test_every_requirement_is_used(repository: Path) -> None:
    text = '\n'.join(file.read_text() for file in (repository / 'mer_ros').rglob('*.py'))
    modules = {distribution: module for module, distribution in DISTRIBUTIONS.items()}

    def is_used(name: str) -> bool:
        module = modules.get(name, name)
        return bool(re.search(rf"(import|from) {module}\b|import_module\('{module}'\)", text))

    unused = {name for name in runtime_requirements(repository) if not is_used(name)}
    assert unused == set()


def test_the_base_set_needs_no_torch(repository: Path) -> None:
    required = runtime_requirements(repository)
    assert not required & {'torch', 'tensorflow', 'transformers', 'silero-vad', 'deepface'}


def test_nothing_below_the_nodes_imports_the_messages(repository: Path) -> None:
    package = repository / 'mer_ros'
    offenders = [
        file.relative_to(package)
        for file in package.rglob('*.py')
        if file.relative_to(package).parts[0] not in {'ros', 'cli'}
        and re.search(r'^\s*(from|import) mer_ros\.msg\b', file.read_text(), re.MULTILINE)
    ]
    assert offenders == []


def test_every_constraints_file_is_named_for_what_it_serves(repository: Path) -> None:
    names = {file.stem for file in (repository / 'requirements' / 'constraints').iterdir()}
    assert names == {'humble', 'jazzy', 'kilted', 'lyrical', 'wheels'}
