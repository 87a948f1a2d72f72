import re
import subprocess
import sys

import numpy as np
import pytest

from mer_ros.models import registry
from mer_ros.models.errors import ModelError

PACKAGE = """
class Detector:
    name, version = 'mine', '1'

    def __init__(self, speed=1):
        self.speed = speed

    def load(self):
        pass

    def detect(self, image_bgr):
        return []
"""


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    """Install a package that adds a detector, the way pip would."""
    (tmp_path / 'their_package.py').write_text(PACKAGE)
    info = tmp_path / 'their_package-1.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: their-package\nVersion: 1\n')
    (info / 'entry_points.txt').write_text(
        '[mer_ros.backends]\n'
        'face_detector.mine = their_package:Detector\n'
        'face_detector.broken = their_package:Nothing\n'
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ('task', 'name'),
    [(task, name) for task in registry.tasks() for name in registry.names(task)],
)
def test_every_backend_that_the_catalogue_names_can_be_made(task, name):
    backend = registry.create(task, name)
    assert callable(backend.load)


def test_the_four_tasks_have_the_design_defaults():
    assert 'haar' in registry.names('face_detector')
    assert 'lite' in registry.names('face_classifier')
    assert 'lite' in registry.names('audio_classifier')
    assert 'silero' in registry.names('speech_activity')


def test_unknown_names_and_tasks_list_what_there_is():
    with pytest.raises(ModelError, match=r"'harr'; there are haar, yunet"):
        registry.create('face_detector', 'harr')
    with pytest.raises(ModelError, match=r"'smell'; there are face_detector"):
        registry.create('smell', 'lite')


def test_options_reach_the_class_and_unknown_ones_are_refused(third_party):
    assert registry.create('face_detector', 'mine', speed=3).speed == 3
    with pytest.raises(ModelError, match='colour'):
        registry.create('face_detector', 'mine', colour=3)


def test_only_options_that_the_class_has_are_accepted(third_party):
    assert registry.accepted('face_detector', 'mine', {'speed': 3, 'colour': 3}) == {'speed': 3}
    offered = {'dtype': 'int8', 'device': 'cpu', 'threads': 2}
    assert registry.accepted('audio_classifier', 'wav2vec2', offered) == offered
    assert registry.accepted('audio_classifier', 'lite', offered) == {'threads': 2}
    with pytest.raises(ModelError, match='there are lite'):
        registry.accepted('audio_classifier', 'wave', offered)


def test_a_package_adds_a_backend_by_entry_point(third_party):
    assert registry.names('face_detector')[-2:] == ('mine', 'broken')
    assert registry.create('face_detector', 'mine').name == 'mine'


def test_a_backend_that_cannot_be_imported_says_why(third_party):
    with pytest.raises(ModelError, match='cannot be imported'):
        registry.create('face_detector', 'broken')


def test_names_import_nothing_heavy():
    code = (
        'import sys; from mer_ros.models import registry; registry.names("face_classifier"); '
        'heavy = {"torch", "deepface", "transformers", "cv2", "onnxruntime"} & set(sys.modules); '
        'sys.exit(str(heavy) if heavy else 0)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_example_of_the_documentation_works(repository, tmp_path, monkeypatch):
    text = (repository / 'docs' / 'backends.md').read_text()
    code = re.search(r'```python\n# (\w+)\.py\n(.*?)```', text, re.DOTALL)
    entry = re.search(r'```toml.*?(\[project\.entry-points.*?)```', text, re.DOTALL)
    (tmp_path / f'{code[1]}.py').write_text(code[2])
    name, value = re.search(r"'(face_detector\.\w+)' = '([\w:]+)'", entry[1]).groups()
    info = tmp_path / 'documented-1.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: documented\nVersion: 1\n')
    (info / 'entry_points.txt').write_text(f'[mer_ros.backends]\n{name} = {value}\n')
    monkeypatch.syspath_prepend(tmp_path)

    detector = registry.create('face_detector', name.partition('.')[2], share=0.25)
    detector.load()
    found = detector.detect(np.zeros((480, 640, 3), np.uint8))
    assert found[0].box.tolist() == [260, 180, 120, 120]
