"""`mer evaluate audio` scores what the pipeline hears, clip by clip."""

import json
from dataclasses import replace

import av
import cv2
import numpy as np
import pytest

from mer_ros.audio.adaptation import Adaptation
from mer_ros.audio.pipeline import AudioPipeline
from mer_ros.audio.pooling import pool
from mer_ros.audio.settings import AudioSettings
from mer_ros.cli.errors import CommandError
from mer_ros.cli.evaluate_audio import figures, hear, listen
from mer_ros.cli.labelled_clips import Clip, read_labels, select
from mer_ros.cli.main import main
from mer_ros.models.card import Voice


class Loudness:
    """Happiness to loud windows, sadness to quiet ones."""

    name = 'loudness'
    version = '1.0'
    prior = np.full(7, 1 / 7, np.float32)

    def load(self):
        pass

    def classify(self, windows):
        table = np.full((len(windows), 7), 0.05, np.float32)
        loud = np.abs(windows).max(axis=1) > 0.2
        table[np.arange(len(windows)), np.where(loud, 3, 4)] = 0.7
        return table


class Level:
    """Takes frames that are not silent for speech."""

    name = 'level'
    version = '1.0'

    def load(self):
        pass

    def reset(self):
        self.pending = np.zeros(0, np.float32)

    def process(self, samples):
        stream = np.concatenate((self.pending, samples))
        whole = stream.size // 512 * 512
        self.pending = stream[whole:]
        return (np.abs(stream[:whole]).reshape(-1, 512).max(axis=1) > 0.01).astype(np.float32)


@pytest.fixture
def pipeline():
    return AudioPipeline(Loudness(), Level(), AudioSettings(normalise=False))


def write(path, seconds, amplitude, silence=0.0, rate=22_050):
    time = np.arange(round(rate * (seconds + silence))) / rate
    sound = amplitude * np.sin(2 * np.pi * 300 * time)
    sound[: round(rate * silence)] = 0.0
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=rate)
        frame = av.AudioFrame.from_ndarray(
            (sound * 32_767).astype(np.int16)[None], format='s16', layout='mono'
        )
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def data(tmp_path):
    """Two corpora: loud clips are happy, quiet ones sad, but for one."""
    rows = ['corpus,file,speaker,emotion,original_label,language']
    for index, (corpus, emotion, amplitude, seconds) in enumerate(
        [
            ('one', 'happiness', 0.5, 2.6),
            ('one', 'sadness', 0.05, 2.6),
            ('one', 'happiness', 0.05, 1.2),
            ('two', 'happiness', 0.5, 0.4),
            ('two', 'sadness', 0.0, 2.1),
            ('two', '', 0.5, 2.0),
        ]
    ):
        write(tmp_path / f'{index}.wav', seconds, amplitude)
        rows.append(f'{corpus},{index}.wav,speaker-{index % 2},{emotion},x,en')
    (tmp_path / 'labels.csv').write_text('\n'.join(rows) + '\n')
    return tmp_path


def test_overall_and_per_corpus_scores(pipeline, data):
    clips = read_labels(data)
    result = figures(clips, listen(pipeline, clips), 0)
    assert result['n'] == 5
    assert result['accuracy'] == pytest.approx(0.8)
    assert result['corpora']['one']['n'] == 3
    assert result['corpora']['one']['uar'] == pytest.approx(0.75)
    assert result['corpora']['two']['accuracy'] == 1.0
    assert set(result['corpora']) == {'one', 'two'}
    fields = {'n', 'accuracy', 'uar', 'macro_f1', 'ece', 'confusion'}
    assert fields <= set(result)
    assert all(set(scores) == fields for scores in result['corpora'].values())
    assert result['uar_mean_of_corpora'] == pytest.approx(0.875)
    assert result['single_window']['n'] == 4 + 4 + 1 + 1 + 3
    assert result['clips_without_speech'] == 1
    json.dumps(result, allow_nan=False)


def test_a_clip_shorter_than_a_window_is_padded(pipeline, data):
    heard = hear(pipeline, data / '3.wav')
    assert len(heard.windows) == 1
    assert heard.speech
    assert heard.windows[0].samples.size == 16_000
    assert np.abs(heard.windows[0].samples[8_000:]).max() < 0.05


