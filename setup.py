"""The Python part for pip: library, ``mer`` command, models. The messages come from colcon.

On a robot, and in ``make build``, CMakeLists.txt installs the same files; this is for machines
that use the core without ROS, and for the extras.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements(name: str) -> list[str]:
    """Return the lines of requirements/<name>.txt that are no comments."""
    lines = (HERE / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


VERSION = re.search(r"__version__ = '(.+)'", (HERE / 'mer_ros' / '__init__.py').read_text())

setup(
    name='mer_ros',
    version=VERSION.group(1),
    description='Multimodal emotion recognition for ROS 2: faces, voices, and both fused',
    license='Apache-2.0 AND CC-BY-NC-SA-4.0 AND LicenseRef-FER2013-research-use',
    license_files=['LICENSE'],
    python_requires='>=3.10',
    packages=find_packages(include=['mer_ros', 'mer_ros.*']),
    package_data={'mer_ros': ['**/*.json', '**/*.onnx', '**/*.yaml']},
    install_requires=requirements('runtime'),
    extras_require={
        'deepface': ['deepface>=0.0.103', 'retina-face>=0.0.19', 'werkzeug'],
        'test': requirements('test'),
        'train': ['onnx', 'soundfile', 'torch'],
        'wav2vec2': ['onnx', 'safetensors', 'torch', 'transformers'],
    },
    entry_points={'console_scripts': ['mer = mer_ros.cli.main:main']},
    zip_safe=False,
)
