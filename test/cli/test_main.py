"""The command line: help, exit codes, one line for an error."""

import subprocess
import sys
from pathlib import Path

import pytest

from mer_ros.cli.errors import CommandError
from mer_ros.cli.main import COMMANDS, explain, main

WORDS = [
    [name, *([word] if word else [])]
    for name, command in COMMANDS.items()
    for word in (command.words or [''])
]


def test_the_commands_are_those_of_the_design():
    assert sorted(COMMANDS) == sorted(
        ['up', 'record', 'replay', 'models', 'evaluate', 'benchmark', 'doctor', 'demo']
    )
    assert list(COMMANDS['evaluate'].words) == ['face', 'audio', 'fusion']
    assert list(COMMANDS['benchmark'].words) == ['face', 'audio', 'graph']


@pytest.mark.parametrize('words', [[], *([name] for name in COMMANDS), *WORDS], ids=' '.join)
def test_every_command_has_help(words, capsys):
    assert main([*words, '--help']) == 0
    out = capsys.readouterr()
    assert out.err == ''
    assert out.out.startswith('usage: mer')


@pytest.mark.parametrize(
    'words',
    [
        [],
        ['dance'],
        ['evaluate'],
        ['evaluate', 'smell'],
        ['record'],
        ['up', '--no-such-option'],
        ['demo', '--source'],
        ['demo', '--duration', '-1'],
        ['record', '-o', 'bag', '--duration', '0'],
        ['record', '-o', 'bag', '--duration', '-1'],
        ['replay', 'bag', '--rate', '0'],
        ['replay', 'bag', '--rate', '-1'],
        ['replay', 'bag', '--wait', '-1'],
        ['replay', 'bag', '--wait', 'nan'],
    ],
    ids=' '.join,
)
def test_wrong_usage_is_one_line_and_exit_code_2(words, capsys):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.count('\n') == 1
    assert '--help' in err


@pytest.mark.parametrize(
    'words',
    [
        ['up', '--source', 'no/such/file.mp4'],
        ['up', '--source', 'webcam:9999x'],
        ['up', '--source', 'webcam:0', '--params', 'no/such.yaml'],
        ['replay', 'no/such/bag'],
        ['demo', '--source', 'no/such/file.mp4'],
        ['benchmark', 'face', '--detector', 'crystal_ball'],
    ],
    ids=' '.join,
)
def test_a_failure_is_one_line_without_a_traceback(words, capsys):
    assert main(words) in (1, 2)
    err = capsys.readouterr().err
    assert err.count('\n') == 1, err
    assert 'Traceback' not in err
    assert words[-1].split('/')[-1] in err


def test_the_version_is_told(capsys):
    assert main(['--version']) == 0
    assert capsys.readouterr().out.startswith('mer_ros ')


def test_errors_of_ours_are_shown_as_they_are_and_others_by_name():
    assert explain(CommandError('two\nlines')) == 'two lines'
    assert explain(ValueError('odd')).startswith('ValueError: odd')
    assert explain(FileNotFoundError(2, 'No such file or directory', 'x')) == (
        'x: No such file or directory'
    )
    assert 'pip install torch' in explain(ModuleNotFoundError('no', name='torch.nn'))
    assert 'make build' in explain(ModuleNotFoundError('no', name='mer_ros.msg'))
    assert 'setup.bash' in explain(ModuleNotFoundError('no', name='rclpy'))


def test_help_imports_nothing_heavy():
    code = (
        'import sys; from mer_ros.cli.main import main; main(["--help"]); '
        'print([m for m in ("rclpy", "cv2", "numpy", "onnxruntime", "torch") if m in sys.modules])'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith('[]')


@pytest.mark.parametrize('closed', ['>&-', '2>&-', '>&- 2>&-', '<&- >&- 2>&-'])
def test_closed_streams_are_no_error(closed):
    done = subprocess.run(
        f'{sys.executable} -m mer_ros.cli.main models verify haar {closed}',
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0
    assert done.stderr == ''
    assert ('verified' in done.stdout or 'unpinned' in done.stdout) == (closed == '2>&-')


@pytest.mark.parametrize(
    ('words', 'status'),
    [
        (['models', 'verify', 'face_lite', 'haar'], 0),
        (['models', 'verify', 'yunet'], 1),
        (['models', 'pull', 'yunet'], 1),
        (['benchmark', 'face', '--detector', 'yunet'], 1),
    ],
    ids=lambda value: ' '.join(value) if isinstance(value, list) else '',
)
def test_one_without_a_home_is_told_what_to_set_where_one_is_needed(
    monkeypatch, capsys, words, status
):
    def nobody(uid):
        raise KeyError(uid)

    for name in ('HOME', 'XDG_CACHE_HOME', 'MER_MODEL_DIR', 'DEEPFACE_HOME'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr('pwd.getpwuid', nobody)
    assert main(words) == status
    out = capsys.readouterr()
    assert 'not foreseen' not in out.err
    assert ('set HOME or XDG_CACHE_HOME' in out.out + out.err) == bool(status)


def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(
        f'{sys.executable} -m mer_ros.cli.main --help | head -1',
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr == ''
