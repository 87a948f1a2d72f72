"""Small random networks with the interface of large published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def write_zeros(path: Path, **outputs: tuple[int, ...]) -> None:
    """Write a network that says 0 to (N, 1, 48, 48) images: outputs (N, ...) by name."""
    onnx = pytest.importorskip('onnx')
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    number = onnx.TensorProto.FLOAT
    nodes = [helper.make_node('Flatten', ['images'], ['flat'])]
    weights, gives = [], []
    for name, shape in outputs.items():
        zeros = np.zeros((48 * 48, int(np.prod(shape))), np.float32)
        weights.append(numpy_helper.from_array(zeros, f'{name}_weights'))
        weights.append(numpy_helper.from_array(np.array([-1, *shape], np.int64), f'{name}_shape'))
        nodes.append(helper.make_node('MatMul', ['flat', f'{name}_weights'], [f'{name}_flat']))
        nodes.append(helper.make_node('Reshape', [f'{name}_flat', f'{name}_shape'], [name]))
        gives.append(helper.make_tensor_value_info(name, number, ['n', *shape]))
    takes = helper.make_tensor_value_info('images', number, ['n', 1, 48, 48])
    graph = helper.make_graph(nodes, 'zeros', [takes], gives, weights)
    opset = [helper.make_opsetid('', 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))


def write_embedder(path: Path, size: int, length: int) -> None:
    """Write a random embedding network: (N, size, size, 3) in, (N, length) out.

    One convolution with strides, its mean taken away, and a random projection: equal images
    give equal vectors, different ones different vectors.
    """
    onnx = pytest.importorskip('onnx')
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    rng = np.random.default_rng(7)
    stride = size // 8
    weights = {
        'kernel': rng.normal(size=(8, 3, stride, stride)).astype(np.float32) / stride,
        'projection': rng.normal(size=(8 * 64, length)).astype(np.float32),
    }
    strides = {'strides': [stride, stride], 'kernel_shape': [stride, stride]}
    nodes = [
        helper.make_node('Transpose', ['images'], ['planes'], perm=[0, 3, 1, 2]),
        helper.make_node('Conv', ['planes', 'kernel'], ['maps'], **strides),
        helper.make_node('Flatten', ['maps'], ['flat']),
        helper.make_node('ReduceMean', ['flat'], ['mean'], axes=[1], keepdims=1),
        helper.make_node('Sub', ['flat', 'mean'], ['centred']),
        helper.make_node('MatMul', ['centred', 'projection'], ['embedding']),
    ]
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        'embedder',
        [helper.make_tensor_value_info('images', number, ['n', size, size, 3])],
        [helper.make_tensor_value_info('embedding', number, ['n', length])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = [helper.make_opsetid('', 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
