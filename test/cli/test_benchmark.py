"""Benchmarks: the fixed fields, and that ours and the references take turns."""

import json
from functools import partial

import cv2
import numpy as np
import pytest

from mer_ros.cli import benchmark_audio, benchmark_face, timing
from mer_ros.cli.main import main
from mer_ros.media import opener
from mer_ros.ros.parameters import AUDIO_CLASSIFIER_OPTIONS, FACE_BACKEND_OPTIONS

FIELDS = {'ms', 'reference_ms', 'ratio', 'cpu', 'rss_mb', 'references'}


def report(words, capsys):
    assert main(words) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def check(found):
    assert set(found) >= FIELDS
    for name in ('ms', 'reference_ms'):
        assert set(found[name]) == {'p50', 'p95'}
        assert 0 < found[name]['p50'] <= found[name]['p95']
    assert found['ratio'] == pytest.approx(
        found['reference_ms']['p50'] / found['ms']['p50'], abs=0.02
    )
    assert found['rss_mb'] > 10
    assert found['reference'] in found['references']


def test_ours_and_the_references_take_turns():
    calls = []
    found = timing.compare(
        lambda index: calls.append(('ours', index)),
        {
            'slow': lambda index: calls.append(('slow', index)),
            'other': lambda index: calls.append(('other', index)),
        },
        4,
    )
    measured = calls[3 * timing.WARM_UP :]
    assert [name for name, _ in measured] == ['ours', 'slow', 'other'] * 4
    assert [index for _, index in measured] == [n for n in range(3, 7) for _ in range(3)]
    assert found['reference'] == 'slow'
    assert set(found['references']) == {'slow', 'other'}


def test_the_face_benchmark(capsys):
    found = report(['benchmark', 'face', '--runs', '8'], capsys)
    check(found)
    assert found['image'] == '640x480'
    assert found['faces'] == 1.0
    assert 'opencv_full_size' in found['references']


def test_the_audio_benchmark(capsys):
    found = report(['benchmark', 'audio', '--runs', '8'], capsys)
    check(found)
    assert (found['window_s'], found['hop_s']) == (1.0, 0.5)
    assert found['runs_on'] == ''  # lite runs in one way only


def test_an_option_that_the_classifier_does_not_have_is_left_out_and_named(capsys):
    assert main(['benchmark', 'audio', '--dtype', 'int8', '--runs', '1']) == 0
    out = capsys.readouterr()
    assert out.err == 'mer benchmark audio: lite has no --dtype, it is left out\n'
    check(json.loads(out.out))


def test_no_more_pictures_are_decoded_than_are_used(monkeypatch, tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f'{index}.png'), np.full((48, 64, 3), index * 50, np.uint8))
    monkeypatch.setattr(opener, 'open_source', partial(opener.open_source, loop=True))
    frames = benchmark_face._frames(tmp_path)
    assert len(frames) == 5 * benchmark_face.FRAMES
    assert frames[0].shape == (48, 64, 3)


def test_options_take_what_the_parameters_of_the_nodes_take():
    for spec in AUDIO_CLASSIFIER_OPTIONS:
        values = benchmark_audio.OPTIONS[spec.name]
        if spec.choices:
            assert tuple(values) == spec.choices
        else:
            assert values == range(1, spec.maximum + 1)  # 0 is the option left out
    (threads,) = FACE_BACKEND_OPTIONS
    assert range(1, threads.maximum + 1) == benchmark_face.THREADS


def test_a_source_that_is_not_there_is_told_with_what_can_be_given(tmp_path, capsys):
    assert main(['benchmark', 'face', '--source', str(tmp_path / 'gone.mp4')]) == 1
    error = capsys.readouterr().err
    assert 'gone.mp4' in error
    assert 'give a video file or a folder of images' in error
    assert 'webcam' not in error
    assert error.count('\n') == 1


@pytest.mark.parametrize(
    'words',
    [
        ['face', '--runs', '0'],
        ['face', '--threads', '0'],
        ['face', '--detector', 'ouija'],
        ['face', '--source', 'webcam:0'],
        ['face', '--source', 'mic'],
        ['audio', '--runs', 'many'],
        ['face', '--threads', '100'],
        ['audio', '--threads', '0'],
        ['audio', '--threads', '100'],
        ['audio', '--classifier', 'wav2vec2', '--dtype', 'float16'],
        ['audio', '--classifier', 'wav2vec2', '--device', 'tpu'],
        ['audio', '--classifier', 'ouija'],
        ['graph', '--duration', '-1'],
        ['graph', '--face-classifier', 'ouija'],
    ],
    ids=' '.join,
)
def test_what_cannot_be_measured_is_wrong_usage_in_one_line(words, capsys):
    assert main(['benchmark', *words]) == 2
    err = capsys.readouterr().err
    assert err.count('\n') == 1
    assert words[-1] in err