def test_windows_without_speech_do_not_count_where_there_are_others(pipeline, tmp_path):
    write(tmp_path / 'late.wav', 1.6, 0.5, silence=2.0)
    assert len(hear(pipeline, tmp_path / 'late.wav').windows) == 3


def test_a_clip_without_speech_is_scored_on_all_windows(pipeline, data):
    heard = hear(pipeline, data / '4.wav')
    assert (len(heard.windows), heard.speech) == (3, False)


def test_one_clip_leaves_nothing_for_the_next(pipeline, data):
    first = hear(pipeline, data / '1.wav')
    hear(pipeline, data / '0.wav')
    again = hear(pipeline, data / '1.wav')
    for a, b in zip(first.windows, again.windows, strict=True):
        assert np.array_equal(a.samples, b.samples)
        assert np.array_equal(a.speech, b.speech)
        assert a.stamp_ns == b.stamp_ns


def of_two_people(data):
    """Return the clips, those of one name as of one person in both corpora."""
    return [replace(clip, speaker=clip.names[1]) for clip in read_labels(data)]


def test_classes_and_speakers_have_their_rows(pipeline, data):
    clips = of_two_people(data)
    result = figures(clips, listen(pipeline, clips), 50)
    assert result['per_class']['happiness']['n'] == 3
    assert result['per_class']['happiness']['recall'] == pytest.approx(2 / 3)
    assert result['per_class']['fear']['recall'] is None
    assert {name: row['n'] for name, row in result['per_speaker'].items()} == {
        'speaker-0': 3,
        'speaker-1': 2,
    }
    assert result['per_speaker']['speaker-1']['uar'] == 1.0
    low, high = result['intervals_95']['accuracy']
    assert low <= result['accuracy'] <= high


def test_the_clip_temperature_changes_how_sure_clips_are_and_nothing_else(pipeline, data):
    clips = read_labels(data)
    plain, sharp = listen(pipeline, clips), listen(pipeline, clips, 0.5)
    assert (sharp.clips.argmax(axis=1) == plain.clips.argmax(axis=1)).all()
    assert (sharp.clips.max(axis=1) > plain.clips.max(axis=1)).all()
    assert np.array_equal(sharp.windows, plain.windows)


class Voiced(Loudness):
    """One whose card says what is usual of a voice."""

    voice = Voice(np.zeros(7), 1.0, 1.0)


def test_a_classifier_that_adapts_is_scored_beside_what_it_heard_of_the_speaker(data):
    settings = AudioSettings(normalise=False)
    pipeline = AudioPipeline(Voiced(), Level(), settings)
    clips = of_two_people(data)
    answers = listen(pipeline, clips)
    plain = listen(AudioPipeline(Loudness(), Level(), settings), clips)
    assert np.array_equal(answers.clips, plain.clips)
    assert plain.adapted is None
    # The clips of speaker-0 are 0, 2 and 4, and 4 has no speech; the order is always the same.
    assert np.array_equal(answers.adapted, listen(pipeline, clips).adapted)
    memory = Adaptation(Voiced.voice)
    for index in np.random.default_rng(0).permutation(5):
        if index % 2:
            continue
        windows = answers.windows[answers.owner == index]
        assert answers.adapted[index] == pytest.approx(pool(memory.adapt(windows)), abs=1e-5)
        if index != 4:
            memory.add(windows, 0)
    assert not np.allclose(answers.adapted, answers.clips)
    result = figures(clips, answers, 10)
    assert result['adapted']['n'] == 5
    assert set(result['adapted']['corpora']) == {'one', 'two'}
    assert 'adapted' not in figures(clips, plain, 0)


def test_pictures_are_written_on_request(data, tmp_path, capsys):
    words = ['evaluate', 'audio', '--data', str(data), '--corpora', 'one', '--bootstrap', '20']
    assert main([*words, '--report', str(tmp_path / 'new/report')]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result['intervals_95']) == {'accuracy', 'uar', 'ece'}
    for name in ('confusion', 'reliability'):
        picture = cv2.imread(str(tmp_path / f'new/report/{name}.png'))
        assert picture is not None
        assert picture.std() > 1.0


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('corpus,file,speaker\none,a.wav,x\n', 'has no emotion'),
        ('corpus,file,speaker,emotion\none,a.wav,x,boredom\n', 'boredom'),
        ('', r'labels\.csv names no emotion; add a row for each clip'),
        ('corpus,file,speaker,emotion\n', 'names no emotion'),
        ('corpus,file,speaker,emotion\none,a.wav,x,\n', 'names no emotion'),
    ],
)
def test_malformed_labels_are_refused(tmp_path, text, message):
    (tmp_path / 'labels.csv').write_text(text)
    with pytest.raises(CommandError, match=message):
        read_labels(tmp_path)


