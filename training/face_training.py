"""One training run of the face classifier: recipe, averaging, batches, steps, checkpoints."""

from __future__ import annotations

import math
import time
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mer_ros.models.processor import has_bfloat16
from training.face_augment import Augmentation
from training.face_data import CLASSES, FaceSet
from training.face_negatives import Negatives, backgrounds
from training.face_net import FaceNet

NEGATIVES = 0.09
"""Crops that are no face, as a share of a batch."""
FACE_WEIGHT = 0.15
"""Of the face / no-face loss beside the emotion loss."""
SMALL_SIZE = 32


@dataclass(frozen=True)
class Recipe:
    """Everything that a run depends on beside the data.

    ``small`` is the share of the epochs, the first, that see the faces at 32x32 pixels: half
    the work while the learning rate is high (progressive resizing, Howard, 2018).
    ``gentle`` is the share, the last, with half the geometry and nothing erased: the net settles
    on faces as they are while the learning rate is low (as YOLOX does, Ge et al., 2021).
    """

    epochs: int = 50
    batch: int = 128
    rate: float = 0.1
    warm_up: float = 0.06
    weight_decay: float = 5e-4
    ema: float = 0.999
    mixup: float = 0.0
    balance: float = 0.2
    strength: float = 0.7
    teacher: float = 0.0
    small: float = 0.4
    gentle: float = 0.2
    seed: int = 0


