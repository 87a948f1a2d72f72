"""Fit the fusion's parameters of the pairs of backends and write them to fusion.json.

    python3 training/fusion.py --data ../shared/data/fusion/ravdess_posteriors.csv
    python3 training/fusion.py --lite ../shared/data --audio-folds build/audio_lite

``--data`` fits each face backend of a table of clips with its audio backend, on all of its clips,
under the names ``<face>+<audio>``. What to expect of the fit on people it has not seen: ``mer
evaluate fusion`` on the same table, which leaves people out.

``--lite`` fits ``lite+lite`` on artificial pairs (training/fusion_pairs.py): faces that face_lite's
training kept apart with windows of the speakers of fold 1. The embedded audio net has heard
everyone, so those of the folds answer, which training/audio_lite.py leaves in ``--audio-folds``.
Prints what the fit gives on FER2013's validation split with the speakers of fold 0, who were not
fitted on.

Entries of other pairs stay as they are. An ``--out`` that is not there begins with the fallback.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import training.one_line  # noqa: F401 - before what may not be installed

# isort: split
from mer_ros.fusion.clips import AUDIO_BACKEND, read
from mer_ros.fusion.fitting import fit
from mer_ros.fusion.parameters import EMBEDDED, FALLBACK, FusionParameters

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


def fitted_on_clips(path: Path, backends: list[str]) -> dict[str, FusionParameters]:
    """Return an entry for each face backend of the table."""
    entries = {}
    for backend in backends:
        clips = read(path, backend)
        fitted = fit(clips.face, clips.audio, clips.labels, clips.subjects)
        note = f'fitted on {len(clips.labels)} clips of {path.name}'
        entries[f'{backend}+{AUDIO_BACKEND}'] = replace(fitted, note=note)
    return entries


def table_at(path: Path) -> dict[str, Any]:
    """Return the table that a file has, or a new one with the embedded fallback.

    Raises:
        SystemExit: the file is there and holds no table.
    """
    if not path.exists():
        embedded = json.loads(EMBEDDED.read_text(encoding='utf-8'))
        # Without an entry for pairs that nothing was fitted for, no node takes the table.
        return {'pairs': {FALLBACK: embedded['pairs'][FALLBACK]}}
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
        dict(table['pairs'])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(
            f'{path} holds no fusion parameters ({error!r}): delete it, or name another --out'
        ) from error
    return table


def main() -> int:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--data', type=Path, help='table of clips (.csv)')
    source.add_argument('--lite', type=Path, metavar='DIR', help='folder with face/ and speech/')
    parser.add_argument('--faces', default='face_mlp,face_bilstm', help='face backends, by comma')
    parser.add_argument('--face-model', type=Path, help='ONNX file (default: the embedded one)')
    parser.add_argument(
        '--audio-folds', type=Path, default=Path('build/audio_lite'), help='folder of fold-K.onnx'
    )
    parser.add_argument('--out', type=Path, default=EMBEDDED, help='default: %(default)s')
    arguments = parser.parse_args()
    table = table_at(arguments.out)  # before the fit, which takes long
    if arguments.lite:
        from training.fusion_lite import fitted_on_pairs  # loads torch

        entries = fitted_on_pairs(arguments.lite, arguments.face_model, arguments.audio_folds)
    else:
        entries = fitted_on_clips(arguments.data, arguments.faces.split(','))
    for name, parameters in entries.items():
        table['pairs'][name] = rounded(parameters)
        print(name, json.dumps(table['pairs'][name]))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(table, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