def test_two_people_of_one_name_in_two_corpora_are_two(tmp_path):
    rows = ['one,a.wav,1,anger', 'one,b.wav,2,anger', 'two,c.wav,1,fear']
    (tmp_path / 'labels.csv').write_text('\n'.join(['corpus,file,speaker,emotion', *rows]))
    assert [clip.speaker for clip in read_labels(tmp_path)] == ['one/1', '2', 'two/1']


def test_the_folder_of_a_checkpoint_can_be_given_as_well(data, tmp_path, capsys):
    words = ['evaluate', 'audio', '--data', str(data), '--classifier', 'wav2vec2']
    assert main([*words, '--model', str(tmp_path / 'x')]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / 'x') in error
    assert error.count('\n') == 1


def test_a_model_that_is_not_there_is_told_as_such(data, tmp_path, capsys):
    words = ['evaluate', 'audio', '--data', str(data), '--model', str(tmp_path / 'nope.onnx')]
    assert main(words) == 1
    assert capsys.readouterr().err == f'mer: there is no model file {tmp_path}/nope.onnx\n'


def test_a_report_that_cannot_be_written_costs_no_figures(data, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    report = str(tmp_path / 'file' / 'report')
    assert main(['evaluate', 'audio', '--data', str(data), '--report', report]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)['n'] > 0
    assert captured.err.count('\n') >= 1


def test_speakers_and_corpora_select(data):
    clips = read_labels(data)
    assert {clip.names[1] for clip in select(clips, ['speaker-1'], [], [])} == {'speaker-1'}
    assert {clip.names[1] for clip in select(clips, [], ['speaker-1'], [])} == {'speaker-0'}
    (person,) = {clip.speaker for clip in select(clips, ['two/speaker-1'], [], [])}
    assert person == 'two/speaker-1'
    assert {clip.corpus for clip in select(clips, [], [], ['two'])} == {'two'}
    for wrong in ((['nobody'], [], []), ([], [], ['three']), ([], ['speaker-0', 'speaker-1'], [])):
        with pytest.raises(CommandError):
            select(clips, *wrong)


def test_a_missing_clip_is_named(pipeline, tmp_path):
    with pytest.raises(Exception, match=r'gone\.wav'):
        listen(pipeline, [Clip('one', tmp_path / 'gone.wav', 'x', 0)])


def test_a_clip_of_a_rate_that_cannot_be_used_is_named(data, capsys):
    write(data / '1.wav', 2.6, 0.5, rate=500)
    assert main(['evaluate', 'audio', '--data', str(data)]) == 1
    error = capsys.readouterr().err
    assert f'{data}/1.wav: audio at 500 Hz' in error
    assert error.count('\n') == 1


def test_errors_take_one_line_and_the_status_of_failure(tmp_path, capsys):
    assert main(['evaluate', 'audio', '--data', str(tmp_path)]) == 1
    assert main(['evaluate', 'audio']) == 2
    captured = capsys.readouterr()
    assert len(captured.err.strip().splitlines()) == 2
    assert 'labels.csv' in captured.err


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--speakers', 'nobody'], 'no clip is of speaker nobody'),
        (['--corpora', 'nothing'], 'no clip is of corpus nothing'),
        (['--activity', 'ouija'], "no speech_activity is called 'ouija'"),
        (['--bootstrap', '-1'], '-1 is not 0 or more'),
    ],
)
def test_names_that_are_not_there_are_wrong_usage(data, capsys, words, message):
    assert main(['evaluate', 'audio', '--data', str(data), *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_the_embedded_classifier_knows_emotions_of_real_speech(shared_data, capsys):
    """Far above the 0.14 of chance; what it reaches on whole corpora is in its card."""
    words = ['evaluate', 'audio', '--data', str(shared_data / 'speech'), '--speakers', 'emodb-09']
    assert main(words) == 0
    result = json.loads(capsys.readouterr().out)
    assert result['n'] == 39
    assert result['uar'] > 0.5
    assert result['adapted']['n'] == 39
    assert result['adapted']['uar'] > 0.5
