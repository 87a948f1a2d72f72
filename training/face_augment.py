"""What a robot's camera and detector do to a face, on whole batches of tensors.

All images are (N, 1, 48, 48) float32 in 0..255. The ranges cover what Haar and YuNet boxes do to
framing (see docs/models/face_lite.md, "Framing") and more.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

KERNEL = 9


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
    """Return uniform numbers in [low, high)."""
    return low + (high - low) * torch.rand(size, generator=generator)


def convolve(images: Tensor, kernels: Tensor) -> Tensor:
    """Return each of (N, 1, S, S) images blurred by its own kernel of (N, K, K)."""
    half = kernels.shape[-1] // 2
    padded = functional.pad(images, (half, half, half, half), mode='replicate').transpose(0, 1)
    return functional.conv2d(padded, kernels[:, None], groups=len(images)).transpose(0, 1)


def gaussian_kernels(sigma: Tensor) -> Tensor:
    """Return (N, KERNEL, KERNEL) kernels of the (N,) deviations in pixels."""
    axis = torch.arange(KERNEL) - KERNEL // 2
    line = torch.exp(-0.5 * (axis[None] / sigma[:, None]) ** 2)
    kernels = line[:, :, None] * line[:, None, :]
    return kernels / kernels.sum(dim=(1, 2), keepdim=True)


def motion_kernels(length: Tensor, angle: Tensor) -> Tensor:
    """Return (N, KERNEL, KERNEL) kernels of a straight motion: (N,) lengths in pixels, angles."""
    axis = torch.arange(KERNEL) - KERNEL // 2
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


def jpeg(images: Tensor, qualities: list[int]) -> Tensor:
    """Return images after JPEG at these qualities (1..100)."""
    after = []
    for image, quality in zip(images, qualities, strict=True):
        grey = image[0].clamp(0, 255).to(torch.uint8).numpy()
        _, data = cv2.imencode('.jpg', grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        after.append(np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)))
    return torch.from_numpy(np.stack(after)).float()[:, None]


class Augmentation:
    """Random changes that leave the expression readable."""

    def __init__(self, generator: torch.Generator, strength: float = 1.0) -> None:
        """Draw from ``generator``; ``strength`` scales how far the geometry goes."""
        self._generator = generator
        self._strength = strength

    def _rows(self, count: int, share: float) -> Tensor:
        return torch.nonzero(torch.rand(count, generator=self._generator) < share)[:, 0]

    def geometry(self, images: Tensor, share: float = 1.0) -> Tensor:
        """Return mirrored, turned, scaled, shifted images: another detector's crops.

        ``share`` of the usual strength.
        """
        count, generator, strength = len(images), self._generator, share * self._strength
        mirror = self._rows(count, 0.5)
        images[mirror] = images[mirror].flip(-1)
        wild = (torch.rand(count, generator=generator) < 0.25).float()
        reach = strength * (0.6 + 0.4 * wild)
        logarithm = uniform(generator, (count, 1), -0.28, 0.26) * reach[:, None]
        stretch = uniform(generator, (count, 1), -0.08, 0.08) * strength
        scale = torch.exp(torch.cat([logarithm + stretch, logarithm - stretch], 1))
        angle = uniform(generator, (count,), -1, 1) * math.radians(24) * reach
        shift = uniform(generator, (count, 2), -0.2, 0.2) * reach[:, None]
        edge = torch.rand(1, generator=generator).item() < 0.5
        return warp(images, scale, angle, shift, 'border' if edge else 'reflection')

    def light(self, images: Tensor) -> Tensor:
        """Return images with another exposure, contrast, gamma and a light from one side."""
        count, generator = len(images), self._generator
        gamma = torch.exp(uniform(generator, (count, 1, 1, 1), -0.5, 0.5))
        images = 255 * (images / 255).clamp(0, 1) ** gamma
        rows = self._rows(count, 0.25)
        slope = uniform(generator, (len(rows), 2, 1, 1), -0.5, 0.5)
        axis = torch.linspace(-1, 1, images.shape[-1])
        shade = 1 + slope[:, :1] * axis[None, None, None] + slope[:, 1:] * axis[None, None, :, None]
        images[rows] = images[rows] * shade.clamp(0.2)
        rows = self._rows(count, 0.3)
        gain = torch.exp(uniform(generator, (len(rows), 1, 1, 1), -1.6, 0.3))
        images[rows] = images[rows] * gain + uniform(generator, (len(rows), 1, 1, 1), -20, 40)
        return images.clamp(0, 255)

    def sensor(self, images: Tensor) -> Tensor:
        """Return images with blur, motion, low resolution, noise and compression here and there."""
        count, generator = len(images), self._generator
        rows = self._rows(count, 0.08)
        if len(rows):
            sigma = uniform(generator, (len(rows),), 0.4, 1.8)
            images[rows] = convolve(images[rows], gaussian_kernels(sigma))
        rows = self._rows(count, 0.06)
        if len(rows):
            length = uniform(generator, (len(rows),), 2, 8)
            turn = uniform(generator, (len(rows),), 0, math.pi)
            images[rows] = convolve(images[rows], motion_kernels(length, turn))
        rows = self._rows(count, 0.08)
        if len(rows):
            size = int(torch.randint(16, 40, (1,), generator=generator))
            images[rows] = downscale(images[rows], size)
        rows = self._rows(count, 0.12)
        if len(rows):
            deviation = uniform(generator, (len(rows), 1, 1, 1), 1, 14)
            noise = torch.randn(images[rows].shape, generator=generator)
            images[rows] = images[rows] + deviation * noise
        rows = self._rows(count, 0.05)
        if len(rows):
            drawn = torch.randint(15, 80, (len(rows),), generator=generator)
            images[rows] = jpeg(images[rows], [int(quality) for quality in drawn])
        return images.clamp(0, 255)

    def erase(self, images: Tensor, share: float = 0.25) -> Tensor:
        """Return images with a grey or noisy rectangle here and there (Zhong et al., 2020)."""
        generator = self._generator
        rows = self._rows(len(images), share)
        size = images.shape[-1]
        extent = uniform(generator, (len(rows), 2), 0.1, 0.4) * size
        corner = torch.rand((len(rows), 2), generator=generator) * (size - extent)
        axis = torch.arange(size)[None]
        inside_y = (axis >= corner[:, :1]) & (axis < corner[:, :1] + extent[:, :1])
        inside_x = (axis >= corner[:, 1:]) & (axis < corner[:, 1:] + extent[:, 1:])
        inside = (inside_y[:, :, None] & inside_x[:, None, :])[:, None]
        level = uniform(generator, (len(rows), 1, 1, 1), 0, 255)
        rough = uniform(generator, (len(rows), 1, 1, 1), 0, 60)
        noise = torch.randn((len(rows), 1, size, size), generator=generator)
        images[rows] = torch.where(inside, (level + rough * noise).clamp(0, 255), images[rows])
        return images

    def __call__(self, images: Tensor, sensor: bool = True, gentle: bool = False) -> Tensor:
        """Return changed copies of (N, 1, 48, 48) images.

        Args:
            images: the faces.
            sensor: with the sensor's faults.
            gentle: with half the geometry, and nothing erased.
        """
        images = self.light(self.geometry(images.clone(), 0.5 if gentle else 1.0))
        if sensor:
            images = self.sensor(images)
        return images if gentle else self.erase(images)
