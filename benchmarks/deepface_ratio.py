"""How many times faster than DeepFace.analyze: both ways in one run, on weights made here.

    python -m benchmarks.deepface_ratio --data ../shared/data

DeepFace's emotion network gets random weights (random_deepface.py), which cost as much as the
published ones; YuNet's are the real file. Runs `mer benchmark face` for `yunet` + `lite` and for
`yunet` + `deepface`, both beside DeepFace.analyze with its opencv and its yunet detector, 640x480,
one face, and prints a line of JSON: the ratios of frames per second and what they come from.
DeepFace runs as it comes (ONNX engine, as many threads as it takes).
"""

from __future__ import annotations

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import random_deepface

GOALS = {
    ('lite', 'deepface_opencv'): 20.0,
    ('lite', 'deepface_yunet'): 4.0,
    ('deepface', 'deepface_yunet'): 3.0,
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the shared data')
    parser.add_argument('--runs', type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        random_deepface.write(Path(folder))
        for path in (options.data / 'weights').glob('face_detection_yunet*.onnx'):
            (Path(folder) / path.name).symlink_to(path.resolve())
        results = {name: _benchmark(name, options.runs, folder) for name in ('lite', 'deepface')}
    ratios = [
        {
            'ours': f'yunet+{classifier}',
            'reference': reference,
            'ours_ms': results[classifier]['ms']['p50'],
            'reference_ms': results[classifier]['references'][reference]['ms']['p50'],
            'ratio': results[classifier]['references'][reference]['ratio'],
            'goal': goal,
        }
        for (classifier, reference), goal in GOALS.items()
    ]
    print(json.dumps({'ratios': ratios, 'load': round(os.getloadavg()[0], 1)}))
    return 0


def _benchmark(classifier: str, runs: int, folder: str) -> dict[str, Any]:
    environment = os.environ | {'MER_MODEL_DIR': folder, 'DEEPFACE_HOME': folder}
    words = ['benchmark', 'face', '--detector', 'yunet', '--classifier', classifier]
    done = subprocess.run(
        [sys.executable, '-m', 'mer_ros.cli.main', *words, '--runs', str(runs)],
        env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == '__main__':
    sys.exit(main())
