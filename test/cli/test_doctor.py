"""The doctor: what it looks at, and that each fault comes with its mend."""

import json
import os
import signal
import subprocess
import sys
from functools import partial

import commands
import psutil
import pytest
from commands import until

from mer_ros.cli import checks, checks_ros, doctor
from mer_ros.cli.checks import Finding, Status
from mer_ros.cli.main import main
from mer_ros.ros import transport

DOMAIN = str(1 + (os.getpid() * 7 + 52) % 100)
mer = partial(commands.mer, DOMAIN)


def test_every_check_of_the_design_is_made(capsys):
    assert main(['doctor', '--json']) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    names = [each['check'] for each in found['checks']]
    assert set(names) >= {
        'ros', 'messages', 'transport', 'round trip', 'models', 'camera', 'microphone', 'cpu', 'gpu'
    }  # fmt: skip
    statuses = {each['check']: each['status'] for each in found['checks']}
    assert statuses['ros'] == statuses['messages'] == 'OK'
    for each in found['checks']:
        assert each['text']
        assert bool(each['mend']) == (each['status'] != 'OK')


def test_a_middleware_that_is_not_there_is_told_and_the_rest_is_looked_at():
    environment = {**os.environ, 'RMW_IMPLEMENTATION': 'rmw_that_is_not_there'}
    done = subprocess.run(
        [sys.executable, '-m', 'mer_ros.cli.main', 'doctor', '--json'],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = {each['check']: each for each in json.loads(done.stdout)['checks']}
    assert found['ros']['status'] == 'FAIL'
    assert 'rmw_that_is_not_there' in found['ros']['text']
    assert 'unset RMW_IMPLEMENTATION' in found['ros']['mend']
    assert found['round trip']['status'] == found['messages']['status'] == 'WARN'
    assert found['models']['status'] == 'OK'


def test_images_make_the_round_trip():
    finding = checks_ros.round_trip()[0]
    assert finding.status is not Status.FAIL, finding


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
def test_an_interrupted_round_trip_leaves_no_publisher_running(number):
    process = mer('doctor')
    publisher = []

    def starts():
        publisher[:] = [
            each
            for each in psutil.Process(process.pid).children()
            if any('mer_doctor_publisher' in word for word in each.cmdline())
        ]
        return publisher

    assert until(starts), process.communicate(timeout=20)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (1, 'mer: interrupted\n')
    assert until(lambda: not publisher[0].is_running(), 2.0)


@pytest.mark.parametrize(('status', 'code'), [(Status.OK, 0), (Status.WARN, 0), (Status.FAIL, 1)])
def test_only_a_failure_fails(monkeypatch, capsys, status, code):
    monkeypatch.setattr(
        doctor, 'CHECKS', (('thing', lambda: [Finding(status, 'it is so', 'mend it')]),)
    )
    assert main(['doctor']) == code
    out = capsys.readouterr().out
    assert out.startswith(status.value)
    assert '-> mend it' in out


def test_a_check_that_breaks_is_a_finding(monkeypatch, capsys):
    def broken():
        raise ModuleNotFoundError('no', name='rclpy')

    monkeypatch.setattr(doctor, 'CHECKS', (('thing', broken),))
    assert main(['doctor']) == 1
    assert 'source install/setup.bash' in capsys.readouterr().out


def test_a_transport_that_cuts_others_off_is_told(monkeypatch):
    monkeypatch.setenv('FASTDDS_BUILTIN_TRANSPORTS', 'LARGE_DATA')
    assert checks_ros.transport()[0].status is Status.WARN
    monkeypatch.setenv('FASTDDS_BUILTIN_TRANSPORTS', 'DEFAULT')
    assert checks_ros.transport()[0].status is Status.OK


def test_on_humble_it_says_what_is_refused_and_what_is_used(monkeypatch):
    monkeypatch.setenv('ROS_DISTRO', 'humble')
    for name in (*transport.PROFILES, 'RMW_IMPLEMENTATION', transport.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    (finding,) = checks_ros.transport()
    assert finding.status is Status.OK
    assert 'FASTRTPS_DEFAULT_PROFILES_FILE=/' in finding.text
    monkeypatch.setenv(transport.VARIABLE, transport.VALUE)
    (finding,) = checks_ros.transport()
    assert finding.status is Status.WARN
    assert 'refuses' in finding.text
    assert finding.mend == f'unset {transport.VARIABLE}'


def test_a_missing_default_model_fails_and_another_only_warns(monkeypatch, tmp_path):
    from mer_ros.models import store

    monkeypatch.setattr(store, 'EMBEDDED', tmp_path)
    monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    found = {each.text.split()[0]: each.status for each in checks.models()}
    assert found['face_lite'] is Status.FAIL
    assert found['audio_lite'] is Status.FAIL
    assert found['face_points'] is Status.WARN
    assert found['haar'] is Status.OK


def test_own_fusion_parameters_that_cannot_be_read_fail(monkeypatch, tmp_path):
    path = tmp_path / 'fusion.json'
    monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))
    path.write_text('{"pairs": {"lite+lite": {}}}')
    (finding,) = (each for each in checks.models() if each.text.startswith('fusion'))
    assert finding.status is Status.FAIL
    assert finding.mend.startswith(f'{path} cannot be used: mend it')
    assert "no entry 'default'" in finding.mend
    path.write_text('{"pairs": {"default": {}}}')
    (finding,) = (each for each in checks.models() if each.text.startswith('fusion'))
    assert finding.status is Status.OK


@pytest.mark.parametrize(
    ('where', 'text'), [('gone', 'not there'), ('file', 'a file'), ('~nobody_has_this', 'no such')]
)
def test_a_folder_of_models_that_is_none_is_told(monkeypatch, tmp_path, where, text):
    (tmp_path / 'file').write_text('')
    named = where if where.startswith('~') else str(tmp_path / where)
    monkeypatch.setenv('MER_MODEL_DIR', named)
    found = [each for each in checks.models() if each.text.startswith('MER_MODEL_DIR')]
    assert [each.status for each in found] == [Status.WARN]
    assert named in found[0].text
    assert text in found[0].text
    assert found[0].mend.startswith('set it to')
    monkeypatch.setenv('MER_MODEL_DIR', str(tmp_path))
    assert not [each for each in checks.models() if each.text.startswith('MER_MODEL_DIR')]


def test_no_microphone_and_no_camera_are_no_failure():
    for check in (checks.camera, checks.microphone, checks.gpu, checks.cpu):
        assert all(each.status is not Status.FAIL for each in check())
