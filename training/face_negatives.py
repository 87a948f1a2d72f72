"""Crops that are not a usable face: what a detector's false alarms look like.

Made from the faces themselves (far too close, cut off, shuffled), from the pictures that
scikit-image carries (textures, objects; CC0 or public domain), and from noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.face_augment import uniform, warp

PICTURES = (
    'brick.png', 'grass.png', 'coins.png', 'page.png', 'moon.png', 'hubble_deep_field.jpg',
    'motorcycle_left.png', 'horse.png', 'chessboard_GRAY.png', 'chelsea.png', 'cell.png',
)  # fmt: skip
"""Files in scikit-image's data folder without a human face, for training."""
HELD_OUT_PICTURES = ('gravel.png', 'coffee.png', 'text.png', 'rocket.jpg', 'clock_motion.png')
"""More of them, only for the reported separation of faces from the rest."""

CROPS = 3000
"""Random squares cut of the pictures before a run."""


def backgrounds(names: tuple[str, ...] = PICTURES) -> list[Tensor]:
    """Return these pictures of scikit-image as (1, 1, H, W) float32 grey.

    Raises:
        ModuleNotFoundError: scikit-image is not installed.
        FileNotFoundError: its release lacks one of them.
    """
    from pathlib import Path

    import cv2
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    pictures = []
    for name in names:
        grey = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise FileNotFoundError(f'scikit-image has no {folder / name}')
        pictures.append(torch.from_numpy(grey).float()[None, None])
    return pictures


class Negatives:
    """Draws crops that are not faces."""

    def __init__(
        self, generator: torch.Generator, pictures: list[Tensor], size: int = 48, seed: int = 0
    ) -> None:
        """Draw from ``generator``, on its device, with crops of ``pictures`` among them."""
        self._generator = generator
        self._size = size
        self._crops = _crops(pictures, size, seed).to(generator.device)
        self._kinds: tuple[Callable[[Tensor], Tensor], ...] = (
            self.too_close, self.cut_off, self.shuffled, self.picture, self.picture, self.noise,
        )  # fmt: skip

    def too_close(self, faces: Tensor) -> Tensor:
        """Return a small part of each face, such as a cheek or one eye."""
        count, generator = len(faces), self._generator
        scale = uniform(generator, (count, 1), 0.15, 0.42).repeat(1, 2)
        shift = uniform(generator, (count, 2), -0.6, 0.6)
        turn = uniform(generator, (count,), -0.6, 0.6)
        return warp(faces, scale, turn, shift, 'border')

    def cut_off(self, faces: Tensor) -> Tensor:
        """Return crops that hold less than about half of the face, at an edge."""
        count, generator = len(faces), self._generator
        turn = uniform(generator, (count,), 0, 2 * math.pi)
        reach = uniform(generator, (count,), 1.15, 1.6)
        shift = torch.stack([torch.cos(turn), torch.sin(turn)], 1)
        shift = shift / shift.abs().amax(dim=1, keepdim=True) * reach[:, None]
        scale = uniform(generator, (count, 1), 0.8, 1.2).repeat(1, 2)
        return warp(faces, scale, torch.zeros_like(turn), shift, 'border')

    def shuffled(self, faces: Tensor) -> Tensor:
        """Return the faces' tiles in another order: face texture without a face."""
        count, tiles = len(faces), 4
        side = self._size // tiles
        parts = functional.unfold(faces, side, stride=side)
        drawn = uniform(self._generator, (count, tiles * tiles), 0, 1).argsort(1)
        parts = torch.gather(parts, 2, drawn[:, None].expand_as(parts))
        mixed = functional.fold(parts, (self._size, self._size), side, stride=side)
        blurred = functional.avg_pool2d(functional.pad(mixed, (1, 1, 1, 1), mode='replicate'), 3, 1)
        soft = uniform(self._generator, (count, 1, 1, 1), 0, 1) < 0.5
        return torch.where(soft, blurred, mixed)

    def picture(self, faces: Tensor) -> Tensor:
        """Return random crops of the background pictures."""
        generator = self._generator
        drawn = torch.randint(
            len(self._crops), (len(faces),), generator=generator, device=generator.device
        )
        return self._crops[drawn]

    def noise(self, faces: Tensor) -> Tensor:
        """Return noise with a 1/f**a spectrum: from static (a = 0) to clouds (a = 2)."""
        count, generator, size = len(faces), self._generator, self._size
        device = generator.device
        white = torch.randn((count, 1, size, size), generator=generator, device=device)
        across, down = (
            turn(size, device=device) for turn in (torch.fft.rfftfreq, torch.fft.fftfreq)
        )
        frequency = torch.hypot(down[:, None], across[None]).clamp(min=1 / size)
        power = uniform(generator, (count, 1, 1, 1), 0, 2.2)
        clouds = torch.fft.irfft2(torch.fft.rfft2(white) / frequency**power, s=(size, size))
        deviation = clouds.std(dim=(2, 3), keepdim=True).clamp(min=1e-6)
        level = uniform(generator, (count, 1, 1, 1), 20, 235)
        contrast = uniform(generator, (count, 1, 1, 1), 2, 70)
        return (level + contrast * clouds / deviation).clamp(0, 255)

    def __call__(self, faces: Tensor) -> Tensor:
        """Return as many crops without a usable face as there are (N, 1, 48, 48) faces."""
        parts = faces.tensor_split(len(self._kinds))
        made = [make(part) for make, part in zip(self._kinds, parts, strict=True) if len(part)]
        return torch.cat(made)


def _crops(pictures: list[Tensor], size: int, seed: int) -> Tensor:
    """Return (CROPS, 1, size, size) float32 random squares of the pictures."""
    random, crops = np.random.default_rng(seed), []
    for index in range(CROPS):
        picture = pictures[index % len(pictures)]
        height, width = picture.shape[-2:]
        longest = min(height, width)
        side = int(random.uniform(min(32.0, longest - 1.0), 0.9 * longest))
        top, left = random.integers(height - side + 1), random.integers(width - side + 1)
        part = picture[..., top : top + side, left : left + side]
        crops.append(functional.interpolate(part, (size, size), mode='area'))
    return torch.cat(crops)
