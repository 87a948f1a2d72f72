"""The network of the embedded speech model: log-mel in, seven logits out, normalisation inside.

A residual CNN with squeeze-and-excitation (Hu et al., 2018) over mel x time, then attentive
statistics pooling (Okabe et al., 2018) over time, so that any length from half a second on works.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mer_ros.audio.log_mel import BANDS
from mer_ros.emotions import COUNT

WIDTHS = (32, 64, 128, 192)
DEPTHS = (1, 2, 2, 1)
EMBEDDING = 192
CLAMP = 11.0
"""Natural-log units below the window's mean power at which the spectrum is cut off (48 dB)."""


class Normalisation(nn.Module):
    """Make a window independent of gain, and offer the network a channel-free view as well."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.linspace(-1.0, 1.0, BANDS).reshape(1, 1, BANDS, 1))

    def forward(self, logmel: Tensor) -> Tensor:
        """Return (N, 3, 64, T): relative level, the same less its mean in each band, position."""
        x = logmel.float().unsqueeze(1)
        level = torch.log(torch.exp(x).mean(dim=(2, 3), keepdim=True))
        relative = torch.clamp(x - level, min=-CLAMP) / 4.0
        centred = relative - relative.mean(dim=3, keepdim=True)
        position = self.position + torch.zeros_like(relative)
        return torch.cat([relative + 1.0, centred, position], dim=1)


class Gate(nn.Module):
    """Squeeze-and-excitation over channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, channels // 8, 1)
        self.up = nn.Conv2d(channels // 8, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with each channel scaled by a gate in (0, 1)."""
        squeezed = functional.relu(self.down(x.mean(dim=(2, 3), keepdim=True)))
        return x * torch.sigmoid(self.up(squeezed))


class Block(nn.Module):
    """Two 3x3 convolutions with a gate and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.gate = Gate(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            # What is cut off at the end counts by what is there. Nothing is padded, but ONNX
            # Runtime 1.23 takes the rest for padding and divides by all of it unless told not to.
            pool = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)
            self.shortcut = nn.Sequential(
                pool if stride != 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )
        nn.init.zeros_(self.second_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's activations after the rectifier."""
        y = functional.relu(self.first_norm(self.first(x)))
        y = self.gate(self.second_norm(self.second(y)))
        return functional.relu(y + self.shortcut(x))


class StatisticsPooling(nn.Module):
    """Mean and standard deviation over time under learned attention, one map a channel group."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.Conv1d(channels, 64, 1), nn.Tanh(), nn.Conv1d(64, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T) to (N, 2 C)."""
        weights = torch.softmax(self.attention(x), dim=2)
        mean = (x * weights).sum(dim=2)
        spread = (x * x * weights).sum(dim=2) - mean * mean
        return torch.cat([mean, torch.sqrt(torch.clamp(spread, min=1e-4))], dim=1)


class AudioNetwork(nn.Module):
    """Log-mel (N, 64, T) to logits (N, 7).

    Args:
        width: factor on the channels of every layer, rounded to eights.
        dropout: before the last layer.

    Attributes:
        statistics: how many numbers a window is pooled to.
    """

    def __init__(self, width: float = 1.0, dropout: float = 0.3) -> None:
        super().__init__()
        widths = [max(8, 8 * round(width * channels / 8)) for channels in WIDTHS]
        embedding = max(8, 8 * round(width * EMBEDDING / 8))
        self.statistics = 2 * embedding
        self.normalise = Normalisation()
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 5, 2, 2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        blocks: list[nn.Module] = []
        inputs = widths[0]
        for stage, (outputs, depth) in enumerate(zip(widths, DEPTHS, strict=True)):
            for index in range(depth):
                blocks.append(Block(inputs, outputs, 2 if stage and not index else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        rows = BANDS // 2 ** len(widths)
        self.collapse = nn.Sequential(
            nn.Conv1d(inputs * rows, embedding, 1, bias=False),
            nn.BatchNorm1d(embedding),
            nn.ReLU(inplace=True),
        )
        self.pool = StatisticsPooling(embedding)
        self.head = nn.Sequential(
            nn.BatchNorm1d(self.statistics),
            nn.Dropout(dropout),
            nn.Linear(self.statistics, COUNT),
        )

    def pooled(self, logmel: Tensor) -> Tensor:
        """Return the statistics (N, statistics) that the last layer answers from."""
        maps = self.blocks(self.stem(self.normalise(logmel)))
        statistics: Tensor = self.pool(self.collapse(maps.flatten(1, 2)).float())
        return statistics

    def forward(self, logmel: Tensor) -> Tensor:
        """Return the logits (N, 7), float32."""
        logits: Tensor = self.head(self.pooled(logmel))
        return logits.float()


class _Reversal(torch.autograd.Function):
    """Identity forwards; backwards the gradient turns round."""

    @staticmethod
    def forward(context: Any, x: Tensor, weight: float) -> Tensor:
        context.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.weight * gradient, None


class Adversary(nn.Module):
    """Guesses the speaker from the pooled statistics, and teaches the network to hide it.

    Gradient reversal, ramped up over the run: Ganin et al. (2016), "Domain-adversarial training of
    neural networks". Not part of what is exported.
    """

    def __init__(self, statistics: int, speakers: int, weight: float) -> None:
        super().__init__()
        self._weight = weight
        self.guess = nn.Sequential(
            nn.BatchNorm1d(statistics), nn.Linear(statistics, 128), nn.ReLU(),
            nn.Linear(128, speakers),
        )  # fmt: skip

    def forward(self, pooled: Tensor, progress: float) -> Tensor:
        """Return logits (N, speakers), float32; ``progress`` is the share of the run done."""
        weight = self._weight * (2.0 / (1.0 + math.exp(-10.0 * progress)) - 1.0)
        guesses: Tensor = self.guess(_Reversal.apply(pooled, weight))
        return guesses.float()


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(p.numel() for p in network.parameters())
