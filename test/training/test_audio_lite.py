"""The embedded speech model against its card, and its training on a handful of clips."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mer_ros.audio.log_mel import log_mel
from mer_ros.emotions import LABELS
from mer_ros.models.calibration import softmax
from mer_ros.models.card import ModelCard


@pytest.fixture(scope='module')
def model(repository: Path) -> Path:
    return repository / 'mer_ros/models/embedded/audio_lite.onnx'


@pytest.fixture(scope='module')
def session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=['CPUExecutionProvider'])


def test_the_card_names_exactly_this_file(model: Path) -> None:
    card = ModelCard.read(model)
    assert card.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert (card.name, card.task) == ('audio_lite', 'audio_classifier')
    assert card.licence == 'CC-BY-NC-SA-4.0'
    assert 0.3 < card.temperature < 4.0


def test_the_page_about_the_model_says_what_its_card_says(model: Path, repository: Path) -> None:
    card = ModelCard.read(model)
    page = (repository / 'docs/models/audio_lite.md').read_text(encoding='utf-8')
    test = card.metrics['test']
    assert page.startswith(f'# audio_lite {card.version}\n')
    for corpus, scores in test['corpora'].items():
        assert f'| {corpus} | {scores["n"]} | {scores["uar"]:.3f} |' in page
    assert f'**{test["uar_mean_of_corpora"]:.3f} ' in page
    assert f'Temperature of single windows {card.temperature}' in page
    assert '{' not in page


def test_the_model_has_the_agreed_interface(session: onnxruntime.InferenceSession) -> None:
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, given.name) == ('logmel', 'logits')
    for batch, frames in ((1, 100), (4, 50), (2, 163)):
        spectra = np.full((batch, 64, frames), -9.0, np.float32)
        (logits,) = session.run(None, {'logmel': spectra})
        assert logits.shape == (batch, 7)
        assert np.isfinite(logits).all()


def test_the_model_has_at_most_two_million_parameters(model: Path) -> None:
    assert model.stat().st_size <= 4 * 2_000_000 + 100_000


def test_silence_is_answered_with_finite_logits(session: onnxruntime.InferenceSession) -> None:
    (logits,) = session.run(None, {'logmel': log_mel(np.zeros(16000, np.float32))[None]})
    assert np.isfinite(logits).all()


def test_the_gain_of_the_microphone_changes_little(
    session: onnxruntime.InferenceSession, shared_data: Path
) -> None:
    soundfile = pytest.importorskip('soundfile')
    wave, _ = soundfile.read(shared_data / 'speech/emodb/03a01Fa.flac', dtype='float32')
    spectra = np.stack([log_mel(wave[:16000] * gain) for gain in (1.0, 0.1)])
    (logits,) = session.run(None, {'logmel': spectra})
    probabilities = softmax(logits)
    assert np.abs(probabilities[0] - probabilities[1]).max() < 0.1


@pytest.mark.usefixtures('training')
def test_the_files_hold_a_trained_network(
    session: onnxruntime.InferenceSession, shared_data: Path, tmp_path: Path
) -> None:
    # Not a measurement: the shipped weights may have heard these speakers, as their card says.
    import audio_corpora
    from audio_evaluation import mean_uar, windows
    from audio_export import logits_of

    from mer_ros.audio.pooling import pool_clips

    rows = audio_corpora.read_labels(shared_data / 'speech')
    rows = [row for row in rows if row.speaker in audio_corpora.TEST_SPEAKERS][::12]
    with (tmp_path / 'labels.csv').open('w', newline='', encoding='utf-8') as stream:
        writer = csv.writer(stream)
        writer.writerow(['corpus', 'file', 'speaker', 'emotion'])
        writer.writerows([r.corpus, r.path.resolve(), r.speaker, LABELS[r.label]] for r in rows)
    clips = audio_corpora.load(tmp_path, tmp_path)
    cut = windows(clips)
    table = pool_clips(softmax(logits_of(session, cut)), cut.owner, len(clips))
    assert mean_uar(cut, table) > 0.5


@pytest.mark.usefixtures('small_noises')
def test_training_runs_resumes_and_exports(small_corpus: Path, tmp_path: Path) -> None:
    import audio_card
    import audio_lite
    import torch

    work, model = tmp_path / 'work', tmp_path / 'out/audio_lite.onnx'

    def train(*flags: object) -> None:
        fixed = ['--data', small_corpus, '--work', work, '--output', model.parent]
        fixed += ['--batch', 8, '--width', 0.25, '--every', 2, '--device', 'cpu']
        audio_lite.main([str(word) for word in [*fixed, *flags]])

    train('--fold', 1, '--steps', 2)
    train('--fold', 1, '--steps', 4, '--resume')
    assert 'fold-1-state.pt at step 2' in (work / 'fold-1.log').read_text()
    assert torch.load(work / 'fold-1-state.pt', weights_only=True)['step'] == 4
    finished = (work / 'fold-1.npz').stat().st_mtime_ns
    train('--steps', 4)
    assert (work / 'fold-1.npz').stat().st_mtime_ns == finished

    speakers = set(torch.load(work / 'all.pt', weights_only=True)['speakers'])
    asked: list[str] = []
    for fold in range(4):
        heard = torch.load(work / f'fold-{fold}.pt', weights_only=True)['speakers']
        with np.load(work / f'fold-{fold}.npz') as answers:
            unheard = sorted(set(answers['speakers']))
            assert answers['logits'].shape == (answers['owner'].size, 7)
        assert unheard
        assert not set(heard) & set(unheard)
        assert set(heard) | set(unheard) == speakers
        asked += unheard
    assert sorted(asked) == sorted(speakers)

    card = ModelCard.read(model)
    assert (card.licence, card.version) == ('LicenseRef-of-your-data', '0.1')
    assert set(card.metrics['noise']) == {'20', '10', '5', '0'}
    assert card.metrics['folds']['clip']['n'] == sum(
        card.metrics[part]['clip']['n'] for part in ('test', 'choosing')
    )
    assert card.voice is not None
    assert card.voice.usual.sum() == pytest.approx(0.0, abs=1e-6)
    assert set(card.metrics['heard_before']) == {
        'nothing', 'earlier', 'neutral', 'same', 'two', 'other',
    }  # fmt: skip
    assert card.metrics['heard_before']['nothing']['mean'] == pytest.approx(
        card.metrics['test']['uar_mean_of_corpora'], abs=1e-3
    )
    assert set(card.metrics['test']['speakers']) == {'ravdess-17', 'emodb-09', 'nemo-KS0'}
    twin = ModelCard.read(work / 'fold-0.onnx')
    assert twin.sha256 != card.sha256
    assert twin.temperature == card.temperature
    with np.load(work / 'fold-2.npz') as answers:
        before = answers['logits']
    train('--finish', '--rescore', '--licence', 'CC0-1.0', '--version', '7.0')
    again = ModelCard.read(model)
    assert (again.licence, again.version) == ('CC0-1.0', '7.0')
    with np.load(work / 'fold-2.npz') as answers:
        assert answers['logits'] == pytest.approx(before, abs=1e-4)

    with pytest.raises(ValueError, match='another recipe'):
        train('--steps', 3)

    page = write_page(audio_card.main, model, tmp_path)
    assert page.startswith('# audio_lite 7.0\n')
    assert f'| ravdess | 14 | {card.metrics["test"]["corpora"]["ravdess"]["uar"]:.3f} |' in page
    assert 'audio_lite.py --steps 4 --batch 8 --width 0.25\n' in page
    assert '{' not in page


def write_page(command: Callable[[list[str]], None], model: Path, folder: Path) -> str:
    """Return the page about a model, its other tables made of invented figures."""
    corpora = ('ravdess', 'emodb', 'nemo')
    scores = dict.fromkeys((*corpora, 'mean', 'single_window', 'ece'), 0.5)
    unheard = {'n': 9, 'uar': 0.2, 'interval_95': [0.1, 0.3], 'ece': 0.1}
    snr = {'speech': 5, 'noise': 6, 'speech_passes': 0.9, 'noise_passes': 0.0}
    kinds = {'area_under_roc': 0.9, **{f'passes_at_{n}_percent': 0.8 for n in (1, 5, 10)}}
    invented = {
        'baselines': {'majority': scores},
        'rejection': {'20': {**snr, 'score': kinds, 'reliability': kinds}},
        'cross': {'nemo': {'steps': 1, 'batch': 2, 'all': unheard, 'test': unheard}},
    }
    words = ['--model', str(model.with_suffix('.json')), '--output', str(folder / 'page.md')]
    for name, figures in invented.items():
        (folder / f'{name}.json').write_text(json.dumps(figures))
        words += [f'--{name}', str(folder / f'{name}.json')]
    command(words)
    return (folder / 'page.md').read_text(encoding='utf-8')


@pytest.mark.usefixtures('training')
def test_the_folds_part_the_speakers(shared_data: Path) -> None:
    from audio_corpora import DEV_SPEAKERS, FOLDS, TEST_SPEAKERS, fold_of, read_labels

    listed = [speaker for fold in FOLDS for speaker in fold]
    assert len(listed) == len(set(listed))
    assert set(listed) == {row.speaker for row in read_labels(shared_data / 'speech')}
    assert {fold_of(speaker) for speaker in TEST_SPEAKERS} == {0}
    assert all(fold_of(speaker) > 0 for speaker in DEV_SPEAKERS)
    # A corpus of one's own: any names, and the same folds on any machine.
    assert {fold_of(f'guest-{number}') for number in range(40)} == {0, 1, 2, 3}
    assert [fold_of(f'guest-{number}') for number in range(6)] == [2, 3, 2, 1, 3, 2]


@pytest.mark.usefixtures('training')
def test_clips_get_a_temperature_on_top_of_that_of_their_windows() -> None:
    from audio_evaluation import WindowSet, fit_temperatures

    from mer_ros.models.calibration import calibrate, negative_log_likelihood

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 400)
    owner = np.repeat(np.arange(400), 4)
    # Four windows that err independently: pooled, they deserve more trust than one.
    logits = 1.0 * np.eye(7)[labels][owner] + rng.normal(size=(1600, 7))
    names = np.full(400, 'one')
    cut = WindowSet(np.zeros((1600, 64, 1), np.float32), owner, labels, names, names)
    window, clip = fit_temperatures(logits.astype(np.float32), cut)
    assert window == pytest.approx(1.0, abs=0.15)
    assert clip < 0.5
    pooled = np.log(calibrate(logits, window)).reshape(400, 4, 7).mean(axis=1)
    plain, sharp = (negative_log_likelihood(pooled, labels, t) for t in (1.0, clip))
    assert sharp < plain
