"""Descriptors measure what their names say, on sound of known pitch, level and colour."""

import numpy as np
import pytest
from scipy.fft import idct

from mer_ros.audio.chunk import AudioError
from mer_ros.audio.features import (
    energy,
    envelope,
    extract,
    log_mel,
    mfcc,
    pitch,
    spectral_centroid,
    zero_crossing_rate,
)

TIME = np.arange(16_000) / 16_000


def sine(hertz, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)


def voice(hertz, amplitude=0.1):
    """A buzz with formants: harmonics that fall off, some stronger than the fundamental."""
    strength = {k: 1 / k + np.exp(-(((k * hertz - 700) / 200) ** 2)) for k in range(1, 25)}
    tones = [a * np.sin(2 * np.pi * k * hertz * TIME + k) for k, a in strength.items()]
    return (amplitude * np.sum(tones, axis=0)).astype(np.float32)


@pytest.mark.parametrize('hertz', [85.0, 120.0, 210.0, 333.0, 450.0])
def test_pitch_of_a_voice_is_found_to_a_percent(hertz):
    found = pitch(voice(hertz)).voiced
    assert found.size > 40
    assert np.median(found) == pytest.approx(hertz, rel=0.01)


def test_pitch_holds_in_noise_and_follows_a_glide():
    noise = 0.03 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    assert np.median(pitch(voice(150.0) + noise).voiced) == pytest.approx(150.0, rel=0.02)
    glide = (0.3 * np.sin(2 * np.pi * (120 * TIME + 60 * TIME**2))).astype(np.float32)
    track = pitch(glide).hertz
    expected = 120 + 120 * (np.arange(track.size) * 320 + 320) / 16_000
    assert np.allclose(track, expected, rtol=0.03)


@pytest.mark.parametrize(
    'sound',
    [
        np.zeros(16_000, np.float32),
        0.1 * np.random.default_rng(1).standard_normal(16_000).astype(np.float32),
    ],
)
def test_silence_and_noise_have_no_pitch(sound):
    assert pitch(sound).voiced.size <= 2


def test_level_crossings_and_centroid_of_a_sine():
    assert energy(sine(500.0)) == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.01)
    assert zero_crossing_rate(sine(500.0)) == pytest.approx(1_000 / 16_000, rel=0.01)
    assert spectral_centroid(sine(500.0)) == pytest.approx(500.0, abs=1.0)


def test_silence_has_finite_descriptors():
    features = extract(np.zeros(16_000, np.float32))
    assert np.isfinite(features.values).all()
    assert features['rms_db'] == -96.0
    assert features['pitch_hz'] == 0.0


def test_mfcc_is_the_cosine_transform_of_log_mel():
    sound = voice(150.0)
    coefficients = mfcc(sound, 64)
    assert coefficients.shape == (64, 100)
    assert np.allclose(idct(coefficients, axis=0, norm='ortho'), log_mel(sound), atol=1e-3)
    assert mfcc(sound).shape == (13, 100)


def test_the_envelope_has_100_values_a_second_and_follows_the_sound():
    sound = sine(300.0)
    sound[8_000:] = 0.0
    values = envelope(sound)
    assert values.shape == (100,)
    assert values[10:45] == pytest.approx(np.full(35, 0.5 / np.sqrt(2)), rel=0.02)
    assert values[51:].max() == 0.0


def test_extract_names_every_value_once_and_appends_what_is_finite():
    features = extract(
        voice(200.0), stamp_ns=7, frame_id='mic', extra={'snr_db': 12.0, 'noise_dbfs': float('nan')}
    )
    assert len(set(features.names)) == len(features.names) == features.values.size
    assert {'rms_db', 'pitch_hz', 'zero_crossing_rate', 'mfcc_0', 'mfcc_12', 'snr_db'} <= set(
        features.names
    )
    assert 'noise_dbfs' not in features.names
    assert features['pitch_hz'] == pytest.approx(200.0, rel=0.01)
    assert (features.stamp_ns, features.window_ns, features.frame_id) == (7, 10**9, 'mic')
    with pytest.raises(KeyError, match='snr'):
        features['snr']


def test_less_than_a_frame_is_refused():
    with pytest.raises(AudioError, match='25 ms'):
        extract(np.zeros(399, np.float32))


def test_men_and_women_differ_in_pitch(read_clip):
    man, woman = (
        np.median(pitch(read_clip(f'speech/emodb/{name}.flac')).voiced)
        for name in ('03a02Nc', '08a02Na')
    )
    assert 80 < man < 160 < woman < 300


def test_the_envelope_ends_with_the_sound():
    sound = np.zeros(8_080, np.float32)  # half a hop over 500 ms
    sound[-80:] = 0.5
    course = envelope(sound)
    assert course.shape == (50,)
    assert course[-1] == pytest.approx(0.5 * np.sqrt(0.5), abs=1e-6)
    assert not course[:-1].any()
