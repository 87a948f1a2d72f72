"""Fit the fusion's parameters of the pairs of backends and write them to fusion.json.

    python3 training/fusion.py --data ../shared/data/fusion/ravdess_posteriors.csv

Fits each face backend of the table with its audio backend, on all of its clips, under the names
``<face>+<audio>``; entries of other pairs stay as they are. What to expect of the fit on people
it has not seen: ``mer evaluate fusion`` on the same table, which leaves people out.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from mer_ros.fusion.clips import AUDIO_BACKEND, read
from mer_ros.fusion.fitting import fit
from mer_ros.fusion.parameters import EMBEDDED, FusionParameters

DIGITS = 6


def rounded(parameters: FusionParameters) -> dict[str, object]:
    """Return the entry of the table, its numbers short enough to read."""
    return {
        name: [round(item, DIGITS) for item in value]
        if isinstance(value, tuple)
        else round(value, DIGITS)
        if isinstance(value, float)
        else value
        for name, value in parameters.to_json().items()
    }


def main() -> int:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--data', type=Path, required=True, help='table of clips (.csv)')
    parser.add_argument('--faces', default='face_mlp,face_bilstm', help='face backends, by comma')
    parser.add_argument('--out', type=Path, default=EMBEDDED, help='default: %(default)s')
    arguments = parser.parse_args()
    table = json.loads(arguments.out.read_text(encoding='utf-8'))
    for backend in arguments.faces.split(','):
        clips = read(arguments.data, backend)
        fitted = fit(clips.face, clips.audio, clips.labels, clips.subjects)
        note = f'fitted on {len(clips.labels)} clips of {arguments.data.name}'
        name = f'{backend}+{AUDIO_BACKEND}'
        table['pairs'][name] = rounded(replace(fitted, note=note))
        print(name, json.dumps(table['pairs'][name]))
    arguments.out.write_text(json.dumps(table, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
