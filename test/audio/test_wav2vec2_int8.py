"""wav2vec2 in 8 bits: written once, used without torch, and never half of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('transformers')
pytest.importorskip('onnx')

from benchmarks.wav2vec2_net import EmotionNet, published, save  # noqa: E402
from mer_ros.audio.wav2vec2 import AGREEMENT, Wav2Vec2Classifier  # noqa: E402
from mer_ros.models.errors import ModelError  # noqa: E402


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'mer_ros' / 'wav2vec2-int8'


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    net = EmotionNet()
    torch.nn.init.normal_(net.classifier.output.weight, std=1.0)  # answers that differ
    save(tmp_path / 'model', published(net))
    return tmp_path / 'model'


@pytest.fixture(scope='module')
def windows() -> Any:
    random = np.random.default_rng(1)
    return (random.normal(0, 0.1, (4, 16000)) * random.uniform(0.1, 3, (4, 1))).astype(np.float32)


def loaded(checkpoint: Path, dtype: str = 'int8') -> Wav2Vec2Classifier:
    classifier = Wav2Vec2Classifier(str(checkpoint), dtype=dtype, device='cpu', threads=1)
    classifier.load()
    return classifier


def test_answers_and_embeddings_are_those_of_float32_within_the_limit(
    checkpoint: Path, windows: Any
) -> None:
    ours = loaded(checkpoint).classify_with_embeddings(windows)
    theirs = loaded(checkpoint, 'float32').classify_with_embeddings(windows)
    assert np.abs(ours[0] - theirs[0]).max() < AGREEMENT
    assert np.linalg.norm(ours[1] - theirs[1]) < 0.1 * np.linalg.norm(theirs[1])


@pytest.mark.parametrize('samples', [8000, 16000, 40000])
def test_windows_may_have_any_length(checkpoint: Path, samples: int) -> None:
    sound = np.random.default_rng(2).normal(0, 0.1, (2, samples)).astype(np.float32)
    difference = loaded(checkpoint).classify(sound) - loaded(checkpoint, 'float32').classify(sound)
    assert np.abs(difference).max() < AGREEMENT


def test_what_is_said_of_a_window_does_not_hang_on_its_neighbours(
    checkpoint: Path, windows: Any
) -> None:
    classifier = loaded(checkpoint)
    alone = np.concatenate([classifier.classify(window[None]) for window in windows])
    np.testing.assert_array_equal(classifier.classify(windows), alone)


def test_the_second_load_uses_what_the_first_has_written_and_needs_no_torch(
    checkpoint: Path, cache: Path, windows: Any
) -> None:
    first = loaded(checkpoint)
    written = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    code = (
        'import sys, numpy as np; from mer_ros.audio.wav2vec2 import Wav2Vec2Classifier; '
        f'c = Wav2Vec2Classifier({str(checkpoint)!r}, dtype="int8", device="cpu", threads=1); '
        'c.load(); print(c.chosen); sys.exit("torch" in sys.modules)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == first.chosen
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == written


@pytest.mark.parametrize('damage', ['truncated', 'altered'])
def test_a_damaged_file_is_written_anew(
    checkpoint: Path, cache: Path, windows: Any, damage: str
) -> None:
    expected = loaded(checkpoint).classify(windows)
    (file,) = cache.glob('*.onnx')
    content = bytearray(file.read_bytes())
    content[-2000] ^= 255
    file.write_bytes(content[:-1000] if damage == 'truncated' else content)
    np.testing.assert_array_equal(loaded(checkpoint).classify(windows), expected)
    assert not list(cache.glob('*.part'))


def test_another_checkpoint_has_a_file_of_its_own(checkpoint: Path, cache: Path) -> None:
    loaded(checkpoint)
    torch.manual_seed(4)
    save(checkpoint, published(EmotionNet()))
    loaded(checkpoint)
    assert len(list(cache.glob('*.onnx'))) == 2


def test_a_cache_that_cannot_be_written_is_told_with_the_mend(
    checkpoint: Path, cache: Path
) -> None:
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text('a file where a folder should be')
    with pytest.raises(ModelError, match='set dtype to float32'):
        loaded(checkpoint)


def test_auto_goes_on_in_float32_where_the_cache_cannot_be_written(
    checkpoint: Path,
    cache: Path,
    windows: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr('mer_ros.audio.wav2vec2.has_bfloat16', lambda: False)
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text('a file where a folder should be')
    auto = loaded(checkpoint, 'auto')
    assert auto.chosen == 'cpu float32 (max difference 0.000; int8 cannot be written)'
    assert 'runs in float32' in caplog.text
    assert 'make room there' in caplog.text
    assert np.array_equal(auto.classify(windows), loaded(checkpoint, 'float32').classify(windows))


def test_eight_bits_and_a_gpu_do_not_go_together(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match='cuda'):
        Wav2Vec2Classifier(str(checkpoint), dtype='int8', device='cuda').load()
