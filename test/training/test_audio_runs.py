"""Training speech on data of one's own: what a work folder may hold, and what the card says."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mer_ros.models.card import ModelCard
from mer_ros.models.errors import ModelError

pytestmark = pytest.mark.usefixtures('small_noises')


def trained(data: Path, *flags: object) -> Path:
    """Run the command on one thread for a step or two; return its work folder."""
    import audio_lite

    words = ['--data', data, '--work', data / 'work', '--output', data / 'out', '--every', 1]
    words += ['--batch', 4, '--width', 0.25, '--device', 'cpu', *flags]
    audio_lite.main([str(word) for word in words])
    return data / 'work'


def without_labels(path: Path) -> None:
    """Make a file what it was before runs said what they are of."""
    import torch

    if path.suffix == '.npz':
        with np.load(path) as stored:
            kept = {name: stored[name] for name in stored.files if name != 'labels_csv'}
        np.savez(path, **kept)
        return
    state = torch.load(path, weights_only=True)
    del state['labels']
    if 'step' in state:
        del state['recipe']
    torch.save(state, path)


def test_runs_of_another_recipe_or_other_labels_are_refused(
    small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import audio_lite

    work = trained(small_corpus, '--fold', 0, '--steps', 1)
    resumed = ('--fold', 0, '--steps', 2, '--resume')
    with pytest.raises(ValueError, match=r'fold-0-state\.pt is of another recipe \(mixup\); give'):
        trained(small_corpus, *resumed, '--mixup', 0.9)
    with pytest.raises(ValueError, match=r'fold-0\.npz is of another recipe \(steps\); give'):
        trained(small_corpus, '--steps', 2)

    trained(small_corpus, '--fold', 1, '--steps', 2)
    kept = (work / 'fold-1.pt').read_bytes()
    with pytest.raises(ValueError, match=r'fold-1-state\.pt has had 2 steps already; ask for as'):
        trained(small_corpus, '--fold', 1, '--steps', 1, '--resume')
    assert (work / 'fold-1.pt').read_bytes() == kept

    key = audio_lite.labels_key
    monkeypatch.setattr(audio_lite, 'labels_key', lambda _: 'changed')
    with pytest.raises(ValueError, match=r'fold-0-state\.pt is of other labels; give'):
        trained(small_corpus, *resumed)
    with pytest.raises(ValueError, match=r'fold-0\.npz is of other labels; give'):
        trained(small_corpus, '--steps', 1)
    monkeypatch.setattr(audio_lite, 'labels_key', key)

    without_labels(work / 'fold-0-state.pt')
    trained(small_corpus, *resumed)
    log = (work / 'fold-0.log').read_text()
    assert 'does not say of which recipe and labels it is' in log
    assert 'fold-0-state.pt at step 1' in log
    # A run that is asked for by name and not gone on with begins anew, whatever lies there.
    trained(small_corpus, '--fold', 0, '--steps', 1, '--mixup', 0.9)


def test_data_without_an_emotion_gives_a_model_that_can_be_loaded(
    small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import audio_export
    import audio_finish
    import audio_lite

    path = small_corpus / 'labels.csv'
    with path.open(newline='', encoding='utf-8') as stream:
        rows = [row for row in csv.DictReader(stream) if row['emotion'] not in {'fear', 'neutral'}]
    with path.open('w', newline='', encoding='utf-8') as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[::2])
    monkeypatch.setattr(audio_finish, 'in_noise', lambda *_: {})

    work = trained(small_corpus, '--steps', 1)

    def refused(constant: str) -> Any:
        raise AssertionError(f'{constant} is not JSON')

    card = ModelCard.read(small_corpus / 'out/audio_lite.json')
    assert card.prior[[2, 6]] == pytest.approx(1e-4, rel=0.01)
    assert (card.licence, card.version) == ('LicenseRef-of-your-data', '0.1')
    text = (small_corpus / 'out/audio_lite.json').read_text()
    assert json.loads(text, parse_constant=refused)['metrics']['test']

    # What was written before runs said what they are of can be finished all the same.
    for file in (*work.glob('fold-?.pt'), *work.glob('fold-?.npz'), work / 'all.pt'):
        without_labels(file)
    trained(small_corpus, '--finish', '--licence', 'CC0-1.0')
    assert ModelCard.read(small_corpus / 'out/audio_lite.json').licence == 'CC0-1.0'
    pair = [(small_corpus / 'out/audio_lite').with_suffix(end) for end in ('.onnx', '.json')]
    before = [path.read_bytes() for path in pair]
    for place, name, value in ((audio_finish, 'in_noise', None), (audio_export, 'TOLERANCE', -1.0)):
        with monkeypatch.context() as broken:
            broken.setattr(place, name, value)
            with pytest.raises((TypeError, ValueError)):
                trained(small_corpus, '--finish', '--version', '9')
        assert [path.read_bytes() for path in pair] == before
        assert sorted((small_corpus / 'out').iterdir()) == sorted(pair)

    key = audio_lite.labels_key
    monkeypatch.setattr(audio_lite, 'labels_key', lambda _: 'changed')
    trained(small_corpus, '--finish', '--rescore')
    monkeypatch.setattr(audio_lite, 'labels_key', key)
    with pytest.raises(ValueError, match=r'fold-0\.npz is of other labels; give'):
        trained(small_corpus, '--finish')


@pytest.mark.parametrize(
    ('flags', 'said'),
    [
        (('--every', '0'), 'argument --every: 0 is less than 1'),
        (('--threads', '0'), 'argument --threads: 0 is less than 1'),
        (('--steps', '0'), 'argument --steps: 0 is less than 1'),
        (('--batch', '1'), 'argument --batch: 1 is less than 4'),
        (('--crops', '100,0'), 'argument --crops: 0 is less than 1'),
        (('--crops', '100,'), "argument --crops: invalid crop_lengths value: '100,'"),
    ],
)
def test_numbers_that_no_run_can_have_are_wrong_usage_in_one_line(
    flags: tuple[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import audio_lite

    with pytest.raises(SystemExit) as caught:
        audio_lite.main(['--work', str(tmp_path / 'work'), *flags])

    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / 'work').exists()


def test_folds_of_different_labels_are_not_joined(tmp_path: Path) -> None:
    from audio_answers import Answers, joined
    from audio_evaluation import WindowSet
    from audio_recipe import Recipe

    names = np.array(['a'])
    truth = WindowSet(
        np.zeros((0, 64, 100), np.float32), np.array([0]), np.array([1]), names, names
    )
    parts = [
        Answers(np.zeros((1, 7), np.float32), truth, Recipe(), key) for key in ('', 'one', 'two')
    ]
    parts[1].write(tmp_path / 'fold-1.npz')
    assert Answers.read(tmp_path / 'fold-1.npz').labels == 'one'
    assert joined(parts[:2]).labels == 'one'
    with pytest.raises(ValueError, match='different labels'):
        joined(parts)


def test_a_file_of_a_recipe_with_other_fields_is_refused_in_one_line(tmp_path: Path) -> None:
    import torch
    from audio_answers import saved_network

    torch.save({'recipe': {'steps': 1, 'heads': 2}, 'network': {}}, tmp_path / 'all.pt')
    with pytest.raises(ValueError, match=r'all\.pt is of another recipe \(it has heads\); give'):
        saved_network(tmp_path / 'all.pt')


def test_the_shipped_card_is_what_would_be_written_now(repository: Path, tmp_path: Path) -> None:
    from audio_export import OURS, write_card
    from audio_recipe import Recipe

    embedded = repository / 'mer_ros/models/embedded/audio_lite.onnx'
    card = json.loads(embedded.with_suffix('.json').read_text())
    model = Path(shutil.copy(embedded, tmp_path))
    temperatures = card['temperature'], card['clip_temperature']
    prior, recipe = np.array(card['prior']), Recipe(**card['recipe'])
    write_card(model, temperatures, prior, recipe, card['metrics'], card['voice'], OURS)
    # Not the order: audio_voices.py --write put the voice at the end.
    assert json.loads(model.with_suffix('.json').read_text()) == card


def test_a_card_that_the_robot_could_not_read_is_not_left_unsaid(
    repository: Path, tmp_path: Path
) -> None:
    from audio_export import OURS, write_card
    from audio_recipe import Recipe

    embedded = repository / 'mer_ros/models/embedded/audio_lite.onnx'
    shutil.copy(embedded, tmp_path / 'audio_lite.onnx')
    voice = {'usual': [0.0] * 7, 'strength': 0.3, 'half': 10.0}
    with pytest.raises(ModelError, match='prior'):
        write_card(
            tmp_path / 'audio_lite.onnx', (1.0, 1.0), np.eye(7)[0], Recipe(), {}, voice, OURS
        )
    card = ModelCard.read(embedded)
    assert (OURS.licence, OURS.version) == (card.licence, card.version)


@pytest.mark.parametrize('name', ['audio_lite', 'face_lite', 'face_points'])
def test_our_terms_are_for_our_data_only(name: str, repository: Path, tmp_path: Path) -> None:
    import argparse

    import audio_export

    from training import face_export, face_points
    from training.card_terms import SHARED, YOURS, Terms, add_flags, terms_of

    ours, data = {
        'audio_lite': (audio_export.OURS, SHARED / 'speech'),
        'face_lite': (face_export.OURS, SHARED / 'face'),
        'face_points': (face_points.OURS, SHARED),
    }[name]
    card = ModelCard.read(repository / f'mer_ros/models/embedded/{name}.json')
    assert ours.licence == card.licence

    def found(folder: Path, *flags: str) -> Terms:
        parser = argparse.ArgumentParser()
        parser.add_argument('--data', type=Path)
        add_flags(parser, ours, data)
        assert 'LicenseRef-of-your-data' in ''.join(parser.format_help().split())  # it is wrapped
        return terms_of(parser.parse_args(['--data', str(folder), *flags]), ours, data)

    assert found(data) == found(data / '../' / data.name) == ours
    assert found(tmp_path) == YOURS
    assert found(tmp_path, '--version', '3') == Terms(YOURS.licence, '3')
    assert found(data, '--licence', 'CC0-1.0') == Terms('CC0-1.0', ours.version)