class Average:
    """Exponential moving average of a net's weights and statistics."""

    def __init__(self, net: FaceNet, decay: float) -> None:
        """Start at the net as it is."""
        self.net = deepcopy(net).eval()
        self._decay = decay
        self.steps = 0

    def update(self, net: FaceNet) -> None:
        """Move towards the net; faster in the beginning."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for mine, new in zip(
                self.net.state_dict().values(), net.state_dict().values(), strict=True
            ):
                if mine.dtype.is_floating_point:
                    mine.lerp_(new, 1 - decay)
                else:
                    mine.copy_(new)


def one_cycle(progress: float, recipe: Recipe) -> float:
    """Return the learning rate at ``progress`` in 0..1 (Smith, 2018)."""
    if progress < recipe.warm_up:
        return recipe.rate * (0.04 + 0.96 * progress / recipe.warm_up)
    rest = (progress - recipe.warm_up) / (1 - recipe.warm_up)
    return recipe.rate * (0.5 * (1 + math.cos(math.pi * rest)) + 1e-3)


class Training:
    """A run: its net, its optimiser, its random numbers and where it stands."""

    def __init__(self, fit: FaceSet, targets: Tensor, recipe: Recipe) -> None:
        """Start from random weights; ``targets`` (N, 8) are what the emotion logits learn."""
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self._images = torch.from_numpy(fit.images)
        self._targets = targets
        self._usable = torch.from_numpy(fit.usable)
        share = targets.mean(dim=0).clamp(min=1e-4)
        balance = (share / share.max()) ** -recipe.balance
        self._weights = targets @ balance / (targets.sum(dim=1) @ (targets @ balance)) * len(fit)
        self.net = FaceNet().to(memory_format=torch.channels_last)
        self.average = Average(self.net, recipe.ema)
        decayed = [weight for weight in self.net.parameters() if weight.ndim > 1]
        rest = [weight for weight in self.net.parameters() if weight.ndim <= 1]
        self._optimiser = torch.optim.SGD(
            [
                {'params': decayed, 'weight_decay': recipe.weight_decay},
                {'params': rest, 'weight_decay': 0.0},
            ],
            lr=recipe.rate,
            momentum=0.9,
            nesterov=True,
        )
        self._augment = Augmentation(self.generator, recipe.strength)
        self._negatives = Negatives(self.generator, backgrounds())
        self._bfloat16 = has_bfloat16()
        self.epoch = 0

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin with the weights of another run: a restart of the learning rate."""
        self.net.load_state_dict(weights)
        self.average.net.load_state_dict(weights)

    def state(self) -> dict[str, Any]:
        """Return all that :meth:`restore` needs to go on as if nothing had happened."""
        return {
            'net': self.net.state_dict(),
            'average': self.average.net.state_dict(),
            'steps': self.average.steps,
            'optimiser': self._optimiser.state_dict(),
            'generator': self.generator.get_state(),
            'torch': torch.get_rng_state(),
            'epoch': self.epoch,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.net.load_state_dict(state['net'])
        self.average.net.load_state_dict(state['average'])
        self.average.steps = state['steps']
        self._optimiser.load_state_dict(state['optimiser'])
        self.generator.set_state(state['generator'])
        torch.set_rng_state(state['torch'])
        self.epoch = state['epoch']

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return (images, targets, weights, usable) of these rows, negatives at the end."""
        clean = self._images[rows].float()[:, None]
        small = self.epoch < self.recipe.small * self.recipe.epochs
        gentle = self.epoch >= (1 - self.recipe.gentle) * self.recipe.epochs
        images = self._augment(clean, sensor=not small, gentle=gentle)
        targets = self._targets[rows]
        weights = self._weights[rows]
        if self.recipe.mixup and torch.rand(1, generator=self.generator).item() < 0.5:
            # Beta(a, a) from two gammas of the run's own generator is not in torch; a uniform
            # share near one end does the same work as the small a of Zhang et al. (2018).
            share = 1 - self.recipe.mixup * torch.rand(1, generator=self.generator).item()
            other = torch.randperm(len(rows), generator=self.generator)
            images = share * images + (1 - share) * images[other]
            targets = share * targets + (1 - share) * targets[other]
        count = max(1, round(NEGATIVES * len(rows)))
        chosen = torch.randint(len(rows), (count,), generator=self.generator)
        empty = self._augment.sensor(self._augment.light(self._negatives(clean[chosen])))
        images = torch.cat([images, empty])
        if small:
            size = (SMALL_SIZE, SMALL_SIZE)
            images = functional.interpolate(images, size, mode='bilinear', antialias=True)
        return (
            images,
            torch.cat([targets, torch.zeros(count, CLASSES)]),
            torch.cat([weights, torch.zeros(count)]),
            torch.cat([self._usable[rows], torch.zeros(count)]),
        )

    def run_epoch(self, max_steps: int | None = None) -> dict[str, float]:
        """Train over all images once; return the mean losses and the seconds it took."""
        recipe, started = self.recipe, time.perf_counter()
        order = torch.randperm(len(self._images), generator=self.generator)
        batches = order[: len(order) // recipe.batch * recipe.batch].split(recipe.batch)
        batches = batches[:max_steps]
        self.net.train()
        emotion_sum = face_sum = 0.0
        for step, rows in enumerate(batches):
            rate = one_cycle((self.epoch + step / len(batches)) / recipe.epochs, recipe)
            for group in self._optimiser.param_groups:
                group['lr'] = rate
            images, targets, weights, usable = self._batch(rows)
            images = images.to(memory_format=torch.channels_last)
            with torch.autocast('cpu', torch.bfloat16, enabled=self._bfloat16):
                logits, face = self.net(images)
            each = -(targets * functional.log_softmax(logits.float(), dim=1)).sum(dim=1)
            emotion = (each * weights).sum() / recipe.batch
            is_face = functional.binary_cross_entropy_with_logits(face.float(), usable)
            self._optimiser.zero_grad(set_to_none=True)
            (emotion + FACE_WEIGHT * is_face).backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            self._optimiser.step()
            self.average.update(self.net)
            emotion_sum += emotion.item()
            face_sum += is_face.item()
        self.epoch += 1
        return {
            'emotion_loss': emotion_sum / len(batches),
            'face_loss': face_sum / len(batches),
            'rate': rate,
            'seconds': time.perf_counter() - started,
        }
