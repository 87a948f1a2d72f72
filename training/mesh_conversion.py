"""MediaPipe's face mesh as ONNX: makes mer_ros/models/embedded/face_mesh.onnx and its card.

    pip download --no-deps --only-binary :all: --python-version 311 mediapipe==0.10.21
    unzip -j mediapipe-*.whl mediapipe/modules/face_landmark/face_landmark.tflite
    python -m training.mesh_conversion face_landmark.tflite --output mer_ros/models/embedded

The weights are Google's (Apache-2.0, as the wheel that carries them), bit for bit: only the format
changes. Needs tensorflow, tf2onnx and onnx, which nothing else here does: give it an environment of
its own. The file is the one that MediaPipe's own build fetches, by the hash in its WORKSPACE.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SOURCE_SHA256 = '1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814'
SIZE, POINTS = 192, 468


def main() -> int:
    """Convert and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('tflite', type=Path)
    parser.add_argument('--output', type=Path, required=True, help='folder')
    options = parser.parse_args()
    digest = hashlib.sha256(options.tflite.read_bytes()).hexdigest()
    if digest != SOURCE_SHA256:
        parser.error(f'{options.tflite} has sha256 {digest}, not {SOURCE_SHA256}')
    model = halved(named(converted(options.tflite)))
    onnx.checker.check_model(model)
    path = options.output / 'face_mesh.onnx'
    onnx.save(model, str(path))
    path.with_suffix('.json').write_text(json.dumps(card(path), indent=1) + '\n')
    return 0


def converted(tflite: Path) -> onnx.ModelProto:
    """Return what tf2onnx makes of the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'mesh.onnx'
        words = ['--tflite', str(tflite), '--output', str(path), '--opset', '13']
        subprocess.run([sys.executable, '-m', 'tf2onnx.convert', *words], check=True)
        return onnx.load(str(path))


def named(model: onnx.ModelProto) -> onnx.ModelProto:
    """Call the tensors what they are: image in, points and face_logit out."""
    names = {model.graph.input[0].name: 'image'}
    for output in model.graph.output:
        length = output.type.tensor_type.shape.dim[-1].dim_value
        names[output.name] = 'points' if length == 3 * POINTS else 'face_logit'
    for value in (*model.graph.input, *model.graph.output):
        value.name = names[value.name]
    for node in model.graph.node:
        for ends in (node.input, node.output):
            ends[:] = [names.get(name, name) for name in ends]
    return model


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights as the float16 that they are in the source; refuse to lose any."""
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        full = numpy_helper.to_array(weight)
        half = full.astype(np.float16)
        if full.size < 16 or not np.array_equal(half.astype(np.float32), full):
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(half, f'{name}_half'))
        casts.append(helper.make_node('Cast', [f'{name}_half'], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def card(path: Path) -> dict[str, object]:
    """Return the model's card."""
    return {
        'name': 'face_mesh',
        'version': '1.0',
        'task': 'face_landmarks',
        'temperature': 1.0,
        'prior': [1 / 7] * 7,
        'input': {'name': 'image', 'shape': [1, SIZE, SIZE, 3], 'range': [0, 1], 'colour': 'RGB'},
        'metrics': {},
        'licence': 'Apache-2.0',
        'source': 'face_landmark.tflite of MediaPipe (Google LLC), converted to ONNX',
        'source_sha256': SOURCE_SHA256,
        'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
    }


if __name__ == '__main__':
    sys.exit(main())
