"""Reading the wav2vec2 emotion checkpoint with the head that it really has.

``ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition`` names its architecture
``Wav2Vec2ForSequenceClassification``, but its file holds ``classifier.dense.*`` and
``classifier.output.*`` where that class expects ``projector.*`` and ``classifier.*``. Loaded
the way its card shows, the head stays random, silently. The head that it was trained with is:
mean over time, dense, tanh, output.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mer_ros.emotions import RAVDESS_ORDER
from mer_ros.models.errors import ModelError

if TYPE_CHECKING:
    import torch

BODY = 'wav2vec2.'
HEAD_KEYS = (
    'classifier.dense.weight',
    'classifier.dense.bias',
    'classifier.output.weight',
    'classifier.output.bias',
)
# transformers registers the positional convolution's weight norm by torch's parametrizations;
# older files have torch's first names for the same two tensors.
_RENAMED = {
    '.weight_g': '.parametrizations.weight.original0',
    '.weight_v': '.parametrizations.weight.original1',
}
# The mask token of pre-training plays no part in inference, and not every file has it.
_OPTIONAL = 'masked_spec_embed'


def labels(config: dict[str, Any]) -> tuple[str, ...]:
    """Return the words of the outputs in their order.

    Raises:
        ModelError: the configuration does not name the eight classes of the checkpoint.
    """
    table = config.get('id2label') or {}
    try:
        words = tuple(str(table[key]).lower() for key in sorted(table, key=int))
    except (TypeError, ValueError, IndexError):  # a list, or keys that are no numbers
        words = tuple(str(word).lower() for word in table)
    if sorted(words) != sorted(RAVDESS_ORDER):
        raise ModelError(
            f'the checkpoint names its classes {list(words)}, not {sorted(RAVDESS_ORDER)}; '
            'use the folder that `mer models pull wav2vec2` makes'
        )
    return words


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ModelError(f'cannot read {path}: {error}; run `mer models pull wav2vec2`') from error
    if not isinstance(value, dict):
        raise ModelError(f'{path} is not a JSON object; run `mer models pull wav2vec2`')
    return value


def describe(folder: Path) -> tuple[tuple[str, ...], bool]:
    """Return the words of the outputs, and whether windows are normalised; needs no torch.

    Raises:
        ModelError: a file is missing or damaged, or it is another checkpoint.
    """
    words = labels(_json(folder / 'config.json'))
    extractor = _json(folder / 'preprocessor_config.json')
    if extractor.get('sampling_rate', 16000) != 16000:
        raise ModelError(f'{folder} expects {extractor["sampling_rate"]} Hz, not 16000 Hz')
    return words, bool(extractor.get('do_normalize', True))


def weights(folder: Path) -> Path:
    """Return ``model.safetensors``, or ``pytorch_model.bin`` where that is what there is.

    Raises:
        ModelError: neither is there.
    """
    for name in ('model.safetensors', 'pytorch_model.bin'):
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f'there is no model.safetensors in {folder}; run `mer models pull wav2vec2`')


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of ``model.safetensors``, or of ``pytorch_model.bin`` without pickles."""
    import torch

    path = weights(folder)
    try:
        if path.suffix == '.safetensors':
            from safetensors.torch import load_file

            return dict(load_file(str(path)))
        return dict(torch.load(path, map_location='cpu', weights_only=True, mmap=True))
    except Exception as error:  # safetensors, zipfile and pickle have no common error class
        raise ModelError(
            f'the weights in {folder} cannot be read: {error}; run `mer models pull wav2vec2`'
        ) from error


def _renamed(key: str) -> str:
    for old, new in _RENAMED.items():
        if key.endswith(old):
            return key.removesuffix(old) + new
    return key


def read(folder: Path, fold: bool = True) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Read a checkpoint folder.

    Args:
        folder: with ``config.json``, ``model.safetensors`` (or ``pytorch_model.bin``) and
            ``preprocessor_config.json``.
        fold: compute the positional convolution's weight norm once, not for every window.

    Returns:
        The wav2vec2 body in evaluation mode and float32, and the head, which takes (N, hidden)
        and gives (N, 8).

    Raises:
        ModelError: a file is missing or damaged, or a key is missing, unexpected or of a wrong
            shape: never is a layer left at its random start.
    """
    try:
        import torch
        from transformers import Wav2Vec2Config, Wav2Vec2Model
    except ImportError as error:
        raise ModelError(
            f"wav2vec2 needs torch and transformers ({error}); pip install 'mer_ros[wav2vec2]'"
        ) from error
    fields = _json(folder / 'config.json')
    words = labels(fields)
    tensors = _tensors(folder)
    body_tensors = {
        _renamed(key.removeprefix(BODY)): value
        for key, value in tensors.items()
        if key.startswith(BODY)
    }
    others = sorted(key for key in tensors if not key.startswith(BODY))
    if others != sorted(HEAD_KEYS):
        raise ModelError(
            f'the head of {folder} has the keys {others}, not {sorted(HEAD_KEYS)}; it is another '
            'checkpoint, or one saved after its head was lost'
        )
    config = Wav2Vec2Config.from_dict(fields)
    with torch.device('meta'):  # random numbers for 316 M parameters would be drawn in vain
        body = Wav2Vec2Model(config)
    if _OPTIONAL in body.state_dict():
        body_tensors.setdefault(_OPTIONAL, torch.zeros(config.hidden_size))
    hidden = config.hidden_size
    head = torch.nn.Sequential(
        torch.nn.Linear(hidden, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, len(words))
    )
    try:
        body.load_state_dict(body_tensors, strict=True, assign=True)
        head.load_state_dict(
            {
                f'{layer}.{part}': tensors[f'classifier.{name}.{part}']
                for layer, name in ((0, 'dense'), (2, 'output'))
                for part in ('weight', 'bias')
            },
            strict=True,
        )
    except RuntimeError as error:
        first = ' '.join(str(error).split())[:400]
        raise ModelError(f'the weights in {folder} do not fit its config.json: {first}') from error
    if fold:
        convolution = body.encoder.pos_conv_embed.conv
        torch.nn.utils.parametrize.remove_parametrizations(convolution, 'weight')
    return body.float().eval(), head.float().eval()
