"""wav2vec2 in 8 bits by ONNX Runtime, written once and kept in the user's cache.

The weights of the linear layers are int8, one scale for each output; what goes into them is
quantised as it comes (dynamically). The convolutions and the head stay in float32: in 8 bits the
convolutions saved 15 of 158 ms and changed the label of 2.9 % of the windows instead of 0.8 %
(``python -m benchmarks.wav2vec2_agreement``). ONNX Runtime multiplies 8 bits on every CPU (AVX2,
AVX-512, VNNI, NEON), fuses what lies between, and loads neither torch nor the float32 weights once
the file is written (their file must stay: the copy is named by its hash).

A hop with its 1 s window takes 176 ms on two cores of an AMD EPYC that has AVX2 only, and 473 ms
where transformers runs the network in float32; 313 and 748 ms on one (``mer benchmark audio
--classifier wav2vec2 --dtype int8 --threads 2``, full size, random weights). Most of it are 8-bit
products near the most that AVX2 can do. What torch.ao.quantization made of the network, the
convolutions in float32 as well, took 262 ms.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio import wav2vec2_checkpoint
from mer_ros.models import integrity
from mer_ros.models.errors import ModelError
from mer_ros.models.session import OnnxModel

if TYPE_CHECKING:
    import torch

REVISION = 1
"""Of what is written; a file of another revision is written anew."""
_LOG = logging.getLogger(__name__)
_OPSET = 17
_LEVELS = 63
"""Weights reach from -63 to 63: pairs of products of larger ones overflow the 16 bits that AVX2
adds them up in."""


@dataclass(frozen=True)
class Written:
    """A file that is there. difference: largest of a probability, to float32 on the probes."""

    path: Path
    difference: float


class Int8Network:
    """Runs a written file.

    Args:
        path: of the file.
        threads: of ONNX Runtime.

    Raises:
        ModelError: it cannot be loaded.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._model = OnnxModel(path, threads)

    def __call__(
        self, windows: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, classes) and embeddings (N, hidden) of (N, samples) windows, N ≥ 1.

        One at a time: the range that is cut into 255 steps is that of everything which goes
        through at once, and what is said of a window must not hang on its neighbours.
        """
        answers = [self._model.run({'windows': window[None]}) for window in windows]
        logits, embeddings = (
            np.concatenate([each[name] for each in answers]) for name in ('logits', 'embeddings')
        )
        return logits, embeddings


def find(folder: Path) -> Written | None:
    """Return the file that was written from a checkpoint, None when there is none yet.

    Raises:
        ModelError: the checkpoint cannot be read.
    """
    path = _place(folder)
    try:
        record = json.loads(path.with_suffix('.json').read_text(encoding='utf-8'))
        if path.is_file() and integrity.known_digest(path) == record['sha256']:
            return Written(path, float(record['difference']))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not whole: it is written anew
    return None


def write(
    folder: Path,
    body: torch.nn.Module,
    head: torch.nn.Module,
    difference: Callable[[Path], float],
) -> Written:
    """Write the network in 8 bits and return where it is; less than a minute, 340 MB.

    Args:
        folder: of the checkpoint that body and head were read from.
        body: Wav2Vec2Model in float32; it stays as it is.
        head: takes (N, hidden), gives (N, classes).
        difference: measures a written file.

    Raises:
        ModelError: the package onnx is not there, or the cache cannot be written.
    """
    target = _place(folder)
    _LOG.info('writing wav2vec2 in 8 bits to %s, once', target)
    try:
        with contextlib.ExitStack() as undo:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, suffix='.part')
            os.close(handle)
            part = Path(name)
            undo.callback(part.unlink, missing_ok=True)
            _export(body, head, part)
            found = difference(part)
            record = {'sha256': integrity.digest(part), 'difference': found}
            target.with_suffix('.json').write_text(json.dumps(record), encoding='utf-8')
            part.replace(target)
    except OSError as error:
        raise ModelError(
            f'cannot write {target}: {error.strerror or error}; make room there, or set dtype to '
            'float32'
        ) from error
    return Written(target, found)


def _place(folder: Path) -> Path:
    weights = integrity.known_digest(wav2vec2_checkpoint.weights(folder))[:16]
    name = f'{weights}-{integrity.digest(folder / "config.json")[:8]}-{REVISION}.onnx'
    return integrity.cache_folder() / 'wav2vec2-int8' / name


def _export(body: torch.nn.Module, head: torch.nn.Module, path: Path) -> None:
    """Write a graph: windows (N, samples) float32 to logits (N, classes), embeddings (N, hidden).

    Raises:
        ModelError: the package onnx is not there.
    """
    import torch

    try:
        import onnx  # noqa: F401 - torch's exporter wants it
    except ImportError as error:
        raise ModelError(
            f"dtype int8 needs the package onnx ({error}); pip install 'mer_ros[wav2vec2]'"
        ) from error
    network = _network(body, head)
    axes = {'windows': {0: 'n', 1: 'samples'}, 'logits': {0: 'n'}, 'embeddings': {0: 'n'}}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # of the tracer, about shapes that the tests vary
        torch.onnx.export(
            network, (torch.zeros(1, 16000),), str(path), input_names=['windows'],
            output_names=['logits', 'embeddings'], dynamic_axes=axes, opset_version=_OPSET,
            dynamo=False,
        )  # fmt: skip


def _network(body: torch.nn.Module, head: torch.nn.Module) -> torch.nn.Module:
    """Return body and head as a module that is exported in 8 bits; the two stay as they are."""
    import torch

    class Product(torch.autograd.Function):  # type: ignore[misc]
        """Seen by the tracer in float32, written as what ONNX Runtime fuses to one operation."""

        @staticmethod
        def symbolic(graph: Any, values: Any, weight: Any, scale: Any, zero: Any, bias: Any) -> Any:
            quantised, step, middle = graph.op('DynamicQuantizeLinear', values, outputs=3)
            total = graph.op('MatMulInteger', quantised, weight, middle, zero)
            total = graph.op('Cast', total, to_i=1)  # to float32
            return graph.op('Add', graph.op('Mul', total, graph.op('Mul', step, scale)), bias)

        @staticmethod
        def forward(ctx: Any, values: Any, weight: Any, scale: Any, zero: Any, bias: Any) -> Any:
            return values @ (weight.float() * scale) + bias

    class Linear(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
            super().__init__()
            scale = weight.abs().amax(dim=1).clamp_min(1e-12) / _LEVELS
            levels = torch.round(weight / scale[:, None]).to(torch.int8)
            self.register_buffer('weight', levels.T.contiguous())
            self.register_buffer('scale', scale)
            self.register_buffer('zero', torch.zeros(len(weight), dtype=torch.int8))
            self.register_buffer('bias', bias.detach())

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return Product.apply(values, self.weight, self.scale, self.zero, self.bias)

    def quantised(module: torch.nn.Module) -> torch.nn.Module:
        """Return a copy that shares every weight but those of its linear layers."""
        if isinstance(module, torch.nn.Linear):
            return Linear(module.weight.detach(), module.bias)
        twin = module.__new__(type(module))
        twin.__dict__ = dict(module.__dict__)
        twin._modules = {name: quantised(each) for name, each in module._modules.items()}
        return twin

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.convolutions = body.feature_extractor
            self.projection = quantised(body.feature_projection)
            self.encoder, self.head = quantised(body.encoder), head

        def forward(self, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            features, _ = self.projection(self.convolutions(windows).transpose(1, 2))
            hidden = self.encoder(features).last_hidden_state.mean(dim=1)
            return self.head(hidden), hidden

    return Network().eval()
