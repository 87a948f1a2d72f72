"""Training batches drawn on the device: balanced, of crops that hold speech, augmented there."""

from __future__ import annotations

from collections.abc import Sequence

import audio_augment as augment
import numpy as np
import torch
from audio_corpora import CHUNK, Clip
from audio_front_end import high_pass, log_mel, normalise
from audio_noise import noise_bank
from audio_recipe import Recipe
from numpy.typing import NDArray
from torch import Tensor

from mer_ros.audio.log_mel import HOP
from mer_ros.emotions import COUNT

AHEAD = 8
"""Batches drawn at once."""
LEAST = 1e-4
"""Prior of a class that no clip has: a card's are above 0, since logarithms of them are taken."""
PIECES = 6
NOISE_SAMPLES = 240_000
MARGIN = 4000
"""Samples heard before a crop, which rooms and filters need."""
_PLACES = 6
_FAST, _ROOM, _CLIPPED, _TELEPHONE, _MU_LAW = 0.6, 0.5, 0.12, 0.15, 0.12


class Sounds:
    """Clips on the device, one after the other, and how much speech any part of them holds."""

    def __init__(self, clips: Sequence[Clip], device: torch.device) -> None:
        sizes = np.array([clip.samples.size for clip in clips])
        chunks = np.array([clip.speech.size for clip in clips])
        sums = [np.cumsum(np.append(np.float32(0.0), clip.speech)) for clip in clips]
        self.device = device
        self._samples = _on(device, np.concatenate([clip.samples for clip in clips]))
        self._first = _on(device, np.cumsum(sizes) - sizes)
        self._size = _on(device, sizes)
        self._speech = _on(device, np.concatenate(sums).astype(np.float32))
        self._first_sum = _on(device, np.cumsum(chunks + 1) - (chunks + 1))
        self._chunks = _on(device, chunks)

    def places(self, generator: torch.Generator, items: Tensor, needed: Tensor) -> Tensor:
        """Return (B,) where to cut so that half is speech: the first such of a few random places.

        Args:
            generator: source of chance.
            items: (B,) indices of clips.
            needed: (B,) samples to cut out.
        """
        spare = (self._size[items] - needed).clamp(min=0)
        drawn = augment.uniform(generator, 0.0, 1.0, items.shape[0], _PLACES)
        places = (drawn * spare[:, None]).long()
        first, last = self._first_sum[items][:, None], self._chunks[items][:, None]
        begin = torch.minimum(places // CHUNK, last)
        end = torch.minimum((places + needed[:, None].long()) // CHUNK, last)
        spoken = self._speech[first + end] - self._speech[first + begin]
        share = spoken * CHUNK / needed[:, None]
        # Where one is good enough the earliest wins, or else the one with most speech.
        rank = torch.where(share >= 0.5, 10.0 - torch.arange(_PLACES, device=self.device), share)
        return places.gather(1, rank.argmax(dim=1, keepdim=True))[:, 0]

    def cut(self, items: Tensor, begin: Tensor, count: int) -> Tensor:
        """Return (B, count) float32 from ``begin``: zeros before a clip, its repetition after."""
        position = begin[:, None] + torch.arange(count, device=self.device)
        index = self._first[items][:, None] + position % self._size[items][:, None]
        return self._samples[index].float() * ((position >= 0) / 32768.0)


class Batches:
    """Draws balanced batches and augments them.

    Args:
        clips: those to train on. recipe: of the run. device: where everything lies and happens.
    """

    def __init__(self, clips: Sequence[Clip], recipe: Recipe, device: torch.device) -> None:
        self._recipe = recipe
        self._sounds = Sounds(clips, device)
        self.speakers = sorted({clip.speaker for clip in clips})
        emotions = np.eye(COUNT, dtype=np.float32)[[clip.label for clip in clips]]
        voices = [self.speakers.index(clip.speaker) for clip in clips]
        voices = np.eye(len(self.speakers), dtype=np.float32)[voices]
        self._targets = _on(device, np.concatenate([emotions, voices], axis=1))
        self._weights = _on(device, sampling_weights(clips).astype(np.float32))
        babble = [clip.samples.astype(np.float32) / 32768.0 for clip in clips[::7]]
        bank = noise_bank(babble, PIECES, NOISE_SAMPLES, recipe.seed)
        self._bank = _on(device, bank)
        self._generator = torch.Generator(device)
        self.reseed(0)

    def reseed(self, step: int) -> None:
        """Start the draws anew, as when a run goes on from a checkpoint."""
        self._generator.manual_seed(self._recipe.seed + 1_000_003 * step)
        # Lengths and shares of a batch are chosen here: to ask the device would be to wait for it.
        self._host = np.random.default_rng([self._recipe.seed, step])
        self._ready: list[tuple[Tensor, ...]] = []

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-mels (B, 64, T) float32, and targets (B, 7) and (B, speakers)."""
        if not self._ready:
            # On a graphics processor the many small changes of augmentation cost as much for one
            # batch as for eight. Shuffled, since the changed crops come first.
            drawn = self._several()
            count = AHEAD * self._recipe.batch
            order = augment.some(self._generator, 1.0, count).split(self._recipe.batch)
            self._ready = [tuple(each[rows] for each in drawn) for rows in order]
        x, target, voices = self._ready.pop()
        return x, target, voices

    def _several(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the crops of the next batches and their targets."""
        recipe, generator = self._recipe, self._generator
        frames = int(self._host.choice(recipe.lengths))
        count = AHEAD * recipe.batch
        items = torch.multinomial(self._weights, count, True, generator=generator)
        heard = self._heard(items, MARGIN + frames * HOP)
        heard = augment.add_noise(generator, heard[:, MARGIN:], self._bank, recipe.noise)
        x = augment.warp(generator, log_mel(normalise(heard)), recipe.warp)
        target = self._targets[items]
        if self._host.random() < recipe.mixup:
            x, target = augment.mix(generator, x, target, float(self._host.beta(0.3, 0.3)))
        return augment.mask(generator, x, recipe.mask), target[:, :COUNT], target[:, COUNT:]

    def _heard(self, items: Tensor, count: int) -> Tensor:
        """Return (B, count): crops played, degraded and filtered; MARGIN comes before the crop.

        The first rows are the changed ones; which clips these are is chance already.
        """
        generator, device = self._generator, self._sounds.device
        changed = round((1.0 - self._recipe.clean) * items.shape[0])
        fast = augment.some(generator, _FAST, changed)
        step = torch.ones(items.shape[0], device=device)
        step[fast] = augment.uniform(generator, augment.SLOWEST, augment.FASTEST, fast.shape[0])
        begin = self._sounds.places(generator, items, step * (count - MARGIN))
        begin = begin - (step * MARGIN).long()
        x = self._sounds.cut(items, begin, count)
        source = self._sounds.cut(
            items[fast], begin[fast] - (augment.TAPS // 2 - 1), augment.source_size(count)
        )
        x[fast] = augment.play(source, step[fast], count)
        rows = augment.some(generator, _ROOM, changed)
        x[rows] = augment.room(generator, x[rows])
        rows = augment.some(generator, _CLIPPED, changed)
        x[rows] = augment.clipping(generator, x[rows])
        gains = augment.microphones(generator, items.shape[0], count)
        rows = augment.some(generator, _TELEPHONE, changed)
        gains[rows] = gains[rows] * augment.telephone(count, device)
        x = torch.fft.irfft(torch.fft.rfft(x) * (gains * high_pass(count, device)), count)
        # After the filters, not between them, for one transform less: its noise is broad anyway.
        rows = augment.some(generator, _MU_LAW, changed)
        x[rows] = augment.mu_law(x[rows])
        return x


def _on(device: torch.device, array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(array).to(device)


def sampling_weights(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Return (N,) drawing probabilities: corpora as sqrt(size), classes equal within a corpus."""
    counts: dict[tuple[str, int], int] = {}
    sizes: dict[str, int] = {}
    for clip in clips:
        counts[clip.corpus, clip.label] = counts.get((clip.corpus, clip.label), 0) + 1
        sizes[clip.corpus] = sizes.get(clip.corpus, 0) + 1
    classes = {name: sum(1 for corpus, _ in counts if corpus == name) for name in sizes}
    weights = np.array(
        [np.sqrt(sizes[c.corpus]) / (classes[c.corpus] * counts[c.corpus, c.label]) for c in clips]
    )
    return np.asarray(weights / weights.sum(), np.float64)


def prior(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Return (7,) how often each class is drawn, one without clips :data:`LEAST`; sums to 1."""
    labels = [clip.label for clip in clips]
    drawn = np.asarray(np.bincount(labels, sampling_weights(clips), COUNT), np.float64)
    if drawn.all():
        return drawn
    floored = np.maximum(drawn, LEAST)
    return np.asarray(floored / floored.sum(), np.float64)
