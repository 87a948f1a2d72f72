"""Artificial pairs of a face and a voice, and what is fitted on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('torch', reason='the training data is read with torch')


def table(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return distributions that say more or less the labels."""
    logits = np.random.default_rng(seed).normal(0.0, 1.0, (labels.size, 7))
    logits[np.arange(labels.size), labels] += 2.0
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def test_each_face_gets_a_voice_of_its_emotion_or_is_left_out() -> None:
    from training.fusion_pairs import paired

    seen, said = np.arange(70) % 7, np.arange(60) % 6
    faces, windows = (table(seen, 1), seen), (table(said, 2), said)
    pairs = paired(faces, windows, 0)
    assert len(pairs.labels) == 60
    assert 6 not in pairs.labels
    rows = [int(np.flatnonzero((windows[0] == voice).all(axis=1))[0]) for voice in pairs.audio]
    np.testing.assert_array_equal(said[rows], pairs.labels)
    np.testing.assert_array_equal(pairs.face, faces[0][seen < 6])


def test_what_is_fitted_is_compared_with_what_is_not() -> None:
    from mer_ros.fusion.parameters import FusionParameters
    from training.fusion_lite import figures
    from training.fusion_pairs import Pairs

    labels = np.arange(350) % 7
    result = figures(Pairs(table(labels, 1), table(labels, 2), labels), FusionParameters())
    own, swapped = result['own'], result['swapped']
    assert own['fitted']['accuracy'] > own['face']['accuracy']
    assert own['fitted']['accuracy'] > swapped['fitted']['accuracy']
    assert swapped['face'] == own['face']


def test_the_embedded_pair_leaves_each_modality_alone_as_it_came(repository: Path) -> None:
    path = repository / 'mer_ros/models/embedded/fusion.json'
    pair = json.loads(path.read_text())['pairs']['lite+lite']
    assert pair.get('face_temperature', 1.0) == pair.get('audio_temperature', 1.0) == 1.0
    assert pair['face_prior'] == pair['audio_prior'] == pair['prior']
