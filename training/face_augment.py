"""What a robot's camera and detector do to a face, on whole batches of tensors.

All images are (N, 1, 48, 48) float32 in 0..255. The ranges cover what Haar and YuNet boxes do to
framing (see docs/models/face_lite.md, "Framing") and more. All work is done where the images are,
and a graphics processor never waits for an answer: how many faces a change befalls is drawn on the
host, which ones on the device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

KERNEL = 9
BLOCK = 8
"""Side of the squares that JPEG transforms."""
LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""Steps of the coefficients at quality 50 (ITU-T T.81, table K.1)."""


def warp(images: Tensor, scale: Tensor, angle: Tensor, shift: Tensor, padding: str) -> Tensor:
    """Return images seen through a turned, scaled and shifted window.

    Args:
        images: (N, 1, S, S).
        scale: (N, 2), horizontal and vertical size of the window in image sizes (> 1: the face
            gets smaller).
        angle: (N,) radians.
        shift: (N, 2), centre of the window from the image's, in half image sizes.
        padding: ``border`` or ``reflection``, as in ``grid_sample``.
    """
    cosine, sine = torch.cos(angle), torch.sin(angle)
    rows = torch.stack(
        [
            torch.stack([scale[:, 0] * cosine, -scale[:, 1] * sine, shift[:, 0]], 1),
            torch.stack([scale[:, 0] * sine, scale[:, 1] * cosine, shift[:, 1]], 1),
        ],
        1,
    )
    grid = functional.affine_grid(rows, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def uniform(generator: torch.Generator, size: tuple[int, ...], low: float, high: float) -> Tensor:
    """Return uniform numbers in [low, high) on the generator's device."""
    return low + (high - low) * torch.rand(size, generator=generator, device=generator.device)


def convolve(images: Tensor, kernels: Tensor) -> Tensor:
    """Return each of (N, 1, S, S) images blurred by its own kernel of (N, K, K)."""
    half = kernels.shape[-1] // 2
    padded = functional.pad(images, (half, half, half, half), mode='replicate').transpose(0, 1)
    return functional.conv2d(padded, kernels[:, None], groups=len(images)).transpose(0, 1)


def gaussian_kernels(sigma: Tensor) -> Tensor:
    """Return (N, KERNEL, KERNEL) kernels of the (N,) deviations in pixels."""
    axis = torch.arange(KERNEL, device=sigma.device) - KERNEL // 2
    line = torch.exp(-0.5 * (axis[None] / sigma[:, None]) ** 2)
    kernels = line[:, :, None] * line[:, None, :]
    return kernels / kernels.sum(dim=(1, 2), keepdim=True)


def motion_kernels(length: Tensor, angle: Tensor) -> Tensor:
    """Return (N, KERNEL, KERNEL) kernels of a straight motion: (N,) lengths in pixels, angles."""
    axis = torch.arange(KERNEL, device=length.device) - KERNEL // 2
    down, right = torch.meshgrid(axis, axis, indexing='ij')
    cosine, sine = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    along, across = right * cosine + down * sine, down * cosine - right * sine
    inside = (length[:, None, None] / 2 + 0.5 - along.abs()).clamp(0, 1)
    kernels = inside * (1 - across.abs()).clamp(0, 1)
    return kernels / kernels.sum(dim=(1, 2), keepdim=True)


def downscale(images: Tensor, size: int) -> Tensor:
    """Return images taken at ``size`` pixels and enlarged again."""
    small = functional.interpolate(images, size=(size, size), mode='area')
    return functional.interpolate(
        small, size=images.shape[-2:], mode='bilinear', align_corners=False
    )


def jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """Return what JPEG leaves of the images: its blocks' coefficients rounded to their steps.

    Args:
        images: (N, 1, S, S), S a multiple of 8.
        quality: (N,) 1..100, as libjpeg counts it.
    """
    count, _, size, _ = images.shape
    table = torch.tensor(LUMINANCE, device=images.device, dtype=torch.float32)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None]
    steps = ((table * scale + 50) / 100).floor().clamp(1, 255).reshape(count, 1, BLOCK, BLOCK)
    axis = torch.arange(BLOCK, device=images.device)
    cosines = torch.cos(math.pi / BLOCK * axis[:, None] * (axis[None] + 0.5)) / 2
    cosines[0] /= math.sqrt(2)
    blocks = functional.unfold(images.round() - 128, BLOCK, stride=BLOCK)
    blocks = blocks.transpose(1, 2).reshape(count, -1, BLOCK, BLOCK)
    coefficients = ((cosines @ blocks @ cosines.T) / steps).round() * steps
    blocks = (cosines.T @ coefficients @ cosines).reshape(count, -1, BLOCK * BLOCK)
    whole = functional.fold(blocks.transpose(1, 2), (size, size), BLOCK, stride=BLOCK)
    return (whole + 128).round().clamp(0, 255)


