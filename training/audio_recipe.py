"""Every number of a training run of the speech model."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a flag's integer and refuses one below ``least``."""

    def number(word: str) -> int:
        if int(word) < least:
            raise argparse.ArgumentTypeError(f'{word} is less than {least}')
        return int(word)

    return number


def crop_lengths(word: str) -> str:
    """Return the flag's word where it is integers above 0, by comma."""
    for each in word.split(','):
        at_least(1)(each)
    return word


_TYPES: dict[str, Callable[[str], Any]] = {
    'steps': at_least(1),
    'batch': at_least(4),
    'crops': crop_lengths,
}


@dataclass(frozen=True)
class Recipe:
    """What a run does; the flags of ``training/audio_lite.py`` follow the fields.

    Attributes:
        steps: batches of the run.
        batch: crops a batch, at least 4.
        rate: highest learning rate of AdamW; it rises over the first 200 steps.
        fall: share of the steps, at the end, over which the rate falls to zero.
        dropout: before the last layer.
        weight_decay: of matrices and kernels; nothing else decays.
        smoothing: of the labels.
        ema: decay of the averaged weights, which are the ones kept.
        mixup: share of the batches of which crops are mixed.
        mask: widths of the masks, in units of 8 bands and 12 frames.
        warp: the frequency axis is scaled by up to exp(+-warp).
        clean: share of the crops with no change of speed, room, clipping, telephone or codec.
        noise: share of the crops with noise.
        width: of the network, in units of 1.45 million parameters' widths.
        crops: lengths of the crops in frames of 10 ms; a batch has one, all alike probable.
        adversary: how strongly the pooled statistics are kept from telling speakers apart.
        seed: of the first weights and every draw.
    """

    steps: int = 4000
    batch: int = 128
    rate: float = 2e-3
    fall: float = 0.5
    dropout: float = 0.3
    weight_decay: float = 0.05
    smoothing: float = 0.05
    ema: float = 0.998
    mixup: float = 0.33
    mask: float = 1.0
    warp: float = 0.1
    clean: float = 0.4
    noise: float = 0.4
    width: float = 1.0
    crops: str = '100,100,100,150,200'
    adversary: float = 0.0
    seed: int = 1

    @property
    def lengths(self) -> tuple[int, ...]:
        """Frames of the crops, one of which is drawn for each batch."""
        return tuple(int(word) for word in self.crops.split(','))

    @staticmethod
    def add_flags(parser: argparse.ArgumentParser) -> None:
        """Add a flag for each field."""
        for field in fields(Recipe):
            default: Any = field.default
            kind = _TYPES.get(field.name, type(default))
            parser.add_argument(f'--{field.name.replace("_", "-")}', type=kind, default=default)

    @staticmethod
    def of(options: argparse.Namespace) -> Recipe:
        """Return the recipe that the flags ask for."""
        return Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})
