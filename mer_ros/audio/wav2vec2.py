"""The prototype's audio classifier: wav2vec2-large-xlsr (316 M parameters), run fast on a CPU."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio import wav2vec2_checkpoint
from mer_ros.emotions import COUNT, fold
from mer_ros.estimates import uniform
from mer_ros.models import store
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


def _probes() -> NDArray[np.float32]:
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
            probabilities on probe sounds stay within :data:`AGREEMENT` of float32, else float32.
        device: ``auto`` takes CUDA where there is one.
        threads: of torch; 1 leaves the other core to the face node.

    Attributes:
        chosen: what ``auto`` came to, for diagnostics: ``cpu bfloat16 (max difference 0.004)``.
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
        self._body: torch.nn.Module | None = None
        self._head: torch.nn.Module | None = None
        self._target: tuple[str, Any] = ('cpu', None)

    def load(self) -> None:
        """Read the checkpoint, choose the dtype and warm up.

        Raises:
            ModelError: torch or transformers is not installed, the checkpoint is missing,
                damaged or another one, or the device is not there.
        """
        folder = Path(self._path).expanduser() if self._path else store.find('wav2vec2')
        body, head, self._words, extractor = wav2vec2_checkpoint.read(folder)
        import torch

        torch.set_num_threads(self._threads)
        self._normalise = bool(extractor.get('do_normalize', True))
        card = ModelCard.path_of(folder / 'model.safetensors')
        if card.is_file():
            read = ModelCard.read(card)
            self.version, self._temperature, self.prior = read.version, read.temperature, read.prior
        device = self._device
        if device == 'auto':
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
        elif device == 'cuda' and not torch.cuda.is_available():
            raise ModelError('device is cuda, but torch sees no GPU; set device to auto or cpu')
        self._choose(body, head, device)

    def _choose(self, body: torch.nn.Module, head: torch.nn.Module, device: str) -> None:
        import torch

        wanted = [self._dtype]
        if self._dtype == 'auto':
            fast = device == 'cuda' or has_bfloat16()
            wanted = ['bfloat16', 'float32'] if fast else ['int8', 'float32']
        self._body, self._head, self._target = body, head, ('cpu', torch.float32)
        probes = _probes()
        reference = self._probabilities(probes) if wanted != ['float32'] else None
        for dtype in wanted:
            self._convert(body, head, dtype, device)
            difference = 0.0
            if reference is not None:
                difference = float(np.abs(self._probabilities(probes) - reference).max())
            if self._dtype != 'auto' or dtype == 'float32' or difference <= AGREEMENT:
                self.chosen = f'{device} {dtype} (max difference {difference:.3f})'
                break
        self._probabilities(probes[:1])  # the first window of the size in use is the slow one

    def _convert(
        self, body: torch.nn.Module, head: torch.nn.Module, dtype: str, device: str
    ) -> None:
        import torch

        if dtype == 'int8':
            if device != 'cpu':
                raise ModelError('dtype int8 runs on the CPU only; set device to cpu')
            quantise = torch.ao.quantization.quantize_dynamic
            self._body = quantise(copy.deepcopy(body), {torch.nn.Linear}, dtype=torch.qint8)
            self._head, self._target = head, ('cpu', torch.float32)
            return
        kind = torch.bfloat16 if dtype == 'bfloat16' else torch.float32
        # The original stays as it is: it is what a dtype that fails its probes falls back to.
        plain = device == 'cpu' and kind == torch.float32
        self._body = body if plain else copy.deepcopy(body).to(device=device, dtype=kind)
        self._head = head if plain else copy.deepcopy(head).to(device=device)
        self._target = (device, kind)

    def _hidden(self, windows: NDArray[np.float32]) -> torch.Tensor:
        """Return the (N, hidden) mean over time of the last layer."""
        import torch

        if self._body is None:
            raise ModelError('the wav2vec2 classifier is not loaded: call load() first')
        device, kind = self._target
        values = np.asarray(windows, np.float32)
        if self._normalise:  # Wav2Vec2FeatureExtractor: zero mean, unit variance
            centred = values - values.mean(axis=1, keepdims=True)
            values = centred / np.sqrt(values.var(axis=1, keepdims=True) + 1e-7)
        with torch.inference_mode():
            states = self._body(torch.from_numpy(values).to(device, kind)).last_hidden_state
            return states.float().mean(dim=1)

    def _probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        hidden = self._hidden(windows)
        if self._head is None:
            raise ModelError('the wav2vec2 classifier is not loaded: call load() first')
        with torch.inference_mode():
            scores = torch.softmax(self._head(hidden) / self._temperature, dim=1)
        return fold(scores.cpu().numpy(), self._words)

    def classify(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Classify (N, 16000) float32 windows of 16 kHz sound, N ≥ 0, to (N, 7) float32.

        Raises:
            ModelError: it is not loaded, or the windows have the wrong shape.
        """
        if windows.ndim != 2:
            raise ModelError(f'windows of shape {windows.shape}, not (N, samples)')
        if not len(windows):
            return np.zeros((0, COUNT), np.float32)
        return self._probabilities(windows)

    def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the (N, hidden) float32 embeddings that the head classifies.

        Raises:
            ModelError: it is not loaded.
        """
        result: NDArray[np.float32] = self._hidden(windows).cpu().numpy()
        return result
