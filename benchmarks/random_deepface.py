"""DeepFace's emotion network with random weights, for measuring time where the real ones are not.

    python -m benchmarks.random_deepface DIR

Writes DIR/facial_expression_model_weights.onnx, exported from the deepface package's own PyTorch
network with the interface of its published file. It costs what the real one costs and is of no
other use: what it answers means nothing.
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import sys
from pathlib import Path

FILENAME = 'facial_expression_model_weights.onnx'


def write(folder: Path, seed: int = 5) -> Path:
    """Write the file into a folder and return its path."""
    import torch  # here, so that --help needs none of it
    from deepface.models.demography.pytorch.Emotion import EmotionModel

    class ChannelsLast(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = EmotionModel()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.net(images.permute(0, 3, 1, 2))

    torch.manual_seed(seed)
    net = ChannelsLast().eval()
    for layer in net.modules():  # He et al., 2015: what differs in the images stays different
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            torch.nn.init.kaiming_normal_(layer.weight)
    path = folder / FILENAME
    torch.onnx.export(
        net, (torch.zeros(1, 48, 48, 1),), str(path), input_names=['input'],
        output_names=['output'], dynamic_axes={'input': {0: 'n'}, 'output': {0: 'n'}},
        dynamo=False,
    )  # fmt: skip
    return path


def main() -> int:
    """Write and print the path."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    print(write(folder))
    return 0


if __name__ == '__main__':
    sys.exit(main())
