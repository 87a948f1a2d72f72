"""The prototype's audio classifier: wav2vec2-large-xlsr (316 M parameters), run fast on a CPU."""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio import wav2vec2_checkpoint, wav2vec2_int8
from mer_ros.emotions import COUNT, fold
from mer_ros.estimates import uniform
from mer_ros.models import store
from mer_ros.models.calibration import calibrate
from mer_ros.models.card import ModelCard
from mer_ros.models.errors import ModelError
from mer_ros.models.processor import has_bfloat16

if TYPE_CHECKING:
    import torch

DTYPES = ('auto', 'bfloat16', 'int8', 'float32')
DEVICES = ('auto', 'cpu', 'cuda')
AGREEMENT = 0.05
"""Largest difference of a probability that a faster dtype may show on the probes at load."""

_PROBES = 4
_WINDOW = 16_000

_LOG = logging.getLogger(__name__)

Array = NDArray[np.float32]
Network = Callable[[Array], tuple[Array, Array]]
"""(N, samples) normalised windows, N ≥ 1, to logits (N, 8) and embeddings (N, hidden)."""
Original = Callable[[], tuple['torch.nn.Module', 'torch.nn.Module']]
"""Body and head of the checkpoint, read when they are first asked for."""


def _probes() -> Array:
    """Return (N, 16000) float32 voiced sounds with moving pitch, to compare dtypes on."""
    random = np.random.default_rng(0)
    time = np.arange(_WINDOW) / 16_000
    sounds = []
    for _ in range(_PROBES):
        sway = 1 + 0.2 * np.sin(2 * np.pi * random.uniform(1, 5) * time)
        phase = 2 * np.pi * np.cumsum(random.uniform(90, 300) * sway) / 16_000
        voice = sum(np.sin(k * phase) / k for k in range(1, 12))
        envelope = 0.5 + 0.5 * np.sin(2 * np.pi * random.uniform(2, 6) * time)
        sounds.append(0.1 * voice * envelope + 0.003 * random.standard_normal(_WINDOW))
    return np.asarray(sounds, np.float32)


