"""FER2013 images with FER+ votes: targets, duplicates, and the part of train kept for choosing.

FER+ (Barsoum et al., 2016, "Training deep networks for facial expression recognition with
crowd-sourced label distribution") had ten people name each image of FER2013 (Goodfellow et al.,
2013). Their votes are the target here; FER2013's own labels are never trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotions import COUNT
from mer_ros.models.processor import has_bfloat16

FERPLUS_TO_OURS: tuple[int, ...] = (4, 5, 6, 1, 3, 2, 0)
"""FER+ columns (neutral, happiness, surprise, sadness, anger, disgust, fear) in our order."""
CONTEMPT, UNKNOWN, NO_FACE = 7, 8, 9
CLASSES = COUNT + 1
"""The net's own classes: our seven and contempt, which is dropped at export."""
HELD_OUT = 2500
MIN_VOTES = 4
"""An image with fewer votes for a class of ours or contempt teaches only face or no face."""
NEAR_DUPLICATE = 0.985
"""Correlation of two 16x16 thumbnails from which two images count as one picture."""


@dataclass(frozen=True)
class FaceSet:
    """Faces with what people said about them.

    Attributes:
        images: (N, 48, 48) uint8 grey.
        targets: (N, 8) float32, shares of the votes over our seven and contempt; rows sum to 1,
            or to 0 where fewer than :data:`MIN_VOTES` people named one of them.
        usable: (N,) float32, share of the people who could name something.
        majority: (N,) int64, label of ours with more than half of all votes, else -1.
        original: (N,) int64, FER2013's own label.
    """

    images: NDArray[np.uint8]
    targets: NDArray[np.float32]
    usable: NDArray[np.float32]
    majority: NDArray[np.int64]
    original: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def take(self, rows: NDArray[np.int64]) -> FaceSet:
        """Return the set of these rows."""
        return FaceSet(
            self.images[rows],
            self.targets[rows],
            self.usable[rows],
            self.majority[rows],
            self.original[rows],
        )


def majority_label(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (N,) our label with more than half of all (N, 10) votes, -1 where there is none."""
    ours = votes[:, list(FERPLUS_TO_OURS)]
    sure = 2 * ours.max(axis=1) > votes.sum(axis=1)
    return np.where(sure, ours.argmax(axis=1), -1).astype(np.int64)


def load(path: Path) -> FaceSet:
    """Read ``images``, ``labels`` and ``ferplus_votes`` of an npz file.

    Raises:
        FileNotFoundError: there is no such file.
        KeyError: it lacks one of the three arrays.
    """
    with np.load(path) as archive:
        votes = archive['ferplus_votes'].astype(np.int64)
        images, original = archive['images'], archive['labels'].astype(np.int64)
    named = votes[:, [*FERPLUS_TO_OURS, CONTEMPT]].astype(np.float32)
    total = named.sum(axis=1, keepdims=True)
    targets = np.where(total >= MIN_VOTES, named / np.maximum(total, 1), 0).astype(np.float32)
    usable = 1 - votes[:, [UNKNOWN, NO_FACE]].sum(axis=1) / np.maximum(votes.sum(axis=1), 1)
    return FaceSet(images, targets, usable.astype(np.float32), majority_label(votes), original)


def _thumbnails(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N, 256) unit vectors: 16x16 means without their mean."""
    small = images.reshape(-1, 16, 3, 16, 3).mean(axis=(2, 4)).reshape(-1, 256)
    small = small - small.mean(axis=1, keepdims=True)
    length = np.linalg.norm(small, axis=1, keepdims=True)
    return np.asarray(small / np.maximum(length, 1e-6), np.float32)


def _alike(
    images: NDArray[np.uint8], others: NDArray[np.uint8], chunk: int = 1024
) -> NDArray[np.int64]:
    """Return (P, 2) pairs (row of images, row of others) that show one picture, or its mirror.

    All pairs are compared in bfloat16 where the processor has it, which takes seconds; the few that
    come near are compared again in full.
    """
    import torch  # not for those who only read pictures and votes

    ours, pairs = torch.from_numpy(_thumbnails(images)), []
    kind = torch.bfloat16 if has_bfloat16() else torch.float32
    for seen in (others, others[:, :, ::-1]):
        theirs = torch.from_numpy(_thumbnails(seen))
        short = theirs.to(kind).T.contiguous()
        for start in range(0, len(ours), chunk):
            near = ours[start : start + chunk].to(kind) @ short > NEAR_DUPLICATE - 0.01
            row, other = torch.nonzero(near, as_tuple=True)
            row += start
            same = (ours[row] * theirs[other]).sum(dim=1) > NEAR_DUPLICATE
            pairs.append(torch.stack([row[same], other[same]], dim=1))
    return np.asarray(torch.cat(pairs), np.int64)


def picture_groups(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return (N,) ids, equal for images that are (nearly) the same picture."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = _alike(images, images)
    graph = coo_matrix(
        (np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), (len(images), len(images))
    )
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def split(
    train: FaceSet, valid: FaceSet, seed: int, held_out: int = HELD_OUT
) -> tuple[FaceSet, FaceSet]:
    """Return (fit, held-out) parts of train that share no picture with each other or valid.

    Pictures of valid that are in train too are left out altogether, so that the reported figure
    is on pictures never seen. The held-out part has one image a picture, and of a small set at
    most a quarter.
    """
    held_out = min(held_out, len(train) // 4)
    groups = picture_groups(train.images)
    leaked = np.unique(groups[_alike(train.images, valid.images)[:, 0]])
    pictures, first = np.unique(groups, return_index=True)
    order = np.random.default_rng(seed).permutation(len(pictures))
    free = order[~np.isin(pictures[order], leaked)]
    kept = free[:held_out]
    fit = ~np.isin(groups, leaked) & ~np.isin(groups, pictures[kept])
    return train.take(np.nonzero(fit)[0]), train.take(np.sort(first[kept]))
