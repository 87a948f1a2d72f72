"""One training run of a face net: recipe, averaging, batches, steps, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from mer_ros.emotions import COUNT
from mer_ros.models.processor import has_bfloat16
from training.averaging import Average
from training.face_augment import Augmentation
from training.face_data import CLASSES, FaceSet
from training.face_negatives import Negatives, backgrounds
from training.face_net import SHIPPED, FaceNet, Shape

NEGATIVES = 0.09
"""Crops that are no face, as a share of a batch."""
AHEAD = 8
"""Batches that are augmented at once."""
FACE_WEIGHT = 0.15
"""Of the face / no-face loss beside the emotion loss."""


@dataclass(frozen=True)
class Recipe:
    """Everything that a run depends on beside the data.

    Attributes:
        epochs: passes over the images.
        batch: faces a step.
        rate: peak of the one-cycle learning rate (Smith, 2018).
        warm_up: share of the epochs in which it rises.
        weight_decay: of the weights, not of biases and norms.
        ema: decay of the moving average of the weights, which is what is kept.
        mix: share of the batches in which faces are mixed in pairs, half of them blended (mixup,
            Zhang et al., 2018), half with a rectangle of the other (CutMix, Yun et al., 2019).
        balance: weight of rare classes, as a power of their frequency.
        strength: of the change of framing.
        distil: share of the teachers' word in the targets (Hinton et al., 2015); the rest is the
            people's votes. They see each face framed and mixed as the net does (Beyer et al., 2022)
            but without the faults of light and sensor.
        gentle: share of the epochs, the last, with half the change of framing, nothing mixed and
            nothing erased: the net settles on faces as they are (as YOLOX does, Ge et al., 2021).
        dropout: before the last layer.
        seed: of every draw.
    """

    epochs: int = 50
    batch: int = 256
    rate: float = 0.2
    warm_up: float = 0.06
    weight_decay: float = 5e-4
    ema: float = 0.999
    mix: float = 0.5
    balance: float = 0.2
    strength: float = 0.7
    distil: float = 0.0
    gentle: float = 0.2
    dropout: float = 0.2
    seed: int = 0


def one_cycle(progress: float, recipe: Recipe) -> float:
    """Return the learning rate at ``progress`` in 0..1 (Smith, 2018)."""
    if progress < recipe.warm_up:
        return recipe.rate * (0.04 + 0.96 * progress / recipe.warm_up)
    rest = (progress - recipe.warm_up) / (1 - recipe.warm_up)
    return recipe.rate * (0.5 * (1 + math.cos(math.pi * rest)) + 1e-3)


class Teacher(Protocol):
    """Something that answers for (N, 1, 48, 48) images with (N, 8) or (N, 7) probabilities."""

    def __call__(self, images: Tensor) -> Tensor:
        """Return the probabilities, on the images' device."""


class NetTeacher:
    """A trained net."""

    def __init__(self, net: FaceNet, device: str) -> None:
        """Take it to the device."""
        self._net = net.eval().to(device, memory_format=torch.channels_last)

    def __call__(self, images: Tensor) -> Tensor:
        """Return (N, 8) probabilities."""
        return torch.softmax(self._net(images)[0].float(), dim=1)


def joined(answers: Sequence[Tensor]) -> Tensor:
    """Return the (N, 8) mean of teachers of which some, the shipped ones, know no contempt."""
    ours = torch.stack([each[:, :COUNT] / each[:, :COUNT].sum(1, True) for each in answers])
    last = [each[:, COUNT:] for each in answers if each.shape[1] == CLASSES]
    contempt = torch.stack(last).mean(dim=0) if last else torch.zeros_like(ours[0, :, :1])
    return torch.cat([ours.mean(dim=0) * (1 - contempt), contempt], dim=1)


@dataclass(frozen=True)
class Batch:
    """What one step learns from; the crops that are no face come last.

    images: (N, 1, 48, 48). targets: (N, 8), zeros where nothing is known. weights, usable: (N,).
    """

    images: Tensor
    targets: Tensor
    weights: Tensor
    usable: Tensor


