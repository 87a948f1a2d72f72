"""Checkpoints of the wav2vec2 emotion model's architecture with random weights.

    python -m benchmarks.random_wav2vec2 DIR
    MER_MODEL_DIR=DIR mer benchmark audio --classifier wav2vec2

writes one of the published size (1.2 GB): it costs what the real one costs, and what it answers
means nothing. The 316 M published parameters cannot be had everywhere; what is to be known of the
loader and of the number formats is shown on small networks of the same layers, whose file has the
same keys.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
from pathlib import Path

FOLDER = 'wav2vec2-lg-xlsr-en-speech-emotion-recognition'


def main() -> int:
    """Write a checkpoint of the published size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, help='is made; MER_MODEL_DIR then names it')
    folder = parser.parse_args().folder
    import torch  # here, so that --help needs none of it

    from benchmarks.wav2vec2_net import PUBLISHED, EmotionNet, published, save

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    save(folder / FOLDER, published(EmotionNet(PUBLISHED)), PUBLISHED)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
