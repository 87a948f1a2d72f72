"""The filter takes DC and rumble and leaves the voice; gain and noise reduction do as they say."""

import numpy as np
import pytest

from mer_ros.audio.conditioning import HighPass, normalise, reduce_noise

TIME = np.arange(32_000) / 16_000


def sine(hertz, amplitude=0.3):
    return (amplitude * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)


def rms(samples):
    return float(np.sqrt(np.mean(np.asarray(samples, np.float64) ** 2)))


def test_an_offset_is_removed_without_a_thump():
    output = HighPass(70.0).push(np.full(16_000, 0.4, np.float32))
    assert np.abs(output).max() < 1e-5


@pytest.mark.parametrize(
    ('hertz', 'least', 'most'), [(20.0, 0.0, 0.1), (70.0, 0.69, 0.72), (300.0, 0.99, 1.01)]
)
def test_rumble_goes_and_voice_stays(hertz, least, most):
    sound = sine(hertz)
    assert least <= rms(HighPass(70.0).push(sound)[8_000:]) / rms(sound[8_000:]) <= most


def test_the_filter_does_not_notice_how_the_stream_is_cut():
    sound = np.random.default_rng(0).standard_normal(5_000).astype(np.float32)
    pieces = HighPass(70.0)
    output = np.concatenate(
        [pieces.push(part) for part in np.split(sound, [1, 2, 700, 700, 4_000])]
    )
    assert np.allclose(output, HighPass(70.0).push(sound), atol=1e-6)


def test_dc_can_be_removed_alone_and_nothing_at_all():
    sound = sine(40.0) + np.float32(0.2)
    alone = HighPass(0.0, remove_dc=True).push(sound)
    assert abs(float(alone[16_000:].mean())) < 0.01
    assert rms(alone[16_000:]) == pytest.approx(rms(sine(40.0)), rel=0.05)
    assert np.array_equal(HighPass(0.0, remove_dc=False).push(sound), sound)


@pytest.mark.parametrize('amplitude', [0.01, 0.1, 0.9])
def test_windows_are_brought_to_one_level(amplitude):
    assert 20 * np.log10(rms(normalise(sine(300.0, amplitude), -23.0, 40.0))) == pytest.approx(
        -23.0, abs=0.01
    )


def test_gain_is_limited_and_never_clips():
    assert rms(normalise(sine(300.0, 1e-4), -23.0, 30.0)) == pytest.approx(
        rms(sine(300.0, 1e-4)) * 10**1.5, rel=1e-3
    )
    click = np.zeros(16_000, np.float32)
    click[5] = 0.5
    assert np.abs(normalise(click, -10.0, 60.0)).max() <= 0.9901
    silence = np.zeros(16_000, np.float32)
    assert np.array_equal(normalise(silence, -23.0, 30.0), silence)


def noise_spectrum(noise):
    frames = noise[: noise.size // 512 * 512].reshape(-1, 512) * np.hanning(512)
    return (np.abs(np.fft.rfft(frames, axis=1)) ** 2).mean(axis=0).astype(np.float32)


def test_noise_reduction_takes_the_background_and_leaves_the_tone():
    noise = 0.02 * np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    spectrum = noise_spectrum(noise)
    tone = sine(500.0)
    assert rms(reduce_noise(noise, spectrum, 0.8)) < 0.4 * rms(noise)
    cleaned = reduce_noise(tone + noise, spectrum, 0.8)
    assert cleaned.shape == tone.shape
    assert rms(cleaned - tone) < 0.6 * rms(noise)


def test_noise_reduction_without_strength_or_without_a_background_changes_nothing():
    tone = sine(500.0)
    assert np.array_equal(reduce_noise(tone, np.zeros(0, np.float32), 0.8), tone)
    assert np.array_equal(reduce_noise(tone, np.ones(257, np.float32), 0.0), tone)
    assert np.allclose(reduce_noise(tone, np.zeros(257, np.float32), 0.8), tone, atol=1e-5)
