"""Benchmarks and training scripts say in one line what is missing: a file, or a package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = ('deepface', 'h5py', 'onnx', 'safetensors', 'soundfile', 'torch', 'transformers')
SCRIPTS = sorted(
    f'{path.parent.name}.{path.stem}'
    for folder in ('benchmarks', 'training')
    for path in (ROOT / folder).glob('*.py')
    if "__name__ == '__main__'" in path.read_text(encoding='utf-8')
)
WITHOUT = frozenset(
    {
        *(script for script in SCRIPTS if script.startswith('benchmarks.')),
        'training.audio_card', 'training.face_detector_report', 'training.fusion',
    }
)  # fmt: skip
"""Scripts whose --help needs none of the optional packages."""


def run(script: str, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script from the root of the checkout, in the way that its docstring says."""
    path = ROOT / f'{script.replace(".", "/")}.py'
    command = ['-m', script]
    if 'sys.path' in path.read_text(encoding='utf-8'):
        command = [str(path.relative_to(ROOT))]
    return subprocess.run(
        [sys.executable, '-W', 'ignore', *command, *map(str, words)],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope='module')
def nothing_optional(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a PYTHONPATH on which the optional packages are as if not installed."""
    folder = tmp_path_factory.mktemp('packages')
    for name in OPTIONAL:
        said = f'raise ModuleNotFoundError("No module named {name!r}", name={name!r})\n'
        (folder / f'{name}.py').write_text(said)
    return os.pathsep.join([str(folder), os.environ.get('PYTHONPATH', '')])


@pytest.mark.parametrize('script', SCRIPTS)
def test_help_without_the_optional_packages_is_help_or_one_line(
    script: str, nothing_optional: str
) -> None:
    done = run(script, '--help', PYTHONPATH=nothing_optional)

    if script in WITHOUT:
        assert (done.returncode, done.stderr) == (0, '')
        assert done.stdout.startswith('usage: ')
        return
    assert (done.returncode, done.stdout) == (1, '')
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'{script.partition(".")[2]}: the Python package ')
    assert 'make .venv/.backends in a checkout' in line or 'pip install h5py' in line


@pytest.mark.parametrize(
    ('script', 'words', 'said'),
    [
        ('benchmarks.temporal', ('--data', 'nope.csv'), 'temporal: cannot read nope.csv'),
        ('benchmarks.fusion', ('--data', 'nope.csv'), 'fusion: cannot read nope.csv'),
        ('benchmarks.haar_settings', ('--data', 'nope'), "model 'yunet' is not there"),
        ('benchmarks.mouth_motion', ('--data', 'nope'), "model 'yunet' is not there"),
        ('benchmarks.face_people', ('--data', 'nope'), 'fer2013_valid.npz: No such file'),
        ('benchmarks.attribution', ('--data', 'nope'), 'nope/clips holds no .mp4'),
        ('benchmarks.attribution_people', ('--data', 'nope'), 'nope/clips/'),
        ('benchmarks.audio_baselines', ('--data', 'nope'), 'cannot read nope/labels.csv'),
        ('training.fusion', ('--data', 'nope'), 'fusion: cannot read nope'),
    ],
)
def test_a_wrong_path_is_one_line_and_status_1(
    script: str, words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    more: tuple[object, ...] = ()
    if 'attribution' in script:
        more = ('--cache', tmp_path / 'cache')
    elif script == 'benchmarks.audio_baselines':
        more = ('--work', tmp_path / 'work')
    elif script == 'training.fusion':
        more = ('--out', tmp_path / 'fusion.json')

    # Not the models that this user has pulled.
    done = run(script, *words, *more, XDG_CACHE_HOME=str(tmp_path))

    assert (done.returncode, done.stdout) == (1, '')
    (line,) = done.stderr.splitlines()
    assert said in line
    assert 'not foreseen' not in line


def test_an_unknown_backend_is_one_line(shared_data: Path, tmp_path: Path) -> None:
    table = shared_data / 'fusion/ravdess_posteriors.csv'

    done = run(
        'training.fusion', '--data', table, '--faces', 'nope', '--out', tmp_path / 'fusion.json'
    )

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert 'nope' in line
    assert 'face_mlp' in line


def test_what_training_refuses_is_one_line_that_can_be_traced(tmp_path: Path) -> None:
    pytest.importorskip('torch')
    (tmp_path / 'labels.csv').write_text('corpus,file,speaker,emotion\n')
    words = ('--data', tmp_path, '--work', tmp_path / 'work')

    done = run('training.audio_lite', *words, MER_DEBUG='')
    traced = run('training.audio_lite', *words, MER_DEBUG='1')

    assert done.returncode == traced.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith('audio_lite: ')
    assert 'not foreseen' not in line
    assert traced.stderr.startswith('Traceback')
    assert traced.stderr.endswith(done.stderr)


def test_importing_a_script_leaves_the_words_of_errors_to_the_importer() -> None:
    before = sys.excepthook
    import benchmarks.temporal

    assert benchmarks.temporal.__doc__
    assert sys.excepthook is before
