import os
import subprocess
import sys

import numpy as np
import pytest

from mer_ros.models.errors import ModelError
from mer_ros.models.session import OnnxModel


@pytest.fixture
def yunet(shared_data):
    return shared_data / 'weights' / 'face_detection_yunet_2023mar.onnx'


def test_runs_a_real_file_and_its_bytes_alike(yunet):
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 640, 640)).astype(np.float32)
    from_path, from_bytes = OnnxModel(yunet), OnnxModel(yunet.read_bytes())
    assert from_path.inputs == {'input': (1, 3, 640, 640)}
    first, second = (net.run({'input': image}) for net in (from_path, from_bytes))
    assert set(first) == set(from_path.outputs)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_truncated_file_is_an_error_in_one_line(yunet, tmp_path):
    path = tmp_path / 'half.onnx'
    path.write_bytes(yunet.read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r'cannot load .*half\.onnx.*delete the file') as caught:
        OnnxModel(path)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('content', [b'', b'not a model', b'\x00' * 1000])
def test_no_model_at_all_is_an_error(tmp_path, content):
    path = tmp_path / 'm.onnx'
    path.write_bytes(content)
    with pytest.raises(ModelError, match='ONNX Runtime cannot load'):
        OnnxModel(path).run({'input': np.zeros(1, np.float32)})


def test_missing_file_and_wrong_threads_are_named(tmp_path, yunet):
    with pytest.raises(ModelError, match='no model file'):
        OnnxModel(tmp_path / 'nothing.onnx')
    with pytest.raises(ModelError, match='threads is 0'):
        OnnxModel(yunet, threads=0)


def test_wrong_inputs_say_what_the_model_takes(yunet):
    net = OnnxModel(yunet)
    with pytest.raises(ModelError, match=r"takes \['input'\], not \['image'\]"):
        net.run({'image': np.zeros((1, 3, 640, 640), np.float32)})
    with pytest.raises(ModelError, match='failed'):
        net.run({'input': np.zeros((1, 3, 64, 64), np.float32)})
    with pytest.raises(ModelError, match='failed'):
        net.run({'input': np.zeros((1, 3, 640, 640), np.uint8)})


def test_nothing_is_told_to_the_vendor_of_onnx_runtime(tmp_path, repository):
    code = (
        'import numpy as np; from mer_ros.models import registry; '
        'net = registry.create("face_classifier", "lite"); net.load(); '
        'print(net.classify(np.zeros((1, 48, 48), np.uint8)).probabilities.shape)'
    )
    environment = {**os.environ, 'HOME': str(tmp_path), 'XDG_CACHE_HOME': str(tmp_path / 'cache')}
    environment.pop('ORT_DISABLE_TELEMETRY', None)
    done = subprocess.run(
        [sys.executable, '-c', code],
        env=environment,
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == '(1, 7)\n'
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob('*')}
    assert written <= {'cache', 'cache/mer_ros', 'cache/mer_ros/verified.json'}
