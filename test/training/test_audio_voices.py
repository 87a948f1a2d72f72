"""What is usual of a voice, and what answers are worth after something was heard of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mer_ros.models.calibration import softmax
from mer_ros.models.card import ModelCard

pytestmark = pytest.mark.usefixtures('training')
SPEAKERS, CLIPS, WINDOWS = 6, 70, 4


def answered(seed: int, bias: float) -> tuple[NDArray[np.float32], Any]:
    """Return logits and truth of speakers each of whom sounds otherwise to the network."""
    from audio_evaluation import WindowSet

    rng = np.random.default_rng(seed)
    count = SPEAKERS * CLIPS
    labels = np.tile(np.arange(7), count // 7)
    speakers = np.repeat([f's{number}' for number in range(SPEAKERS)], CLIPS)
    owner = np.repeat(np.arange(count), WINDOWS)
    voices = bias * rng.standard_normal((SPEAKERS, 7))
    logits = 2.0 * np.eye(7)[labels] + np.repeat(voices, CLIPS, axis=0)
    logits = logits[owner] + 0.5 * rng.standard_normal((owner.size, 7))
    corpora = np.where(np.arange(count) < count // 2, 'one', 'two')
    truth = WindowSet(np.zeros((0, 64, 100), np.float32), owner, labels, corpora, speakers)
    return logits.astype(np.float32), truth


def test_what_is_usual_is_what_unbiased_voices_say_half_of_it_neutral() -> None:
    from audio_voices import Fold, fit

    logits, truth = answered(0, 0.0)
    usual = fit([Fold(softmax(logits), truth)]).usual
    assert usual.sum() == pytest.approx(0.0, abs=1e-9)
    # 2 for the class that is shown, less the mean of the row.
    assert usual == pytest.approx(2.0 * np.array([1 / 12] * 6 + [1 / 2]) - 2 / 7, abs=0.05)


def test_a_voice_heard_before_is_understood_better_and_another_does_not_help() -> None:
    from audio_voices import KINDS, Fold, beside, fit, worth

    logits, truth = answered(1, 1.5)
    fold = Fold(softmax(logits), truth)
    voice = fit([Fold(softmax(answered(2, 0.0)[0]), fold.truth)], strength=0.8)
    means = {kind: worth(fold, beside(fold, voice, kind), 1.0)['mean'] for kind in KINDS}
    assert means['earlier'] > means['nothing'] + 0.05
    assert means['neutral'] > means['nothing'] + 0.05
    assert means['other'] < means['two'] < means['earlier']
    assert np.array_equal(beside(fold, voice, 'nothing'), fold.probabilities)


def test_faces_are_fused_with_windows_of_their_emotion(shared_data: Path) -> None:
    from audio_voices import Faces, Fold

    logits, truth = answered(3, 0.0)
    faces = Faces(shared_data)
    right = faces.worth(Fold(softmax(logits), truth), softmax(logits))
    guessed = faces.worth(Fold(softmax(logits), truth), np.full_like(logits, 1 / 7))
    assert right['fused_accuracy'] > guessed['fused_accuracy'] + 0.01 > 0.9
    assert 0.0 <= right['fused_ece'] < 0.2


def test_the_command_prints_rows_and_writes_a_card(
    tmp_path: Path, repository: Path, capsys: Any
) -> None:
    import audio_voices
    from audio_answers import Answers
    from audio_recipe import Recipe

    for index in range(3):
        logits, truth = answered(index, 1.0)
        Answers(logits, truth, Recipe()).write(tmp_path / f'fold-{index}.npz')
    card = tmp_path / 'audio_lite.json'
    shutil.copy(repository / 'mer_ros/models/embedded/audio_lite.json', card)
    before = ModelCard.read(card)
    words = ['--work', tmp_path, '--choose', 1, 2, '--report', 0, '--strengths', 0.1, 0.3]
    audio_voices.main([str(word) for word in [*words, '--write', card]])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 3 * 2 * 6
    assert {row['fold'] for row in rows} == {0, 1, 2}
    assert all(0.0 <= row['mean'] <= 1.0 and set(row) >= {'one', 'two', 'ece'} for row in rows)
    after = ModelCard.read(card)
    assert after.sha256 == before.sha256
    assert after.voice is not None
    assert before.voice is not None
    assert not np.allclose(after.voice.usual, before.voice.usual)
    with pytest.raises(ValueError, match='fold-3'):
        audio_voices.main(['--work', str(tmp_path), '--choose', '3'])
