"""Begin a run with the weights of a shipped ``face_lite.onnx``.

The file has its batch normalisation folded into the convolutions. It is put back with the
statistics of the training images, so that the net answers as the file does and can go on learning.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from training.face_net import DeployedFaceNet, FaceNet, predict

IMAGES = 2048
"""Training images that the statistics are taken from."""
CHECKED, TOLERANCE = 64, 1e-3
"""Images on which the net must answer as the file does, and how closely."""
FLOOR = 1e-4
"""Deviations below this, of channels that say nothing, count as this."""


def net_from_onnx(path: Path, images: NDArray[np.uint8]) -> FaceNet:
    """Return the net that a file written by ``face_export`` holds, ready to be trained.

    Args:
        path: the file.
        images: (N, 48, 48) faces as in training.

    Raises:
        ValueError: the file holds another network, or the net does not answer as it does.
    """
    model = onnx.load(str(path))
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    net = FaceNet().eval()
    convolutions = {
        node.name.removeprefix('/net/').removesuffix('/Conv'): node.input
        for node in model.graph.node
        if node.op_type == 'Conv'
    }
    try:
        norms = [
            _fold_out(net, name, [_tensor(stored[each]) for each in inputs[1:]])
            for name, inputs in convolutions.items()
        ]
        for head in ('emotion', 'face'):
            layer = getattr(net, head)
            layer.weight.data.copy_(_tensor(stored[f'net.{head}.weight']))
            layer.bias.data.copy_(_tensor(stored[f'net.{head}.bias']))
    except (AttributeError, KeyError, RuntimeError) as error:
        raise ValueError(f'{path} is no face_lite of this network: {error}') from error
    _put_statistics_in(net, norms, images[:IMAGES])
    difference = same_answers(net, path, images[:CHECKED])
    if difference > TOLERANCE:
        raise ValueError(f'{path}: the net that was read answers differently by {difference:.2g}')
    return net


def offsets_of(path: Path) -> Tensor:
    """Return the (7,) offsets that the file adds to the logits."""
    model = onnx.load(str(path))
    stored = {each.name: each for each in model.graph.initializer}
    return _tensor(numpy_helper.to_array(stored['offset']))


def same_answers(net: FaceNet, path: Path, images: NDArray[np.uint8]) -> float:
    """Return the largest difference between the logits of the net and of the file."""
    from training.face_export import ShippedNet

    deployed = DeployedFaceNet(net, offsets_of(path)).eval()
    with torch.no_grad():
        ours, _ = deployed(torch.from_numpy(images).float()[:, None])
    theirs, _ = ShippedNet(path)(images)
    return float(np.abs(ours.numpy() - theirs).max())


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(values))


def _fold_out(net: FaceNet, name: str, values: list[Tensor]) -> tuple[nn.Module, nn.Module]:
    """Give a convolution its weights, and its norm the bias alone; return both."""
    path = name.split('/')
    convolution = net.get_submodule('.'.join(_unique(path)))
    parent = net.get_submodule('.'.join(_unique(path)[:-1]))
    last = _unique(path)[-1]
    follower = f'{last}_norm' if last in ('first', 'second') else str(int(last) + 1)
    norm = parent.get_submodule(follower)
    convolution.weight.data.copy_(values[0])
    norm.weight.data.fill_(1.0)
    norm.bias.data.copy_(values[1])
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
    return convolution, norm


def _unique(path: list[str]) -> list[str]:
    """Return ['features', '8', 'first'] of ['features', 'features.8', 'first']."""
    return [part.rpartition('.')[2] for part in path]


@torch.no_grad()
def _put_statistics_in(
    net: FaceNet, norms: list[tuple[nn.Module, nn.Module]], images: NDArray[np.uint8]
) -> None:
    """Let each norm take the mean and deviation out that it then puts back: nothing changes."""
    seen: list[list[Tensor]] = [[] for _ in norms]

    def watch(into: list[Tensor]) -> Callable[..., None]:
        return lambda module, inputs, output: into.append(_moments(output))

    hooks = [
        convolution.register_forward_hook(watch(into))
        for (convolution, _), into in zip(norms, seen, strict=True)
    ]
    predict(net, images)
    for hook in hooks:
        hook.remove()
    for (convolution, norm), moments in zip(norms, seen, strict=True):
        mean, square = torch.stack(moments).mean(dim=0)
        deviation = (square - mean * mean).clamp(min=0).sqrt().clamp(min=FLOOR)
        # The convolution's output gets a deviation of 1, as it has after its initialisation.
        convolution.weight.div_(deviation[:, None, None, None])
        norm.running_mean.copy_(mean / deviation)
        norm.running_var.fill_(1.0 - norm.eps)
        norm.weight.copy_(deviation)
        norm.bias.add_(mean)


def _moments(output: Tensor) -> Tensor:
    """Return (2, C): means of a (N, C, H, W) output and of its square."""
    return torch.stack([output.mean(dim=(0, 2, 3)), (output * output).mean(dim=(0, 2, 3))])
