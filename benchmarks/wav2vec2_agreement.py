"""Does wav2vec2 say the same in fewer bits? Asked of a small network that is really trained here.

    python -m benchmarks.wav2vec2_agreement --data ../shared/data/speech [--keep DIR]

Trains a network of the published checkpoint's architecture, only smaller, on RAVDESS and EmoDB
without the speakers of the test, saves it in the published file's form and loads it with
Wav2Vec2Classifier in each number format. Prints a line of JSON: for each format the accuracy on
the windows of the speakers left out, the share of windows with the same label as in float32, and
the largest difference of a probability. Random weights would prove nothing: what they answer
hardly depends on the input.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import csv
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.audio.wav2vec2 import Wav2Vec2Classifier
from mer_ros.emotions import COUNT, RAVDESS_ORDER, fold
from training.audio_corpora import TEST_SPEAKERS

if TYPE_CHECKING:
    import torch

    from benchmarks.wav2vec2_net import EmotionNet

CORPORA = ('ravdess', 'emodb')
RATE, HOP, FRAME = 16_000, 8_000, 512
SILENCE_DB = 35.0
"""A clip begins and ends where a frame is this much under its loudest one."""
FIELDS = {
    'hidden_size': 96,
    'num_hidden_layers': 3,
    'num_attention_heads': 4,
    'intermediate_size': 256,
    'conv_dim': [32, 32, 48, 48, 64, 64, 64],
    'num_conv_pos_embeddings': 16,
    'num_conv_pos_embedding_groups': 4,
    'conv_bias': True,
    'do_stable_layer_norm': True,
    'feat_extract_norm': 'layer',
    'layerdrop': 0.0,
    'apply_spec_augment': False,
}
BATCH, RATE_MAX = 24, 1e-3
DTYPES = ('float32', 'bfloat16', 'int8')
WORDS = {word: index for index, word in enumerate(RAVDESS_ORDER)}


@dataclass(frozen=True)
class Clip:
    """A recording. samples: (n,) float32, n ≥ 16000; label: index of RAVDESS_ORDER."""

    samples: NDArray[np.float32]
    label: int
    speaker: str


def main() -> int:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder with labels.csv')
    parser.add_argument('--epochs', type=int, default=24)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--keep', type=Path, help='folder for the checkpoint; used if it is there')
    options = parser.parse_args()
    import torch  # here and below, so that --help needs none of it

    from benchmarks.wav2vec2_net import published, save

    torch.set_num_threads(options.threads)
    clips = list(read(options.data))
    heard = [clip for clip in clips if clip.speaker not in TEST_SPEAKERS]
    unheard = [clip for clip in clips if clip.speaker in TEST_SPEAKERS]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / 'model'
        if not (folder / 'model.safetensors').is_file():
            save(folder, published(train(heard, options.epochs)), FIELDS)
        print(json.dumps(compare(folder, unheard, options.threads)))
    return 0


def read(data: Path) -> Iterator[Clip]:
    """Yield the labelled clips without the silence around them."""
    import soundfile

    with (data / 'labels.csv').open(newline='', encoding='utf-8') as stream:
        rows = [row for row in csv.DictReader(stream) if row['corpus'] in CORPORA]
    names = {'anger': 'angry', 'fear': 'fearful', 'happiness': 'happy', 'sadness': 'sad'}
    names |= {'surprise': 'surprised'}
    for row in rows:
        word = 'calm' if row['original_label'] == 'calm' else row['emotion']
        if not word:
            continue
        samples, rate = soundfile.read(data / row['file'], dtype='float32', always_2d=True)
        if rate != RATE:
            raise ValueError(f'{row["file"]} has {rate} Hz, not {RATE}')
        sound = spoken(samples.mean(axis=1))
        sound = np.pad(sound, (0, max(0, RATE - sound.size)))
        yield Clip(sound, WORDS[names.get(word, word)], row['speaker'])


def spoken(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a (n,) sound without the silence before and after it."""
    frames = sound[: sound.size // FRAME * FRAME].reshape(-1, FRAME)
    level = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)
    loud = np.flatnonzero(level > level.max() - SILENCE_DB)
    return sound[loud[0] * FRAME : (loud[-1] + 1) * FRAME]


def normalised(windows: NDArray[np.float32]) -> torch.Tensor:
    """Return (N, samples) with zero mean and unit variance."""
    import torch

    centred = windows - windows.mean(axis=1, keepdims=True)
    return torch.from_numpy(centred / np.sqrt(centred.var(axis=1, keepdims=True) + 1e-7))


def train(heard: list[Clip], epochs: int) -> EmotionNet:
    """Return a network that has heard a random second of every clip in each epoch."""
    import torch

    from benchmarks.wav2vec2_net import EmotionNet

    torch.manual_seed(0)
    random = np.random.default_rng(0)
    net = EmotionNet(FIELDS)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    steps = epochs * (len(heard) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE_MAX, steps, pct_start=0.15)
    begun = time.monotonic()
    for epoch in range(epochs):
        net.train()
        losses = []
        order = random.permutation(len(heard))
        for start in range(0, len(heard) // BATCH * BATCH, BATCH):
            chosen = [heard[index] for index in order[start : start + BATCH]]
            values = normalised(np.stack([altered(each.samples, random) for each in chosen]))
            truth = torch.tensor([each.label for each in chosen])
            loss = torch.nn.functional.cross_entropy(net(values), truth, label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        if epoch % 5 == 4 or epoch == epochs - 1:
            seconds = time.monotonic() - begun
            print(f'epoch {epoch + 1}: loss {np.mean(losses):.3f}, {seconds:.0f} s', flush=True)
    return net.eval()


def altered(sound: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Return a second of a sound, a little faster or slower and with a little noise."""
    speed = random.uniform(0.88, 1.14)
    size = min(sound.size, int(RATE * speed))
    start = random.integers(0, sound.size - size + 1)
    piece = sound[start : start + size]
    piece = np.interp(np.linspace(0, size - 1, RATE), np.arange(size), piece)
    noise = random.standard_normal(RATE) * piece.std() * 10 ** random.uniform(-3, -1)
    return np.asarray(piece + noise, np.float32)


def compare(folder: Path, unheard: list[Clip], threads: int) -> dict[str, Any]:
    """Return what each number format says of the windows of the speakers left out."""
    windows, labels = [], []
    for clip in unheard:
        for start in range(0, clip.samples.size - RATE + 1, HOP):
            windows.append(clip.samples[start : start + RATE])
            labels.append(clip.label)
    truth = fold(np.eye(len(RAVDESS_ORDER))[labels], RAVDESS_ORDER).argmax(axis=1)
    answers = {}
    for dtype in DTYPES:
        classifier = Wav2Vec2Classifier(str(folder), dtype=dtype, device='cpu', threads=threads)
        classifier.load()
        answers[dtype] = np.concatenate([classifier.classify(w[None]) for w in windows])
    reference = answers['float32']
    chance = np.bincount(truth, minlength=COUNT).max() / len(truth)
    return {
        'windows': len(windows),
        'majority': round(float(chance), 4),
        'dtypes': {
            dtype: {
                'accuracy': round(float((p.argmax(axis=1) == truth).mean()), 4),
                'same_label': round(float((p.argmax(1) == reference.argmax(1)).mean()), 4),
                'largest_difference': round(float(np.abs(p - reference).max()), 4),
            }
            for dtype, p in answers.items()
        },
    }


if __name__ == '__main__':
    sys.exit(main())
