"""Write docs/models/audio_lite.md from the figures stored beside the model.

``python training/audio_card.py --baselines A --rejection B --cross C``: what
benchmarks/audio_baselines.py, benchmarks/speech_rejection.py and training/audio_cross_corpus.py
printed. What the numbers of the recipe mean stands in ``training/audio_recipe.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'training')]

import training.one_line  # noqa: E402, F401 - before what may not be installed

# isort: split
from audio_corpora import FOLDS  # noqa: E402
from audio_recipe import Recipe  # noqa: E402

from mer_ros.emotions import LABELS  # noqa: E402

_CORPORA = ('ravdess', 'emodb', 'nemo')
_GOALS = {'ravdess': 0.72, 'emodb': 0.85, 'nemo': 0.60}
_GOAL_ECE = 0.04


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table; floats with three decimals."""
    names = list(header)
    lines = ['| ' + ' | '.join(names) + ' |', '|' + '---|' * len(names)]
    for row in rows:
        cells = (f'{cell:.3f}' if isinstance(cell, float) else str(cell) for cell in row)
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _interval(metrics: Mapping[str, Any], name: str) -> str:
    return _range(metrics['intervals_95'][name])


def _range(interval: Sequence[float]) -> str:
    low, high = interval
    return f'{low:.3f} to {high:.3f}'


def rejection(measured: Mapping[str, Any]) -> str:
    """Return the table of benchmarks/speech_rejection.py: a row an SNR."""
    return table(
        ('SNR, dB', 'area under ROC, score', 'reliability', 'speech that passes where 1 %', '5 %',
         '10 % of the noise does', 'at the threshold: speech', 'noise'),
        [
            (snr, row['score']['area_under_roc'], row['reliability']['area_under_roc'],
             *(row['score'][f'passes_at_{percent}_percent'] for percent in (1, 5, 10)),
             row['speech_passes'], row['noise_passes'])
            for snr, row in measured.items()
        ],
    )  # fmt: skip


def cross(measured: Mapping[str, Any]) -> str:
    """Return the table of training/audio_cross_corpus.py: a row a corpus left out."""
    return table(
        ('never heard', 'clips', 'UAR', '95 %', 'ECE', 'UAR, its test speakers', '95 %'),
        [
            (name, row['all']['n'], row['all']['uar'], _range(row['all']['interval_95']),
             row['all']['ece'], row['test']['uar'], _range(row['test']['interval_95']))
            for name, row in measured.items()
        ],
    )  # fmt: skip


def protocol(metrics: Mapping[str, Any]) -> str:
    """Return the table of the three groups of speakers, each answered by networks new to them."""
    groups = (('fold 0', 'test'), ('folds 1 to 3', 'choosing'), ('all folds', 'folds'))
    return table(
        ('speakers of', 'clips', *_CORPORA, 'mean', '95 %', 'ECE'),
        [
            (name, scores['clip']['n'], *(scores['corpora'][c]['uar'] for c in _CORPORA),
             scores['uar_mean_of_corpora'], _interval(scores, 'mean'), scores['clip']['ece'])
            for name, scores in ((name, metrics[key]) for name, key in groups)
        ],
    )  # fmt: skip


def heard_before(measured: Mapping[str, Any]) -> str:
    """Return the table of ``training/audio_voices.py``: a row for what was heard before a clip."""
    return table(
        ('heard before a clip', *_CORPORA, 'mean', '95 %', 'neutral found', 'ECE'),
        [
            (kind, *(row[name] for name in _CORPORA), row['mean'], _range(row['interval_95']),
             row['neutral_recall'], row['ece'])
            for kind, row in measured.items()
        ],
    )  # fmt: skip


def flags(recipe: Mapping[str, Any]) -> str:
    """Return what the command needs beyond its defaults, with a space before each word."""
    usual = asdict(Recipe())
    return ''.join(
        f' --{name.replace("_", "-")} {value}'
        for name, value in recipe.items()
        if value != usual[name]
    )


def goals(test: Mapping[str, Any]) -> str:
    """Return the table of what was aimed at and what the test speakers got."""
    rows = [
        (f'UAR {name}', goal, test['corpora'][name]['uar'], test['corpora'][name]['uar'] >= goal)
        for name, goal in _GOALS.items()
    ]
    ece = test['clip']['ece']
    rows.append(('ECE of clips', _GOAL_ECE, ece, ece <= _GOAL_ECE))
    return table(
        ('figure', 'goal', 'measured', 'reached'),
        [(*row, 'yes' if reached else 'no') for *row, reached in rows],
    )


