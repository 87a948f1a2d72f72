from __future__ import annotations

import json
from pathlib import Path

import pytest

from mer_ros.cli.main import main
from mer_ros.fusion.clips import read
from mer_ros.fusion.errors import FusionError

FIELDS = {'accuracy', 'uar', 'ece'}


@pytest.mark.parametrize(
    ('face', 'clean', 'swapped', 'running', 'running_swapped'),
    [('face_mlp', 0.88, 0.70, 0.88, 0.69), ('face_bilstm', 0.87, 0.68, 0.865, 0.685)],
)
def test_fusion_beats_its_parts_on_people_it_was_not_fitted_on(
    shared_data: Path,
    capsys: pytest.CaptureFixture[str],
    face: str,
    clean: float,
    swapped: float,
    running: float,
    running_swapped: float,
) -> None:
    table = shared_data / 'fusion' / 'ravdess_posteriors.csv'
    arguments = ['evaluate', 'fusion', '--data', str(table), '--face', face, '--bootstrap', '200']
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    for name in ('face', 'audio', 'mean', 'fused', 'mean_swapped', 'fused_swapped'):
        assert set(result[name]) == FIELDS
    assert result['n'] == 1200
    assert result['fused']['accuracy'] >= clean
    assert result['fused']['ece'] <= 0.03
    assert result['fused_swapped']['accuracy'] >= swapped
    assert result['trust']['fused'] > 0.9 > 0.7 > result['trust']['fused_swapped'] > 0.4
    contexts = result['contexts']
    assert contexts['recording']['own']['accuracy'] == result['fused']['accuracy']
    assert contexts['running']['own']['accuracy'] >= running
    assert contexts['running']['own']['ece'] <= 0.03
    assert contexts['running']['swapped']['accuracy'] >= running_swapped
    for figures in contexts['running'].values():
        assert figures['orders'] == 10
        assert set(figures['spread']) == FIELDS
        assert 0.0 < figures['spread']['accuracy'] < 0.01
    for kind in ('recording', 'running'):
        for row in contexts[kind]['own']['per_class'].values():
            assert row['ahead_95'][1] >= 0.0  # nowhere significantly below the better modality
        calibration = contexts[kind]['own']['calibration']
        assert calibration['ece'] <= calibration['ece_if_calibrated_95'][1]


def test_parameters_can_come_from_other_people(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (shared_data / 'fusion' / 'ravdess_posteriors.csv').read_text().splitlines()
    people = {'17', '18', '19', '20'}
    for name, here in (('own.csv', True), ('other.csv', False)):
        rows = [line for line in lines[1:] if (line.split(',')[1] in people) == here]
        (tmp_path / name).write_text('\n'.join([lines[0], *rows]))
    own, other = str(tmp_path / 'own.csv'), str(tmp_path / 'other.csv')
    report = tmp_path / 'report'
    arguments = ['evaluate', 'fusion', '--data', own, '--fit', other, '--bootstrap', '0']
    arguments += ['--context', 'running']
    assert main([*arguments, '--methods', '--report', str(report)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result['n'] == 240
    assert result['fused'].items() <= result['contexts']['running']['own'].items()
    assert result['fused']['accuracy'] > result['mean']['accuracy'] - 0.02
    assert {'best_single', 'mean', 'maximum', 'product', 'dempster_shafer'} <= set(
        result['methods']
    )
    assert sorted(path.name for path in report.iterdir()) == ['confusion.png', 'reliability.png']


def test_a_table_as_spreadsheets_write_it_is_read(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / 'fusion' / 'ravdess_posteriors.csv').read_text().splitlines()
    where = text[0].split(',').index('label')
    odd = []
    for row in text[1:60]:
        fields = row.split(',')
        fields[where] = f' {fields[where].capitalize()} '
        odd.append(','.join(fields))
    (tmp_path / 'plain.csv').write_text('\n'.join(text[:60]))
    (tmp_path / 'odd.csv').write_text('\n'.join([text[0], *odd]), encoding='utf-8-sig')
    plain, found = (read(tmp_path / name, 'face_mlp') for name in ('plain.csv', 'odd.csv'))
    assert found.labels.tolist() == plain.labels.tolist()
    assert found.face.tolist() == plain.face.tolist()
    (tmp_path / 'cut.csv').write_text('\n'.join([*text[:3], text[3].rpartition(',')[0]]))
    with pytest.raises(FusionError, match='line 4: not as many fields as columns'):
        read(tmp_path / 'cut.csv', 'face_mlp')


@pytest.mark.parametrize('text', ['', 'a,b\n1,2\n', 'label,actor\nhappy,1\n'])
def test_a_table_that_does_not_fit_is_one_line_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / 'bad.csv'
    path.write_text(text)
    assert main(['evaluate', 'fusion', '--data', str(path)]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_face_backend_that_the_table_has_not_is_wrong_usage(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = shared_data / 'fusion' / 'ravdess_posteriors.csv'
    assert main(['evaluate', 'fusion', '--data', str(table), '--face', 'face_mpl']) == 2
    error = capsys.readouterr().err
    assert 'backends: face_bilstm, face_mlp' in error
    assert error.count('\n') == 1
    assert main(['evaluate', 'fusion', '--data', str(table), '--bootstrap', '-1']) == 2
