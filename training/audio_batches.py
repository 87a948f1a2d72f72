"""Training batches: rendered copies in memory, balanced drawing, and augmentation of log-mels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from audio_corpora import CHUNK, Clip
from audio_rendering import noise_bank, variant
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mer_ros.audio.conditioning import HighPass, normalise
from mer_ros.audio.log_mel import BANDS, HIGH_HZ, HOP, LOW_HZ, log_mel
from mer_ros.audio.settings import AudioSettings
from mer_ros.emotions import COUNT

_log = logging.getLogger(__name__)
PIECES = 6
NOISE_FRAMES = 1500


@dataclass(frozen=True)
class Rendered:
    """One copy of every clip as log-mel, clips one after the other.

    frames: (64, F) float16. offsets: (N + 1,) first frame of each clip. cumulative: (F + 1,)
    float32, running sum of P(speech), so that any crop's share of speech is a difference.
    """

    frames: NDArray[np.float16]
    offsets: NDArray[np.int64]
    cumulative: NDArray[np.float64]


def render(clips: Sequence[Clip], copies: int, seed: int, cache: Path) -> list[Rendered]:
    """Return the clean copy and ``copies - 1`` degraded ones, kept in ``cache``."""
    rendered = []
    for copy in range(copies):
        path = cache / f'copy-{seed}-{len(clips)}-{copy}.npz'
        if not path.is_file():
            _log.info('rendering copy %d of %d', copy + 1, copies)
            _render_one(clips, copy, seed, path)
        with np.load(path) as stored:
            rendered.append(Rendered(stored['frames'], stored['offsets'], stored['cumulative']))
    return rendered


def _render_one(clips: Sequence[Clip], copy: int, seed: int, path: Path) -> None:
    rng = np.random.default_rng([seed, copy])
    pieces, activity = [], []
    for clip in clips:
        wave = clip.samples.astype(np.float32) / 32768.0
        factor = 1.0
        if copy:
            wave, factor = variant(wave, rng)
        mel = log_mel(_conditioned(wave))
        source = np.arange(mel.shape[1]) * HOP * factor / CHUNK
        chunks = np.minimum(source.astype(np.int64), clip.speech.size - 1)
        pieces.append(mel.astype(np.float16))
        activity.append(clip.speech[chunks].astype(np.float64))
    lengths = np.array([0] + [piece.shape[1] for piece in pieces])
    np.savez(
        path,
        frames=np.concatenate(pieces, axis=1),
        offsets=np.cumsum(lengths),
        cumulative=np.concatenate([[0.0], np.cumsum(np.concatenate(activity))]),
    )


def _conditioned(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sound as the pipeline hands it to the classifier: filtered and levelled."""
    settings = AudioSettings()
    filtered = HighPass(settings.high_pass_hz).push(wave)
    return normalise(filtered, settings.normalise_dbfs, settings.normalise_max_gain_db)