class Augmentation:
    """Random changes that leave the expression readable."""

    def __init__(
        self, generator: torch.Generator, host: torch.Generator, strength: float = 1.0
    ) -> None:
        """Draw from ``generator``, on the images' device.

        Args:
            generator: of what differs from face to face.
            host: on the CPU, of what a whole batch has in common.
            strength: how far the geometry goes.
        """
        self._generator = generator
        self._host = host
        self._strength = strength

    def _number(self) -> float:
        """Return a number in [0, 1) of the host's generator."""
        return torch.rand(1, generator=self._host).item()

    def rows(self, count: int, share: float) -> Tensor:
        """Return the indices of about ``share`` of ``count`` faces."""
        device = self._generator.device
        chosen = int(count * share + self._number())
        return torch.randperm(count, generator=self._generator, device=device)[:chosen]

    def _uniform(self, rows: Tensor, low: float, high: float) -> Tensor:
        """Return (R, 1, 1, 1) numbers."""
        return uniform(self._generator, (len(rows), 1, 1, 1), low, high)

    def geometry(self, images: Tensor, share: float = 1.0) -> Tensor:
        """Return mirrored, turned, scaled, shifted images: another detector's crops.

        ``share`` of the usual strength.
        """
        count, generator, strength = len(images), self._generator, share * self._strength
        images = images.clone()
        mirror = self.rows(count, 0.5)
        images[mirror] = images[mirror].flip(-1)
        wild = (uniform(generator, (count,), 0, 1) < 0.25).float()
        reach = strength * (0.6 + 0.4 * wild)
        logarithm = uniform(generator, (count, 1), -0.28, 0.26) * reach[:, None]
        stretch = uniform(generator, (count, 1), -0.08, 0.08) * strength
        scale = torch.exp(torch.cat([logarithm + stretch, logarithm - stretch], 1))
        angle = uniform(generator, (count,), -1, 1) * math.radians(24) * reach
        shift = uniform(generator, (count, 2), -0.2, 0.2) * reach[:, None]
        edge = 'border' if self._number() < 0.5 else 'reflection'
        return warp(images, scale, angle, shift, edge)

    def light(self, images: Tensor) -> Tensor:
        """Return images with another exposure, contrast, gamma and a light from one side."""
        count = len(images)
        gamma = torch.exp(uniform(self._generator, (count, 1, 1, 1), -0.5, 0.5))
        images = 255 * (images / 255).clamp(0, 1) ** gamma
        rows = self.rows(count, 0.25)
        across, down = self._uniform(rows, -0.5, 0.5), self._uniform(rows, -0.5, 0.5)
        axis = torch.linspace(-1, 1, images.shape[-1], device=images.device)
        shade = 1 + across * axis[None, None, None] + down * axis[None, None, :, None]
        images[rows] = images[rows] * shade.clamp(0.2)
        rows = self.rows(count, 0.3)
        gain = torch.exp(self._uniform(rows, -1.6, 0.3))
        images[rows] = images[rows] * gain + self._uniform(rows, -20, 40)
        return images.clamp(0, 255)

    def sensor(self, images: Tensor) -> Tensor:
        """Return images with blur, motion, low resolution, noise and compression here and there."""
        count, generator = len(images), self._generator
        images = images.clone()
        if len(rows := self.rows(count, 0.08)):
            sigma = uniform(generator, (len(rows),), 0.4, 1.8)
            images[rows] = convolve(images[rows], gaussian_kernels(sigma))
        if len(rows := self.rows(count, 0.06)):
            length = uniform(generator, (len(rows),), 2, 8)
            turn = uniform(generator, (len(rows),), 0, math.pi)
            images[rows] = convolve(images[rows], motion_kernels(length, turn))
        if len(rows := self.rows(count, 0.08)):
            images[rows] = downscale(images[rows], 16 + int(24 * self._number()))
        if len(rows := self.rows(count, 0.12)):
            deviation = self._uniform(rows, 1, 14)
            noise = torch.randn(images[rows].shape, generator=generator, device=generator.device)
            images[rows] = images[rows] + deviation * noise
        if len(rows := self.rows(count, 0.05)):
            quality = uniform(generator, (len(rows),), 15, 80)
            images[rows] = jpeg(images[rows].clamp(0, 255), quality)
        return images.clamp(0, 255)

    def erase(self, images: Tensor, share: float = 0.25) -> Tensor:
        """Return images with a grey or noisy rectangle here and there (Zhong et al., 2020)."""
        generator, size = self._generator, images.shape[-1]
        rows = self.rows(len(images), share)
        inside = self.rectangle(len(rows), size, 0.1, 0.4)
        noise = torch.randn(
            (len(rows), 1, size, size), generator=generator, device=generator.device
        )
        covered = self._uniform(rows, 0, 255) + self._uniform(rows, 0, 60) * noise
        images = images.clone()
        images[rows] = torch.where(inside, covered.clamp(0, 255), images[rows])
        return images

    def rectangle(self, count: int, size: int, low: float, high: float) -> Tensor:
        """Return (count, 1, size, size) masks, each true in a rectangle of ``low`` to ``high``."""
        extent = uniform(self._generator, (count, 2), low, high) * size
        corner = uniform(self._generator, (count, 2), 0, 1) * (size - extent)
        axis = torch.arange(size, device=extent.device)[None]
        down, across = (
            (axis >= corner[:, i : i + 1]) & (axis < (corner + extent)[:, i : i + 1])
            for i in (0, 1)
        )
        return (down[:, :, None] & across[:, None, :])[:, None]