class Training:
    """A run: its net, its optimiser, its random numbers and where it stands."""

    def __init__(
        self,
        fit: FaceSet,
        recipe: Recipe,
        shape: Shape = SHIPPED,
        device: str = 'cpu',
        teachers: Sequence[Teacher] = (),
    ) -> None:
        """Start from random weights."""
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.device = torch.device(device)
        self.generator = torch.Generator(self.device).manual_seed(recipe.seed)
        self.host = torch.Generator().manual_seed(recipe.seed)
        self._images = torch.from_numpy(fit.images).to(self.device)
        self._targets = torch.from_numpy(fit.targets).to(self.device)
        self._usable = torch.from_numpy(fit.usable).to(self.device)
        self._weights = _balanced(self._targets, recipe.balance)
        self._teachers = teachers
        self.net = FaceNet(shape, recipe.dropout).to(self.device, memory_format=torch.channels_last)
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
            fused=self.device.type == 'cuda',
        )
        self._augment = Augmentation(self.generator, self.host, recipe.strength)
        self._negatives = Negatives(self.generator, backgrounds())
        self._bfloat16 = self.device.type == 'cuda' or has_bfloat16()
        self.epoch = 0

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin with the weights of another run: a restart of the learning rate."""
        self.net.load_state_dict(weights)
        self.average.net.load_state_dict(weights)

    def state(self) -> dict[str, Any]:
        """Return all that :meth:`restore` needs to go on.

        On a CPU as if nothing had happened; on CUDA dropout's own draws begin anew.
        """
        return {
            'net': self.net.state_dict(),
            'average': self.average.net.state_dict(),
            'steps': self.average.steps,
            'optimiser': self._optimiser.state_dict(),
            'generator': self.generator.get_state(),
            'host': self.host.get_state(),
            'torch': torch.get_rng_state(),
            'epoch': self.epoch,
            'shape': asdict(self.net.shape),
            'recipe': asdict(self.recipe),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.net.load_state_dict(state['net'])
        self.average.net.load_state_dict(state['average'])
        self.average.steps = state['steps']
        self._optimiser.load_state_dict(state['optimiser'])
        self.generator.set_state(state['generator'].cpu())
        self.host.set_state(state['host'].cpu())
        torch.set_rng_state(state['torch'].cpu())
        self.epoch = state['epoch']

    @property
    def _gentle(self) -> bool:
        return self.epoch >= (1 - self.recipe.gentle) * self.recipe.epochs

    def _batches(self, order: Tensor) -> Iterator[Batch]:
        """Yield a batch for each ``recipe.batch`` rows of ``order``.

        Several are made at once: on a graphics processor the many small changes of augmentation
        cost as much for one batch as for eight.
        """
        size = self.recipe.batch
        for rows in order.split(AHEAD * size):
            faces, empty = self._changed(rows)
            count = len(rows) // size
            for part in range(count):
                own = slice(part * size, (part + 1) * size)
                few = empty[part::count]
                nothing = torch.zeros(len(few), device=self.device)
                yield Batch(
                    torch.cat([faces.images[own], few]),
                    torch.cat([faces.targets[own], nothing[:, None].expand(-1, CLASSES)]),
                    torch.cat([faces.weights[own], nothing]),
                    torch.cat([faces.usable[own], nothing]),
                )

    def _changed(self, rows: Tensor) -> tuple[Batch, Tensor]:
        """Return these rows as the net sees them, and crops that are no face."""
        clean = self._images[rows].float()[:, None]
        framed = self._augment.geometry(clean, 0.5 if self._gentle else 1.0)
        faces = Batch(framed, self._targets[rows], self._weights[rows], self._usable[rows])
        if not self._gentle and self._number() < self.recipe.mix:
            faces = self._mixed(faces)
        targets = faces.targets
        if self._teachers:
            known = targets.sum(dim=1, keepdim=True)
            share = self.recipe.distil
            targets = (1 - share) * targets + share * known * self._taught(faces.images)
        count = max(1, round(NEGATIVES * self.recipe.batch)) * (len(rows) // self.recipe.batch)
        chosen = torch.randperm(len(rows), generator=self.generator, device=self.device)[:count]
        empty = self._negatives(clean[chosen])
        empty = empty[torch.randperm(count, generator=self.generator, device=self.device)]
        images = torch.cat([faces.images, empty])
        images = self._augment.sensor(self._augment.light(images))
        seen, empty = images[: len(rows)], images[len(rows) :]
        if not self._gentle:
            seen = self._augment.erase(seen)
        return replace(faces, images=seen, targets=targets), empty

    def _number(self) -> float:
        return torch.rand(1, generator=self.host).item()

    def _mixed(self, batch: Batch) -> Batch:
        """Return each face blended with another, or with a rectangle of it."""
        count, size = len(batch.images), batch.images.shape[-1]
        order = torch.randperm(count, generator=self.generator, device=self.device)
        if self._number() < 0.5:
            share = torch.full((count, 1), 0.5 + 0.5 * self._number(), device=self.device)
            cover = share[:, :, None, None]
        else:
            inside = self._augment.rectangle(count, size, 0.3, 0.7)
            cover = 1 - inside.float()
            share = cover.mean(dim=(2, 3))
        one, two = share[:, 0], 1 - share[:, 0]
        return Batch(
            cover * batch.images + (1 - cover) * batch.images[order],
            share * batch.targets + (1 - share) * batch.targets[order],
            one * batch.weights + two * batch.weights[order],
            one * batch.usable + two * batch.usable[order],
        )

    @torch.no_grad()
    def _taught(self, images: Tensor) -> Tensor:
        """Return (N, 8) mean probabilities of the teachers."""
        with self._autocast():
            return joined([each(images).float() for each in self._teachers])

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._bfloat16)

    def run_epoch(self, max_steps: int | None = None) -> dict[str, float]:
        """Train over all images once; return the mean losses and the seconds it took."""
        recipe, started = self.recipe, time.perf_counter()
        order = torch.randperm(len(self._images), generator=self.generator, device=self.device)
        steps = min(len(order) // recipe.batch, max_steps or len(order))
        self.net.train()
        # Read once an epoch: reading a loss makes the processor wait for the device.
        sums = torch.zeros(2, device=self.device)
        for step, batch in enumerate(self._batches(order[: steps * recipe.batch])):
            rate = one_cycle((self.epoch + step / steps) / recipe.epochs, recipe)
            for group in self._optimiser.param_groups:
                group['lr'] = rate
            images = batch.images.to(memory_format=torch.channels_last)
            with self._autocast():
                logits, face = self.net(images)
            each = -(batch.targets * functional.log_softmax(logits.float(), dim=1)).sum(dim=1)
            emotion = (each * batch.weights).sum() / recipe.batch
            is_face = functional.binary_cross_entropy_with_logits(face.float(), batch.usable)
            self._optimiser.zero_grad(set_to_none=True)
            (emotion + FACE_WEIGHT * is_face).backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            self._optimiser.step()
            self.average.update()
            sums += torch.stack([emotion.detach(), is_face.detach()])
        self.epoch += 1
        emotion_loss, face_loss = (sums / steps).tolist()
        return {
            'emotion_loss': emotion_loss,
            'face_loss': face_loss,
            'rate': rate,
            'seconds': time.perf_counter() - started,
        }


def _balanced(targets: Tensor, power: float) -> Tensor:
    """Return (N,) weights of mean 1 by the votes: more for classes that are rare."""
    share = targets.mean(dim=0).clamp(min=1e-4)
    balance = (share / share.max()) ** -power
    return targets @ balance / (targets.sum(dim=1) @ (targets @ balance)) * len(targets)
