"""What everybody runs needs none of the heavy libraries of the optional backends."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    'torch',
    'transformers',
    'tensorflow',
    'deepface',
    'retinaface',
    'silero_vad',
    'matplotlib',
)

PROGRAM = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f'{{name}} is not to be imported')

sys.meta_path.insert(0, Refuse())

import numpy as np
import mer_ros.cli.main, mer_ros.cli.up
import mer_ros.ros.face_emotion, mer_ros.ros.audio_emotion, mer_ros.ros.emotion_fusion
import mer_ros.ros.media_source
from mer_ros.models import registry

detector = registry.create('face_detector', 'haar')
detector.load()
detector.detect(np.zeros((120, 160, 3), np.uint8))
face = registry.create('face_classifier', 'lite')
face.load()
print(face.classify(np.zeros((1, 48, 48), np.uint8)).probabilities.shape)
audio = registry.create('audio_classifier', 'lite')
audio.load()
print(audio.classify(np.zeros((1, 16000), np.float32)).shape)
registry.create('speech_activity', 'silero')
"""


def test_the_default_backends_and_the_nodes_run_without_heavy_libraries() -> None:
    result = subprocess.run(
        [sys.executable, '-c', PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-2:] == ['(1, 7)', '(1, 7)']