class Batches:
    """Draws balanced batches and augments them.

    Args:
        clips: all clips. copies: from :func:`render`. chosen: indices of ``clips`` to train on.
        seed: of every draw. batch: clips a batch.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        copies: Sequence[Rendered],
        chosen: NDArray[np.int64],
        seed: int,
        batch: int,
    ) -> None:
        self._copies = copies
        self._chosen = chosen
        self._batch = batch
        self._rng = np.random.default_rng(seed)
        self.labels = np.array([clip.label for clip in clips])
        self._weights = sampling_weights([clips[i] for i in chosen])
        voices = [clips[i].samples.astype(np.float32) / 32768.0 for i in chosen[::7]]
        bank = noise_bank(voices, PIECES, NOISE_FRAMES, seed)
        self._noise = torch.from_numpy(bank)

    def reseed(self, seed: int) -> None:
        """Start the draws anew, as when a run goes on from a checkpoint."""
        self._rng = np.random.default_rng(seed)

    def prior(self) -> NDArray[np.float64]:
        """Return (7,) how often each class is drawn."""
        shares = np.bincount(self.labels[self._chosen], self._weights, COUNT)
        return np.asarray(shares, np.float64)

    def draw(self) -> tuple[Tensor, Tensor]:
        """Return augmented log-mels (B, 64, T) float32 and soft targets (B, 7)."""
        rng = self._rng
        frames = int(rng.choice([100, 100, 100, 150, 200]))
        items = rng.choice(self._chosen, self._batch, p=self._weights)
        crops = np.stack([self._crop(item, frames) for item in items])
        x = torch.from_numpy(crops)
        target = functional.one_hot(torch.from_numpy(self.labels[items]), COUNT).float()
        x = self._warp(x)
        x = self._colour(x)
        x = self._add_noise(x)
        x, target = self._mix(x, target)
        return self._mask(x), target

    def _crop(self, item: int, frames: int) -> NDArray[np.float32]:
        """Return a crop that holds speech: the best of the first few random places."""
        clean = self._rng.random() < 0.4
        copy = self._copies[0 if clean else int(self._rng.integers(len(self._copies)))]
        start, stop = copy.offsets[item], copy.offsets[item + 1]
        if stop - start <= frames:
            return self._extend(copy.frames[:, start:stop].astype(np.float32), frames)
        places = start + self._rng.integers(0, stop - start - frames + 1, 6)
        speech = copy.cumulative[places + frames] - copy.cumulative[places]
        enough = np.flatnonzero(speech >= 0.5 * frames)
        place = places[enough[0]] if enough.size else places[int(speech.argmax())]
        return copy.frames[:, place : place + frames].astype(np.float32)

    @staticmethod
    def _extend(mel: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Repeat a clip shorter than the crop."""
        repeats = -(-frames // mel.shape[1])
        return np.tile(mel, (1, repeats))[:, :frames]

    def _uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(self._rng.uniform(low, high, shape).astype(np.float32))

    def _warp(self, x: Tensor) -> Tensor:
        """Scale the frequency axis (vocal tract length, pitch) and the tempo of each crop."""
        size, _, frames = x.shape
        factor = torch.exp(self._uniform(-0.1, 0.1, size, 1))
        band = torch.arange(BANDS, dtype=torch.float32)[None]
        low, high = _mel(torch.tensor(LOW_HZ)), _mel(torch.tensor(HIGH_HZ))
        step = (high - low) / (BANDS + 1)
        hertz = 700.0 * (10.0 ** ((low + step * (band + 1)) / 2595.0) - 1.0)
        source = (_mel(hertz * factor) - low) / step - 1.0
        tempo = torch.clamp(self._uniform(0.8, 1.15, size, 1), max=1.0)
        shift = self._uniform(-1.0, 1.0, size, 1) * (1.0 - tempo)
        time = torch.linspace(-1.0, 1.0, frames)[None] * tempo + shift
        grid = torch.stack(
            torch.broadcast_tensors(
                time[:, None, :], (source / (BANDS - 1) * 2.0 - 1.0)[:, :, None]
            ),
            dim=-1,
        )
        return functional.grid_sample(x[:, None], grid, padding_mode='border', align_corners=True)[
            :, 0
        ]

    def _colour(self, x: Tensor) -> Tensor:
        """Apply a random gain and a smooth random frequency response (microphone, distance)."""
        size = x.shape[0]
        knots = torch.from_numpy(self._rng.normal(size=(size, 1, 6)).astype(np.float32)) * 0.5
        curve = functional.interpolate(knots, BANDS, mode='linear', align_corners=True)
        return x + curve.transpose(1, 2) + self._uniform(-2.0, 2.0, size, 1, 1)

    def _add_noise(self, x: Tensor) -> Tensor:
        """Add noise powers at -3 to 35 dB below the crop's mean power to 40 % of the crops."""
        size, _, frames = x.shape
        pick = self._rng.integers(0, self._noise.shape[0], size)
        starts = self._rng.integers(0, self._noise.shape[2] - frames, size)
        noise = torch.stack(
            [self._noise[p, :, s : s + frames] for p, s in zip(pick, starts, strict=True)]
        )
        level = torch.logsumexp(x.flatten(1), 1) - torch.logsumexp(noise.flatten(1), 1)
        ratio = self._uniform(-3.0, 35.0, size) * 0.2303
        ratio[torch.from_numpy(self._rng.random(size) > 0.4)] = 25.0
        return torch.logaddexp(x, noise + (level - ratio)[:, None, None])

    def _mix(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mix crops and targets (Zhang et al., 2018), alpha 0.3, a third of the batches."""
        if self._rng.random() > 0.33:
            return x, target
        share = self._rng.beta(0.3, 0.3)
        order = torch.from_numpy(self._rng.permutation(x.shape[0]))
        level = torch.logsumexp(x.flatten(1), 1)
        other = x[order] + (level - level[order])[:, None, None]
        return share * x + (1 - share) * other, share * target + (1 - share) * target[order]

    def _mask(self, x: Tensor) -> Tensor:
        """Replace a few bands and frames by the crop's mean (Park et al., 2019)."""
        size, bands, frames = x.shape
        keep = torch.ones_like(x, dtype=torch.bool)
        for axis, length, widest in ((1, bands, 8), (1, bands, 8), (2, frames, 12)):
            width = self._uniform(0, widest, size, 1)
            start = self._uniform(0, 1, size, 1) * (length - width)
            index = torch.arange(length)[None]
            masked = (index >= start) & (index < start + width)
            keep &= ~(masked[:, :, None] if axis == 1 else masked[:, None, :])
        return torch.where(keep, x, x.mean(dim=(1, 2), keepdim=True))


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


def _mel(hertz: Tensor) -> Tensor:
    return 2595.0 * torch.log10(1.0 + hertz / 700.0)