def figures(card: Mapping[str, Any], baselines: Mapping[str, Any]) -> dict[str, str]:
    """Return the tables by the name of their place in the text."""
    metrics = card['metrics']
    test = metrics['test']
    latency = metrics['latency_ms']
    corpora = table(
        ('corpus', 'clips', 'UAR', '95 %', 'accuracy', 'macro F1', 'ECE', 'UAR of single windows'),
        [
            (
                name,
                test['corpora'][name]['n'],
                test['corpora'][name]['uar'],
                _interval(test, name),
                test['corpora'][name]['accuracy'],
                test['corpora'][name]['macro_f1'],
                test['corpora'][name]['ece'],
                test['single_window']['corpora'][name]['uar'],
            )
            for name in _CORPORA
        ],
    )
    return {
        'mean': f'{test["uar_mean_of_corpora"]:.3f} (95 %: {_interval(test, "mean")})',
        'corpora': corpora,
        'overall': table(
            ('all clips together', 'UAR', 'accuracy', 'ECE'),
            [
                (what, each['uar'], each['accuracy'], ece)
                for what, each, ece in (
                    ('clips', test['clip'], test['clip']['ece']),
                    (
                        'clips without their own temperature',
                        test['clip'],
                        test['ece_without_clip_temperature'],
                    ),
                    ('single 1 s windows', test['single_window'], test['single_window']['ece']),
                )
            ],
        ),
        'classes': table(
            ('class', 'recall'), zip(LABELS, map(float, test['recall']), strict=True)
        ),
        'speakers': table(('speaker', 'UAR'), sorted(metrics['folds']['speakers'].items())),
        'noise': table(
            ('SNR, dB', *_CORPORA, 'mean', 'ECE'),
            [
                ('clean', *(test['corpora'][n]['uar'] for n in _CORPORA),
                 test['uar_mean_of_corpora'], test['clip']['ece']),
                *(
                    (snr, *(row[n] for n in _CORPORA), row['mean'], row['ece'])
                    for snr, row in metrics['noise'].items()
                ),
            ],
        ),
        'baselines': table(
            ('model', *_CORPORA, 'mean', 'single windows', 'ECE'),
            [
                (name, *(row[n] for n in _CORPORA), row['mean'], row['single_window'], row['ece'])
                for name, row in baselines.items()
            ],
        ),
        'confusion': table(
            ('truth \\ said', *LABELS),
            [(name, *row) for name, row in zip(LABELS, test['clip']['confusion'], strict=True)],
        ),
        'latency': f'{latency["p50"]:.1f} ms (p95 {latency["p95"]:.1f})',
        'version': card['version'],
        'temperature': str(card['temperature']),
        'clip_temperature': str(card['clip_temperature']),
        'prior': ', '.join(
            f'{name} {share:.3f}' for name, share in zip(LABELS, card['prior'], strict=True)
        ),
        'speakers_of_folds': '\n'.join(
            f'- Fold {index}: {", ".join(sorted(fold))}.' for index, fold in enumerate(FOLDS)
        ),
        'protocol': protocol(metrics),
        'heard_before': heard_before(metrics['heard_before']),
        'goals': goals(test),
        'recipe': table(
            ('name', 'value'), [(name, str(value)) for name, value in card['recipe'].items()]
        ),
        'flags': flags(card['recipe']),
        **{f'recipe_{name}': str(value) for name, value in card['recipe'].items()},
    }  # fmt: skip


def main(words: Sequence[str] | None = None) -> None:
    """Fill in the template."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--model', type=Path, default=ROOT / 'mer_ros/models/embedded/audio_lite.json'
    )
    for name in ('--baselines', '--rejection', '--cross'):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument('--output', type=Path, default=ROOT / 'docs/models/audio_lite.md')
    args = parser.parse_args(words)
    card = json.loads(args.model.read_text(encoding='utf-8'))
    text = (ROOT / 'training/audio_card.md').read_text(encoding='utf-8')
    refused, unheard = json.loads(args.rejection.read_text()), json.loads(args.cross.read_text())
    first = next(iter(refused.values()))
    run = next(iter(unheard.values()))
    tables = figures(card, json.loads(args.baselines.read_text())) | {
        'rejection': rejection(refused),
        'rejection_counts': f'{first["speech"]} windows with speech and {first["noise"]} without',
        'cross': cross(unheard),
        'cross_steps': str(run['steps']),
        'cross_batch': str(run['batch']),
        'megabytes': f'{args.model.with_suffix(".onnx").stat().st_size / 1e6:.1f}',
    }
    for name, value in tables.items():
        text = text.replace('{' + name + '}', value)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
