"""One run: the network, its schedule, its checkpoints, and its answers."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from audio_batches import Batches
from audio_network import Adversary, AudioNetwork, parameter_count
from audio_origin import (
    refuse_more_steps,
    refuse_other_labels,
    refuse_other_recipe,
    stored_recipe,
)
from audio_recipe import Recipe
from numpy.typing import NDArray
from torch import Tensor, nn

from mer_ros.models.processor import has_bfloat16
from training.averaging import Average

_log = logging.getLogger('audio_lite')
_WINDOWS = 1024


@dataclass(frozen=True)
class Checkpoints:
    """Where a run keeps its state (``path``), each how many steps, and whether to go on from it.

    labels: ``audio_corpora.labels_key`` of what is learnt.
    """

    path: Path
    every: int
    resume: bool
    labels: str


def device_of(name: str) -> torch.device:
    """Return the device called ``cpu`` or ``cuda``; ``auto`` is CUDA where there is one."""
    cuda = name == 'cuda' or (name == 'auto' and torch.cuda.is_available())
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    return torch.device('cuda' if cuda else 'cpu')


def rate(step: int, steps: int, fall: float, peak: float) -> float:
    """Return the learning rate: a short rise, a plateau, a linear fall over the last share."""
    rise = min(1.0, (step + 1) / 200.0)
    return peak * rise * min(1.0, (steps - step) / max(fall * steps, 1.0))


def smoothed_loss(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Return the cross entropy against soft targets blended with the uniform distribution."""
    soft = target * (1.0 - smoothing) + smoothing / target.shape[1]
    return -(soft * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()


@torch.no_grad()
def infer(network: nn.Module, logmel: NDArray[np.float32], device: torch.device) -> Any:
    """Return (W, 7) float32 logits of (W, 64, T) windows."""
    network = network.to(device).eval()
    size = _WINDOWS if device.type == 'cuda' else 64
    parts = [
        network(torch.from_numpy(logmel[start : start + size]).to(device)).cpu()
        for start in range(0, len(logmel), size)
    ]
    return torch.cat(parts).numpy()


class Training:
    """The state of a run and its steps.

    Args:
        recipe: numbers. batches: what is learnt. device: that of the batches.
    """

    def __init__(self, recipe: Recipe, batches: Batches, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.step = recipe, 0
        self._batches, self._device = batches, device
        network = AudioNetwork(recipe.width, recipe.dropout)
        adversary = Adversary(network.statistics, len(batches.speakers), recipe.adversary)
        self._mixed = device.type == 'cuda' or has_bfloat16()
        # On CPUs without bfloat16 the usual order is the faster one, by half.
        order = torch.channels_last if self._mixed else torch.contiguous_format
        self._network = network.to(device, memory_format=order)
        self._adversary = adversary.to(device)
        self.average = Average(self._network, recipe.ema)
        self._parameters = [*self._network.parameters(), *self._adversary.parameters()]
        decayed = [p for p in self._parameters if p.ndim > 1]
        plain = [p for p in self._parameters if p.ndim <= 1]
        self._optimiser = torch.optim.AdamW(
            [
                {'params': decayed, 'weight_decay': recipe.weight_decay},
                {'params': plain, 'weight_decay': 0.0},
            ],
            fused=device.type == 'cuda',
        )
        _log.info('%d parameters on %s', parameter_count(self._network), device)

    def advance(self) -> Tensor:
        """Take a step; return its loss, on the device: to read it is to wait."""
        recipe = self.recipe
        for group in self._optimiser.param_groups:
            group['lr'] = rate(self.step, recipe.steps, recipe.fall, recipe.rate)
        x, target, voices = self._batches.draw()
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._mixed):
            pooled = self._network.pooled(x)
            logits = self._network.head(pooled).float()
            guesses = (
                self._adversary(pooled, self.step / recipe.steps) if recipe.adversary else None
            )
        loss = shown = smoothed_loss(logits, target, recipe.smoothing)
        if guesses is not None:
            loss = loss + smoothed_loss(guesses, voices, 0.0)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 5.0)
        self._optimiser.step()
        self.average.update()
        self.step += 1
        return shown.detach()

    def run(self, checkpoints: Checkpoints) -> nn.Module:
        """Take all steps, or those that are left; return the averaged network."""
        if checkpoints.resume and checkpoints.path.is_file():
            self.restore(checkpoints.path, checkpoints.labels)
        self._network.train()
        self._adversary.train()
        started, first = time.time(), self.step
        total = torch.zeros((), device=self._device)
        while self.step < self.recipe.steps:
            total += self.advance()
            if self.step % checkpoints.every == 0 or self.step == self.recipe.steps:
                self.keep(checkpoints.path, checkpoints.labels)
                steps = (self.step - 1) % checkpoints.every + 1
                loss, spent = float(total) / min(steps, self.step - first), time.time() - started
                _log.info('step %d loss %.3f, %.0f s', self.step, loss, spent)
                total.zero_()
        return self.average.net

    def keep(self, path: Path, labels: str) -> None:
        """Write the state so that an interruption leaves the old one or the new one."""
        state = {
            'step': self.step,
            'network': self._network.state_dict(),
            'adversary': self._adversary.state_dict(),
            'average': self.average.net.state_dict(),
            'optimiser': self._optimiser.state_dict(),
            'recipe': asdict(self.recipe),
            'labels': labels,
        }
        write(state, path)

    def restore(self, path: Path, labels: str) -> None:
        """Go on from a state; the draws start anew.

        Raises:
            TrainingError: it is of other labels or of another recipe; only ``steps`` may change,
                and not to fewer than it has had.
        """
        state = torch.load(path, weights_only=True, map_location=self._device)
        if 'recipe' in state:
            used = stored_recipe(path, state['recipe'])
            refuse_other_recipe(path, used, self.recipe, {'steps'})
            refuse_other_labels(path, state['labels'], labels)
        else:
            _log.warning('%s does not say of which recipe and labels it is: taken for these', path)
        refuse_more_steps(path, state['step'], self.recipe.steps)
        self._network.load_state_dict(state['network'])
        self._adversary.load_state_dict(state['adversary'])
        self.average.net.load_state_dict(state['average'])
        self._optimiser.load_state_dict(state['optimiser'])
        self.step = self.average.steps = state['step']
        self._batches.reseed(self.step)
        torch.manual_seed(self.recipe.seed + self.step)
        _log.info('go on from %s at step %d', path, self.step)


def write(state: dict[str, Any], path: Path) -> None:
    """Save so that an interruption leaves the old file or the new one."""
    part = path.with_suffix('.part')
    torch.save(state, part)
    part.replace(path)