class Wav2Vec2Classifier:
    """``wav2vec2``: the checkpoint of ``mer models pull wav2vec2``.

    Args:
        model: folder of the checkpoint; by default where ``mer models`` keeps it.
        dtype: ``auto`` takes bfloat16 where the CPU (or GPU) has it and int8 elsewhere, if the
            probabilities on probe sounds stay within :data:`AGREEMENT` of float32, else float32;
            that as well, with a warning, where the copy in 8 bits cannot be written.
        device: ``auto`` takes CUDA where there is one.
        threads: of the network; 1 leaves the other core to the face node.

    Attributes:
        chosen: what ``auto`` came to, for diagnostics: ``cpu bfloat16 (max difference 0.004)``;
            names the dtype that was refused, if one was.
    """

    name = 'wav2vec2'

    def __init__(
        self, model: str = '', dtype: str = 'auto', device: str = 'auto', threads: int = 2
    ) -> None:
        if dtype not in DTYPES:
            raise ModelError(f'dtype is {dtype!r}; set it to one of {", ".join(DTYPES)}')
        if device not in DEVICES:
            raise ModelError(f'device is {device!r}; set it to one of {", ".join(DEVICES)}')
        if threads < 1:
            raise ModelError(f'threads is {threads}; set it to 1 or more')
        self.version = '1.0'
        self.prior = uniform()
        self.chosen = ''
        self._path, self._dtype, self._device, self._threads = model, dtype, device, threads
        self._temperature = 1.0
        self._words: tuple[str, ...] = ()
        self._normalise = True
        self._network: Network | None = None

    def load(self) -> None:
        """Read the checkpoint, choose the dtype and warm up.

        In 8 bits this takes up to a minute the first time, and a few seconds from then on.

        Raises:
            ModelError: torch or transformers is not installed, the checkpoint is missing,
                damaged or another one, or the device is not there.
        """
        folder = Path(self._path).expanduser() if self._path else store.find('wav2vec2')
        self._words, self._normalise = wav2vec2_checkpoint.describe(folder)
        card = ModelCard.path_of(wav2vec2_checkpoint.weights(folder))
        if card.is_file():
            read = ModelCard.read(card)
            self.version, self._temperature, self.prior = read.version, read.temperature, read.prior
        device = self._device
        if device != 'cpu':
            device = 'cuda' if _sees_cuda() else 'cpu'
            if self._device == 'cuda' and device == 'cpu':
                raise ModelError('device is cuda, but torch sees no GPU; set device to auto or cpu')
        self._choose(folder, device)

    def _choose(self, folder: Path, device: str) -> None:
        wanted = [self._dtype]
        if self._dtype == 'auto':
            fast = device == 'cuda' or has_bfloat16()
            wanted = ['bfloat16', 'float32'] if fast else ['int8', 'float32']
        original = functools.cache(lambda: _read(folder, self._threads))
        refused = ''
        for dtype in wanted:
            if dtype == 'int8':
                try:
                    network, difference = self._int8(folder, device, original)
                except ModelError as error:
                    if self._dtype != 'auto':
                        raise
                    _LOG.warning('wav2vec2 runs in float32, some three times as slow: %s', error)
                    refused = '; int8 cannot be written'
                    continue
            else:
                network = _TorchNetwork(*original(), dtype, device)
                same = (device, dtype) == ('cpu', 'float32')
                difference = 0.0 if same else self._difference(network, original)
            if self._dtype != 'auto' or dtype == 'float32' or difference <= AGREEMENT:
                break
            refused = f'; {dtype} differed by {difference:.3f}'
        self._network = network
        self.chosen = f'{device} {dtype} (max difference {difference:.3f}{refused})'
        self._answers(_probes()[:1])  # the first window of the size in use is the slow one

    def _int8(self, folder: Path, device: str, original: Original) -> tuple[Network, float]:
        if device != 'cpu':
            raise ModelError('dtype int8 runs on the CPU only; set device to cpu')

        def make(path: Path) -> Network:
            return wav2vec2_int8.Int8Network(path, self._threads)

        written = wav2vec2_int8.find(folder) or wav2vec2_int8.write(
            folder, *original(), lambda path: self._difference(make(path), original)
        )
        return make(written.path), written.difference

    def _difference(self, network: Network, original: Original) -> float:
        """Return how far probabilities are off float32 on the CPU at most, on the probes."""
        probes = self._normalised(_probes())
        ours, theirs = (
            self._probabilities(each(probes)[0])
            for each in (network, _TorchNetwork(*original(), 'float32', 'cpu'))
        )
        return float(np.abs(ours - theirs).max())

    def _normalised(self, windows: Array) -> Array:
        values = np.asarray(windows, np.float32)
        if not self._normalise:
            return values
        # Wav2Vec2FeatureExtractor: zero mean, unit variance
        centred = values - values.mean(axis=1, keepdims=True)
        result: Array = centred / np.sqrt(values.var(axis=1, keepdims=True) + 1e-7)
        return result

    def _probabilities(self, logits: Array) -> Array:
        return fold(calibrate(logits, self._temperature), self._words)

    def _answers(self, windows: Array) -> tuple[Array, Array]:
        if self._network is None:
            raise ModelError('the wav2vec2 classifier is not loaded: call load() first')
        if windows.ndim != 2:
            raise ModelError(f'windows of shape {windows.shape}, not (N, samples)')
        logits, embeddings = self._network(self._normalised(windows))
        return self._probabilities(logits), embeddings

    def classify(self, windows: Array) -> Array:
        """Classify (N, 16000) float32 windows of 16 kHz sound, N ≥ 0, to (N, 7) float32.

        Raises:
            ModelError: it is not loaded, or the windows have the wrong shape.
        """
        return self._answers(windows)[0] if len(windows) else np.zeros((0, COUNT), np.float32)

    def classify_with_embeddings(self, windows: Array) -> tuple[Array, Array]:
        """Return what ``classify`` returns, and the (N, hidden) float32 that the head took; N ≥ 1.

        Raises:
            ModelError: it is not loaded, or the windows have the wrong shape.
        """
        return self._answers(windows)


class _TorchNetwork:
    """Body and head by torch; the ones given stay as they are."""

    def __init__(
        self, body: torch.nn.Module, head: torch.nn.Module, dtype: str, device: str
    ) -> None:
        import torch

        kind = torch.bfloat16 if dtype == 'bfloat16' else torch.float32
        if (device, kind) != ('cpu', torch.float32):
            body = copy.deepcopy(body).to(device=device, dtype=kind)
            head = copy.deepcopy(head).to(device=device)
        self._body, self._head, self._device, self._kind = body, head, device, kind

    def __call__(self, windows: Array) -> tuple[Array, Array]:
        """Return logits and embeddings; the mean over time and the head are in float32."""
        import torch

        with torch.inference_mode():
            values = torch.from_numpy(windows).to(self._device, self._kind)
            hidden = self._body(values).last_hidden_state.float().mean(dim=1)
            return self._head(hidden).cpu().numpy(), hidden.cpu().numpy()


def _read(folder: Path, threads: int) -> tuple[torch.nn.Module, torch.nn.Module]:
    body, head = wav2vec2_checkpoint.read(folder)
    import torch

    torch.set_num_threads(threads)
    return body, head


def _sees_cuda() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())
