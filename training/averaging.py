"""The moving average of a network's weights, which is what a run keeps."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Net = TypeVar('Net', bound=nn.Module)


class Average(Generic[Net]):
    """Exponential moving average of a network's weights and batch statistics.

    Attributes:
        net: the averaged network.
        steps: updates so far.
    """

    def __init__(self, net: Net, decay: float) -> None:
        """Start at the network as it is."""
        self.net = copy.deepcopy(net).eval()
        self.steps = 0
        self._decay = decay
        pairs = zip(self.net.state_dict().values(), net.state_dict().values(), strict=True)
        # These are the tensors themselves, not copies; listed once, since walking costs a step.
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._mine, self._theirs = ([pair[i] for pair in floats] for i in (0, 1))

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the network; faster in the first steps."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._mine, self._theirs, 1.0 - decay)
