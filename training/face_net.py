"""The embedded face classifier: a residual network of 1.9 M parameters on 48x48 grey crops.

Residual blocks after He et al. (2016), strided shortcuts by average pooling (He et al., 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.face_data import CLASSES

SIZE = 48


@dataclass(frozen=True)
class Shape:
    """How large a net is.

    Attributes:
        widths: channels of the four stages.
        depths: residual blocks of each.
        stride: of the stem's second convolution; 1 keeps the first stage at 48x48.
        gate: each block weighs its channels by squeeze and excitation (Hu et al., 2018).
    """

    widths: tuple[int, ...] = (32, 64, 128, 256)
    depths: tuple[int, ...] = (2, 2, 3, 1)
    stride: int = 2
    gate: bool = False


SHIPPED = Shape((32, 64, 160, 256), (1, 2, 2, 1))
"""1.96 M parameters, for the robot."""
TEACHER = Shape((48, 96, 192, 384), (2, 2, 2, 2), stride=1, gate=True)
"""6.5 M parameters and nine times the arithmetic: what the shipped net learns from."""


def standardise(images: Tensor) -> Tensor:
    """Return (N, 1, 48, 48) images with zero mean and unit deviation each: light cancels out."""
    centred = images - images.mean(dim=(2, 3), keepdim=True)
    deviation = (centred * centred).mean(dim=(2, 3), keepdim=True).sqrt()
    return centred / (deviation + 4.0)


class Gate(nn.Module):  # type: ignore[misc]
    """Squeeze and excitation: each channel weighed by what all of them say of the whole face."""

    def __init__(self, channels: int) -> None:
        """Squeeze to a quarter of the channels."""
        super().__init__()
        self.down = nn.Conv2d(channels, channels // 4, 1)
        self.up = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the weighed features."""
        squeezed = functional.relu(self.down(features.mean(dim=(2, 3), keepdim=True)))
        return features * torch.sigmoid(self.up(squeezed))


class Block(nn.Module):  # type: ignore[misc]
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, gate: bool) -> None:
        """Halve the size where ``stride`` is 2."""
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.gate: nn.Module = Gate(outputs) if gate else nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                # count_include_pad: as in audio_network.py, for crops of an odd size
                nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)
                if stride == 2
                else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's features."""
        inner = functional.relu(self.first_norm(self.first(features)), inplace=True)
        inner = self.gate(self.second_norm(self.second(inner)))
        return functional.relu(inner + self.shortcut(features), inplace=True)


class FaceNet(nn.Module):  # type: ignore[misc]
    """Images (N, 1, 48, 48) in 0..255 -> logits (N, 8), contempt last, and face logit (N,)."""

    def __init__(self, shape: Shape = SHIPPED, dropout: float = 0.2) -> None:
        """Build it with random weights."""
        super().__init__()
        self.shape = shape
        channels = shape.widths[0]
        layers: list[nn.Module] = [
            nn.Conv2d(1, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),
            nn.Conv2d(32, channels, 3, shape.stride, 1, bias=False), nn.BatchNorm2d(channels),
            nn.ReLU(True),
        ]  # fmt: skip
        for stage, (width, depth) in enumerate(zip(shape.widths, shape.depths, strict=True)):
            for index in range(depth):
                stride = 2 if index == 0 and stage else 1
                layers.append(Block(channels, width, stride, shape.gate))
                channels = width
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.emotion = nn.Linear(channels, CLASSES)
        self.face = nn.Linear(channels, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
            elif isinstance(module, Block):
                nn.init.zeros_(module.second_norm.weight)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return (emotion logits (N, 8), face logit (N,))."""
        features = self.features(standardise(images)).mean(dim=(2, 3))
        features = self.dropout(features)
        return self.emotion(features), self.face(features)[:, 0]


class DeployedFaceNet(nn.Module):  # type: ignore[misc]
    """What is shipped: our seven logits, with the offsets fitted on the held-out part."""

    def __init__(self, net: FaceNet, offset: Tensor) -> None:
        """Take a trained net and (7,) offsets that are added to its logits."""
        super().__init__()
        self.net = net
        self.register_buffer('offset', offset)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return (logits (N, 7), face_logit (N,)) of images (N, 1, 48, 48) in 0..255."""
        logits, face = self.net(images)
        return logits[:, :-1] + self.offset, face


def predict(net: FaceNet, images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Return float32 (logits (N, 8), face logit (N,)) of (N, 48, 48) images, on the CPU."""
    logits, faces = [], []
    device = next(net.parameters()).device
    net.eval()
    with torch.no_grad():
        for start in range(0, len(images), 256):
            batch = torch.from_numpy(images[start : start + 256]).to(device).float()[:, None]
            logit, face = net(batch)
            logits.append(logit)
            faces.append(face)
    return torch.cat(logits).cpu(), torch.cat(faces).cpu()
