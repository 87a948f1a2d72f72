"""The network of the embedded speech model: log-mel in, seven logits out, normalisation inside.

A residual CNN with squeeze-and-excitation (Hu et al., 2018) over mel x time, then attentive
statistics pooling (Okabe et al., 2018) over time, so that any length from half a second on works.
"""

from __future__ import annotations

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
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True) if stride != 1 else nn.Identity(),
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
    """Log-mel (N, 64, T) to logits (N, 7)."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.normalise = Normalisation()
        self.stem = nn.Sequential(
            nn.Conv2d(3, WIDTHS[0], 5, 2, 2, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(inplace=True),
        )
        blocks: list[nn.Module] = []
        inputs = WIDTHS[0]
        for stage, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
            for index in range(depth):
                blocks.append(Block(inputs, width, 2 if stage and not index else 1))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        rows = BANDS // 2 ** len(WIDTHS)
        self.collapse = nn.Sequential(
            nn.Conv1d(inputs * rows, EMBEDDING, 1, bias=False),
            nn.BatchNorm1d(EMBEDDING),
            nn.ReLU(inplace=True),
        )
        self.pool = StatisticsPooling(EMBEDDING)
        self.head = nn.Sequential(
            nn.BatchNorm1d(2 * EMBEDDING), nn.Dropout(dropout), nn.Linear(2 * EMBEDDING, COUNT)
        )

    def forward(self, logmel: Tensor) -> Tensor:
        """Return the logits (N, 7), float32."""
        maps = self.blocks(self.stem(self.normalise(logmel)))
        frames = self.collapse(maps.flatten(1, 2))
        logits: Tensor = self.head(self.pool(frames.float()))
        return logits.float()


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(p.numel() for p in network.parameters())
