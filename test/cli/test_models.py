import json

import pytest

from mer_ros.cli.main import main


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    monkeypatch.delenv('MER_MODEL_DIR', raising=False)
    monkeypatch.delenv('MER_OFFLINE', raising=False)


def test_list_says_everything_of_every_model(capsys):
    assert main(['models', 'list']) == 0
    out = capsys.readouterr().out
    for word in ('yunet', 'MIT', '8f2383e4dd3c', 'mer models pull yunet', 'wav2vec2', 'missing'):
        assert word in out
    assert 'face_detector     haar, yunet' in out


def test_list_as_json_is_one_line(capsys):
    assert main(['models', 'list', '--json']) == 0
    models = {entry['name']: entry for entry in json.loads(capsys.readouterr().out)}
    assert models['yunet']['state'] == 'missing'
    assert models['yunet']['size'] == 232_589
    assert models['haar']['path'].endswith('.xml')


def test_verify_follows_what_is_there(shared_data, capsys, monkeypatch, tmp_path):
    assert main(['models', 'verify', 'yunet']) == 1
    monkeypatch.setenv('MER_MODEL_DIR', str(shared_data / 'weights'))
    assert main(['models', 'verify', 'yunet']) == 0
    assert 'verified' in capsys.readouterr().out
    (tmp_path / 'face_detection_yunet_2023mar.onnx').write_bytes(b'half')
    monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))
    assert main(['models', 'verify']) == 1
    assert 'damaged' in capsys.readouterr().out


@pytest.mark.parametrize('text', ['{', '{"pairs": {"default": {"face_temperature": -1}}}'])
def test_verify_reads_the_parameters_of_the_fusion(tmp_path, monkeypatch, capsys, text):
    assert main(['models', 'verify', 'fusion']) == 0
    monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))
    (tmp_path / 'fusion.json').write_text(text)
    assert main(['models', 'verify', 'fusion']) == 1
    out = capsys.readouterr().out.splitlines()[-1]
    assert out.startswith(f'fusion       damaged   {tmp_path}/fusion.json cannot be used: mend it')
    assert main(['models', 'list', '--json']) == 0
    listed = {each['name']: each for each in json.loads(capsys.readouterr().out)}
    assert listed['fusion']['state'] == 'damaged'


def test_pull_of_what_is_there_says_where(shared_data, capsys, monkeypatch):
    monkeypatch.setenv('MER_MODEL_DIR', str(shared_data / 'weights'))
    monkeypatch.setenv('MER_OFFLINE', '1')
    assert main(['models', 'pull', 'yunet', 'haar']) == 0
    out = capsys.readouterr().out
    assert 'face_detection_yunet_2023mar.onnx' in out
    assert 'haarcascade' in out


@pytest.mark.parametrize(
    ('words', 'status', 'message'),
    [
        (['pull', 'yunet', 'yunett'], 2, "no model is called 'yunett'"),
        (['pull', 'yunet'], 1, 'MER_OFFLINE is set'),
        (['pull', 'yunet', '--timeout', '0'], 2, '0 is not above 0'),
        (['verify', 'nonsense'], 2, "no model is called 'nonsense'"),
    ],
)
def test_faults_are_one_line_and_tell_wrong_usage_from_failure(
    words, status, message, capsys, monkeypatch
):
    monkeypatch.setenv('MER_OFFLINE', '1')
    assert main(['models', *words]) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


@pytest.mark.parametrize('words', [[], ['pull'], ['fetch']])
def test_wrong_usage_is_exit_2(words):
    assert main(['models', *words]) == 2
