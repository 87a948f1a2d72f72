"""labels.csv and recordings, as training reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer_ros.emotions import Emotion

pytestmark = pytest.mark.usefixtures('training')
HEADER = 'corpus,file,speaker,emotion\n'


def recording(path: Path, samples: int) -> None:
    import soundfile

    wave = 0.1 * np.random.default_rng(0).standard_normal(samples)
    soundfile.write(path, wave, 16000)


def test_the_words_and_the_form_of_the_commands_are_read(tmp_path: Path) -> None:
    from audio_corpora import load

    recording(tmp_path / 'one.wav', 8000)
    recording(tmp_path / 'two.wav', 5000)
    text = HEADER + 'a,one.wav,s,Happy \na,not-there.wav,s, \na,two.wav,t,calm\n'
    (tmp_path / 'labels.csv').write_text(text, encoding='utf-8-sig')

    first, second = load(tmp_path, tmp_path)

    assert (first.label, second.label) == (Emotion.HAPPINESS, Emotion.NEUTRAL)
    assert (first.samples.size, second.samples.size) == (8000, 5000)


def test_another_recording_of_the_same_name_is_decoded_and_a_missing_one_comes_from_before(
    tmp_path: Path,
) -> None:
    from audio_corpora import load

    recording(tmp_path / 'a.wav', 8000)
    (tmp_path / 'labels.csv').write_text(HEADER + 'a,a.wav,s,fear\n')
    assert load(tmp_path, tmp_path)[0].samples.size == 8000
    recording(tmp_path / 'a.wav', 9000)
    assert load(tmp_path, tmp_path)[0].samples.size == 9000
    (tmp_path / 'a.wav').unlink()
    assert load(tmp_path, tmp_path)[0].samples.size == 9000


def test_one_name_in_two_corpora_is_two_people_all_through_training(tmp_path: Path) -> None:
    import torch
    from audio_batches import Batches
    from audio_corpora import load
    from audio_evaluation import windows
    from audio_recipe import Recipe

    recording(tmp_path / 'a.wav', 24000)
    rows = ['one,a.wav,1,fear', 'two,a.wav,1,fear', 'two,a.wav,2,fear']
    (tmp_path / 'labels.csv').write_text(HEADER + '\n'.join(rows))

    clips = load(tmp_path, tmp_path)

    assert [clip.speaker for clip in clips] == ['one/1', 'two/1', '2']
    assert len(Batches(clips, Recipe(batch=4), torch.device('cpu')).speakers) == 3
    assert windows(clips).speakers.tolist() == ['one/1', 'two/1', '2']


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        (HEADER + 'a,a.flac,s,boredom\n', "line 2: no emotion of ours is called 'boredom'"),
        ('corpus,file,emotion\na,a.flac,fear\n', 'line 2 has no speaker; add the column'),
        (HEADER + 'a,a.flac,s,\n', 'names no emotion; add a row'),
        (HEADER, 'names no emotion; add a row'),
        (None, 'labels.csv: .*--data is a folder with labels.csv'),
    ],
)
def test_labels_that_cannot_be_used_are_refused(
    tmp_path: Path, text: str | None, said: str
) -> None:
    from audio_corpora import load

    if text is not None:
        (tmp_path / 'labels.csv').write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        load(tmp_path, tmp_path)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('there', [True, False])
def test_an_empty_or_missing_recording_is_named_and_not_kept(tmp_path: Path, there: bool) -> None:
    from audio_corpora import load

    recording(tmp_path / 'fine.wav', 8000)
    if there:
        recording(tmp_path / 'other.wav', 0)
    (tmp_path / 'labels.csv').write_text(HEADER + 'a,fine.wav,s,fear\na,other.wav,s,fear\n')

    with pytest.raises(ValueError, match=r'other\.wav.*leave its emotion'):
        load(tmp_path, tmp_path)

    assert not list(tmp_path.glob('clips-*'))
    recording(tmp_path / 'other.wav', 6000)
    assert [clip.samples.size for clip in load(tmp_path, tmp_path)] == [8000, 6000]


def test_changed_labels_have_another_key(tmp_path: Path) -> None:
    from audio_corpora import labels_key

    keys = set()
    for emotion in ('fear', 'anger'):
        (tmp_path / 'labels.csv').write_text(f'{HEADER}a,a.flac,s,{emotion}\n')
        keys.add(labels_key(tmp_path))
    assert len(keys) == 2
