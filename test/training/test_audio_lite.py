"""The embedded speech model against its card, and its training on a handful of clips."""

from __future__ import annotations

import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mer_ros.audio.log_mel import log_mel
from mer_ros.models.calibration import softmax
from mer_ros.models.card import ModelCard

TEST_SPEAKERS = (
    'ravdess-17', 'ravdess-18', 'ravdess-19', 'ravdess-20',
    'emodb-09', 'emodb-11', 'nemo-KS0', 'nemo-SM0',
)  # fmt: skip


@pytest.fixture(scope='module')
def model(repository: Path) -> Path:
    return repository / 'mer_ros/models/embedded/audio_lite.onnx'


@pytest.fixture(scope='module')
def session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=['CPUExecutionProvider'])


@pytest.fixture
def training(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('torch')
    pytest.importorskip('soundfile')
    monkeypatch.setattr(sys, 'path', [str(repository / 'training'), *sys.path])


@pytest.fixture
def small_corpus(shared_data: Path, tmp_path: Path) -> Path:
    """A folder with two clips of each class and speaker kind, linked from the real corpora."""
    with (shared_data / 'speech/labels.csv').open(newline='', encoding='utf-8') as stream:
        rows = [row for row in csv.DictReader(stream) if row['emotion']]
    wanted = ('ravdess-01', 'ravdess-15', 'ravdess-17', 'emodb-08', 'nemo-EB0')
    taken: dict[tuple[str, str], int] = {}
    kept = []
    for row in rows:
        key = (row['speaker'], row['emotion'])
        if row['speaker'] in wanted and taken.get(key, 0) < 2:
            taken[key] = taken.get(key, 0) + 1
            kept.append(row)
    for corpus in ('ravdess', 'emodb', 'nemo'):
        (tmp_path / corpus).symlink_to(shared_data / 'speech' / corpus)
    with (tmp_path / 'labels.csv').open('w', newline='', encoding='utf-8') as stream:
        writer = csv.DictWriter(stream, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept)
    return tmp_path


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
    rows = [row for row in rows if row['speaker'] in TEST_SPEAKERS][::12]
    (tmp_path / 'labels.csv').write_text(
        '\n'.join([','.join(rows[0]), *(','.join(row.values()) for row in rows)]) + '\n'
    )
    for corpus in ('ravdess', 'emodb', 'nemo'):
        (tmp_path / corpus).symlink_to(shared_data / 'speech' / corpus)
    clips = audio_corpora.load(tmp_path, tmp_path)
    cut = windows(clips)
    table = pool_clips(softmax(logits_of(session, cut)), cut.owner, len(clips))
    assert mean_uar(cut, table) > 0.5


@pytest.mark.usefixtures('training')
def test_training_runs_resumes_and_exports(
    small_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import audio_batches
    import audio_lite

    monkeypatch.setattr(audio_batches, 'PIECES', 1)
    monkeypatch.setattr(audio_batches, 'NOISE_FRAMES', 250)
    arguments = ['--data', small_corpus, '--work', tmp_path / 'work', '--output', tmp_path / 'out']
    arguments += ['--batch', 8, '--copies', 2, '--every', 2, '--threads', 1]
    audio_lite.main([str(word) for word in [*arguments, '--steps', 4]])
    first = ModelCard.read(tmp_path / 'out/audio_lite.onnx')
    audio_lite.main([str(word) for word in [*arguments, '--steps', 6, '--resume']])
    second = ModelCard.read(tmp_path / 'out/audio_lite.onnx')
    assert first.sha256 != second.sha256
    assert 'go on from' in (tmp_path / 'work/lite.log').read_text()
    assert set(second.metrics['noise']) == {'20', '10', '5', '0'}


@pytest.mark.usefixtures('training')
def test_a_balanced_draw_gives_every_class_of_a_corpus_the_same_chance(
    small_corpus: Path, tmp_path: Path
) -> None:
    import audio_batches
    import audio_corpora

    clips = audio_corpora.load(small_corpus, tmp_path)
    weights = audio_batches.sampling_weights(clips)
    chosen = np.array([clip.corpus == 'ravdess' for clip in clips])
    labels = np.array([clip.label for clip in clips])
    shares = np.bincount(labels[chosen], weights[chosen])
    assert weights.sum() == pytest.approx(1.0)
    assert shares == pytest.approx(np.full(7, shares[0]))


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


@pytest.mark.usefixtures('training')
@pytest.mark.parametrize('kind', ['white', 'pink', 'brown', 'fan', 'motor'])
def test_noise_has_unit_power_and_repeats_with_its_seed(kind: str) -> None:
    from audio_rendering import noise

    made = [noise(kind, 16000, np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(made[0], made[1])
    assert 0.2 < float(np.mean(made[0] ** 2)) < 3.0


@pytest.mark.usefixtures('training')
def test_an_unknown_emotion_in_the_labels_is_refused(tmp_path: Path) -> None:
    import audio_corpora

    (tmp_path / 'labels.csv').write_text('corpus,file,speaker,emotion\na,a.flac,s,boredom\n')
    with pytest.raises(ValueError, match='boredom'):
        audio_corpora.load(tmp_path, tmp_path)
