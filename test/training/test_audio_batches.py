"""What the embedded speech model is trained on: crops, their augmentation, the front end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer_ros.audio.conditioning import HighPass, normalise
from mer_ros.audio.log_mel import log_mel


@pytest.mark.usefixtures('training')
def test_the_front_end_in_torch_is_that_of_the_robot(shared_data: Path) -> None:
    import audio_front_end
    import soundfile
    import torch

    wave, _ = soundfile.read(shared_data / 'speech/emodb/03a01Fa.flac', dtype='float32')
    rows = np.stack([wave[:20000], 0.003 * wave[4000:24000]])
    expected = np.stack([log_mel(row) for row in rows])
    found = audio_front_end.log_mel(torch.from_numpy(rows)).numpy()
    assert found.shape == (2, 64, 125)
    assert np.abs(found - expected).max() < 1e-3
    levelled = audio_front_end.normalise(torch.from_numpy(rows)).numpy()
    assert levelled == pytest.approx(np.stack([normalise(row, -23.0, 30.0) for row in rows]))
    response = audio_front_end.high_pass(20000, torch.device('cpu'))
    filtered = torch.fft.irfft(torch.fft.rfft(torch.from_numpy(rows)) * response, 20000).numpy()
    # Only the first quarter second, which no crop shows, knows that the transform goes round.
    assert filtered[0, 4000:] == pytest.approx(HighPass(70.0).push(rows[0])[4000:], abs=1e-5)


@pytest.mark.usefixtures('small_noises')
def test_batches_are_finite_and_repeat_with_the_seed(small_corpus: Path, tmp_path: Path) -> None:
    import torch
    from audio_batches import AHEAD, Batches
    from audio_corpora import load
    from audio_recipe import Recipe

    clips = load(small_corpus, tmp_path)
    recipe = Recipe(batch=16, mixup=0.5, crops='100,150')
    batches = Batches(clips, recipe, torch.device('cpu'))
    first = [batches.draw() for _ in range(4 * AHEAD + 1)]
    batches.reseed(0)
    again = [batches.draw() for _ in range(4 * AHEAD + 1)]
    batches.reseed(1)
    other = batches.draw()
    assert {x.shape for x, _, _ in first} == {(16, 64, 100), (16, 64, 150)}
    for (x, target, voices), (same, same_target, _) in zip(first, again, strict=True):
        assert torch.isfinite(x).all()
        assert torch.equal(x, same)
        assert torch.equal(target, same_target)
        assert target.sum(dim=1).numpy() == pytest.approx(np.ones(16), abs=1e-5)
        assert voices.shape == (16, 7)
        assert voices.sum(dim=1).numpy() == pytest.approx(np.ones(16), abs=1e-5)
    assert not any(x.shape == other[0].shape and torch.equal(x, other[0]) for x, _, _ in first)


@pytest.mark.usefixtures('small_noises')
def test_with_everything_off_a_crop_is_what_the_robot_hears_of_it(
    small_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import audio_augment
    import torch
    from audio_batches import Batches, Sounds
    from audio_corpora import load
    from audio_recipe import Recipe

    def flat(generator: torch.Generator, rows: int, size: int) -> torch.Tensor:
        return torch.ones(rows, size // 2 + 1)

    def place(sounds: Sounds, _: torch.Generator, items: torch.Tensor, __: object) -> torch.Tensor:
        return torch.full_like(items, 8000)

    monkeypatch.setattr(audio_augment, 'microphones', flat)
    monkeypatch.setattr(Sounds, 'places', place)
    clip = load(small_corpus, tmp_path)[3]
    recipe = Recipe(batch=4, mixup=0.0, mask=0.0, warp=0.0, clean=1.0, noise=0.0, crops='100')
    found = Batches([clip], recipe, torch.device('cpu')).draw()[0].numpy()
    wave = HighPass(70.0).push(clip.samples.astype(np.float32) / 32768.0)
    expected = log_mel(normalise(wave[8000:24000], -23.0, 30.0))
    assert np.abs(found - expected).max() < 0.02


@pytest.mark.usefixtures('training')
def test_crops_are_cut_where_there_is_speech() -> None:
    import torch
    from audio_batches import Sounds
    from audio_corpora import Clip

    speech = np.zeros(300, np.float16)
    speech[200:260] = 1.0
    samples = np.arange(300 * 512, dtype=np.int64).astype(np.int16)
    silent = Clip('a', 's', 0, 'one', samples[: 100 * 512], speech[:100])
    spoken = Clip('a', 's', 0, 'two', samples, speech)
    sounds = Sounds([silent, spoken], torch.device('cpu'))
    items = torch.ones(400, dtype=torch.int64)
    generator = torch.Generator().manual_seed(0)
    places = sounds.places(generator, items, torch.full((400,), 16000.0)).numpy()
    shares = np.array([speech[p // 512 : (p + 16000) // 512].mean() for p in places])
    # One place alone has half of it speech in a fifth of all cases; six have in three quarters.
    assert (shares >= 0.45).mean() > 0.6
    cut = sounds.cut(items[:2], torch.tensor([-3, 300 * 512 - 2]), 5).numpy() * 32768.0
    assert cut[0].tolist() == [0, 0, 0, samples[0], samples[1]]
    assert cut[1].tolist() == [*samples[-2:], *samples[:3]]


@pytest.mark.usefixtures('training')
def test_what_is_done_to_the_sound_is_what_is_said() -> None:
    import audio_augment as augment
    import torch

    generator = torch.Generator().manual_seed(1)
    time = torch.arange(augment.source_size(16000)) / 16000.0
    tone = 0.5 * torch.sin(2.0 * np.pi * 1000.0 * time)[None].repeat(2, 1)
    played = augment.play(tone, torch.tensor([0.9, 1.1]), 16000)
    spectrum = torch.fft.rfft(played).abs()
    assert spectrum.argmax(dim=1).tolist() == [900, 1100]
    rest = spectrum.clone()
    rest[0, 890:911] = rest[1, 1090:1111] = 0.0
    assert (rest.amax(dim=1) < 0.01 * spectrum.amax(dim=1)).all()

    x = tone[:, :16000]
    loud = torch.randn(3, 16000, generator=generator)
    clipped = augment.clipping(generator, loud).abs()
    shares = (clipped == clipped.amax(dim=1, keepdim=True)).float().mean(dim=1)
    assert ((shares > 0.004) & (shares < 0.081)).all()
    assert (augment.mu_law(x) - x).abs().max() < 0.02
    assert not torch.equal(augment.mu_law(x), x)
    click = torch.zeros(2, 16000)
    click[:, 1000] = 1.0
    rung = augment.room(generator, click)
    assert rung[:, 1000].numpy() == pytest.approx([1.0, 1.0], abs=1e-4)
    assert rung[:, :1000].abs().max() < 0.01
    early, late = rung[:, 1001:3000].square().sum(dim=1), rung[:, 9000:11000].square().sum(dim=1)
    assert (early > 100.0 * late).all()
    gains = augment.telephone(16000, torch.device('cpu'))
    assert gains[[100, 7000]].max() < 0.06
    assert gains[1000] > 0.99
    silence, bank = torch.full((10, 16000), 1e-3), torch.randn(3, 20000)
    noisy = augment.add_noise(generator, silence, bank, 0.4)
    assert int((noisy != silence).any(dim=1).sum()) == 4


@pytest.mark.usefixtures('training')
def test_the_adversary_turns_the_gradient_round() -> None:
    import torch
    from audio_network import Adversary

    torch.manual_seed(0)
    adversary = Adversary(6, 3, 0.5).eval()
    plain, turned = (torch.ones(2, 6, requires_grad=True) for _ in range(2))
    adversary.guess(plain)[:, 0].sum().backward()
    adversary(turned, 1.0)[:, 0].sum().backward()
    assert plain.grad is not None
    assert plain.grad.abs().max() > 0.0
    assert turned.grad.numpy() == pytest.approx(-0.5 * plain.grad.numpy(), rel=1e-3)
    adversary(turned, 0.0)[:, 0].sum().backward()
    assert turned.grad.numpy() == pytest.approx(-0.5 * plain.grad.numpy(), rel=1e-3)


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
@pytest.mark.parametrize('kind', ['white', 'pink', 'brown', 'fan', 'motor'])
def test_noise_has_unit_power_and_repeats_with_its_seed(kind: str) -> None:
    from audio_noise import noise

    made = [noise(kind, 16000, np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(made[0], made[1])
    assert 0.2 < float(np.mean(made[0] ** 2)) < 3.0


@pytest.mark.usefixtures('training')
def test_the_prior_is_how_often_a_class_is_drawn_and_never_zero() -> None:
    from audio_batches import prior, sampling_weights
    from audio_corpora import Clip

    nothing = np.zeros(1, np.int16), np.zeros(0, np.float16)
    clips = [Clip('a', 's', label, 'one', *nothing) for label in (*range(7), 1, 1)]
    labels = [clip.label for clip in clips]
    # To the last bit, as in the shipped card.
    assert np.array_equal(prior(clips), np.bincount(labels, sampling_weights(clips), 7))
    some = prior([clip for clip in clips if clip.label != 3])
    assert some[3] == pytest.approx(1e-4, rel=1e-3)
    assert some.sum() == pytest.approx(1.0)
