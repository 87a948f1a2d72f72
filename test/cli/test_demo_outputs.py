"""Where the output of demo and up can't go: a reader that has left, a folder that can't be made."""

import json
import os
import subprocess
import sys

import psutil
import pytest

from mer_ros.cli import demo_clip
from mer_ros.cli.main import main

pytest.importorskip('rclpy')

DOMAIN = str(1 + (os.getpid() * 7 + 50) % 100)


def mer(*words, stderr):
    return subprocess.Popen(
        [sys.executable, '-m', 'mer_ros.cli.main', *map(str, words)],
        env={**os.environ, 'ROS_DOMAIN_ID': DOMAIN},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp('clip') / 'clip.mp4'
    demo_clip.make(path, demo_clip.SCRIPT[:2], demo_clip.silent)
    return path


def test_a_demo_whose_reader_goes_away_ends_quietly(clip, tmp_path):
    demo = mer('demo', '--source', clip, '--output', tmp_path, stderr=subprocess.PIPE)
    assert demo.stdout.readline()
    children = psutil.Process(demo.pid).children()
    demo.stdout.close()
    demo.stdout = None
    _, err = demo.communicate(timeout=30)
    assert demo.returncode == 0
    assert 'Traceback' not in err
    assert 'Exception' not in err
    assert not any(child.is_running() for child in children)


def test_up_ends_with_its_nodes_when_nobody_reads_what_they_say(clip):
    words = ['up', '--source', clip, '--loop', '--log-level', 'debug']
    graph = mer(*words, stderr=subprocess.STDOUT)
    assert graph.stdout.readline()
    children = psutil.Process(graph.pid).children()
    graph.stdout.close()
    assert graph.wait(30) == 0
    assert not any(child.is_running() for child in children)


@pytest.mark.parametrize('devices', [['--mic'], ['--source', 'microphone']], ids=' '.join)
def test_a_demo_without_a_microphone_says_so_once_and_reports_all_the_same(clip, tmp_path, devices):
    """A device may come back, so the demo goes on; here there is none, whatever the machine has."""
    hidden = tmp_path / 'hidden' / 'sounddevice.py'
    hidden.parent.mkdir()
    hidden.write_text("raise OSError('PortAudio library not found')\n")
    path = os.pathsep.join([str(hidden.parent), os.environ.get('PYTHONPATH', '')])
    words = devices if '--source' in devices else ['--source', str(clip), *devices]
    words = [*words, '--duration', '5', '--quiet', '--output', str(tmp_path / 'pictures')]
    demo = subprocess.run(
        [sys.executable, '-m', 'mer_ros.cli.main', 'demo', *words],
        env={**os.environ, 'ROS_DOMAIN_ID': DOMAIN, 'PYTHONPATH': path},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert demo.returncode == 1
    summary = json.loads(demo.stdout.splitlines()[-1])
    assert summary['audio']['count'] == 0
    assert (summary['face']['count'] > 0) == ('--mic' in devices)
    assert demo.stderr.count('PortAudio') == 1, demo.stderr
    last = demo.stderr.splitlines()[-1]
    assert last.startswith(('mer: audio_emotion said nothing', 'mer: there was no fused result'))


@pytest.mark.parametrize('folder', ['/proc/pictures', '/proc'])
def test_an_output_that_takes_no_pictures_is_said_before_anything_starts(clip, folder, capsys):
    assert main(['demo', '--source', str(clip), '--output', folder]) == 1
    err = capsys.readouterr().err
    assert f'{folder}: ' in err
    assert 'choose another --output' in err
    assert err.count('\n') == 1


def test_a_demo_clip_that_cannot_be_kept_names_both_ways_out(monkeypatch, capsys):
    monkeypatch.setenv('XDG_CACHE_HOME', '/proc/cache')
    assert main(['demo']) == 1
    err = capsys.readouterr().err
    assert 'set XDG_CACHE_HOME' in err
    assert 'give --source FILE' in err
    assert err.count('\n') == 1
