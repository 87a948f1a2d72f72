"""Blocks have equal length and exact times, whatever the frames they come from."""

import wave

import av
import numpy as np
import pytest

from mer_ros.media.audio_track import BlockCutter
from mer_ros.media.opener import open_source
from mer_ros.media.sources import AudioFormat, MediaError


def frame(values, rate=16_000, layout='mono'):
    samples = np.asarray(values, np.int16)
    channels = 1 if layout == 'mono' else 2
    made = av.AudioFrame.from_ndarray(
        np.repeat(samples[None], channels, 0).T.reshape(1, -1), format='s16', layout=layout
    )
    made.sample_rate = rate
    return made


def cut(frames, block_s=0.01, channels=1):
    cutter = BlockCutter(AudioFormat(16_000, channels), block_s)
    blocks = [block for one, stamp in frames for block in cutter.push(one, stamp)]
    return blocks + list(cutter.flush())


def test_frames_of_any_size_become_blocks_of_one():
    values = np.arange(1_000)
    parts = np.split(values, [7, 300, 301, 640])
    stamps = np.cumsum([0, *(len(part) for part in parts[:-1])]) / 16_000
    blocks = cut([(frame(part), stamp) for part, stamp in zip(parts, stamps, strict=True)])
    assert [len(block.samples) for block in blocks] == [160] * 6 + [40]
    assert np.array_equal(np.concatenate([block.samples[:, 0] for block in blocks]), values)
    assert [block.stamp_s for block in blocks] == pytest.approx([k / 100 for k in range(7)])


def test_the_first_time_is_where_the_sound_starts():
    (block,) = cut([(frame(np.ones(100)), 0.5)])
    assert block.stamp_s == 0.5


def test_rounded_times_are_not_holes_and_missing_times_continue():
    blocks = cut(
        [(frame(np.ones(160)), 0.0), (frame(np.ones(160)), 0.03), (frame(np.ones(160)), None)]
    )
    assert [block.stamp_s for block in blocks] == pytest.approx([0.0, 0.01, 0.02])


def test_after_a_hole_times_are_those_of_the_file():
    blocks = cut([(frame(np.ones(200)), 0.0), (frame(np.ones(160)), 1.0)])
    assert [(block.stamp_s, len(block.samples)) for block in blocks] == [
        (0.0, 160),
        (pytest.approx(0.01), 40),
        (1.0, 160),
    ]


def test_a_time_that_goes_back_is_not_followed():
    blocks = cut([(frame(np.ones(160)), 5.0), (frame(np.ones(160)), 1.0)])
    assert [block.stamp_s for block in blocks] == pytest.approx([5.0, 5.01])


def off_s(per_million, jitter_s=0.0, minutes=5, block_s=0.03):
    """Return blocks of sound that is slower than its stamps, and by how much each is late."""
    chance = np.random.default_rng(0)
    frames = [
        (
            frame(np.ones(800)),
            k * 0.05 * (1.0 + per_million * 1e-6) + chance.uniform(-jitter_s, jitter_s),
        )
        for k in range(minutes * 60 * 20)
    ]
    blocks = cut(frames, block_s)
    counted = np.cumsum([0, *(len(block.samples) for block in blocks)])[:-1] / 16_000
    stamps = np.array([block.stamp_s for block in blocks])
    return blocks, stamps - counted * (1.0 + per_million * 1e-6)


@pytest.mark.parametrize('per_million', [-2_000, -300, 300, 2_000])
@pytest.mark.parametrize('jitter_s', [0.0, 0.004])
def test_sound_that_is_faster_or_slower_than_its_stamps_stays_with_them(per_million, jitter_s):
    blocks, late_s = off_s(per_million, jitter_s)
    assert np.abs(late_s).max() < 0.035
    steps = np.diff([block.stamp_s for block in blocks])
    assert steps.min() >= 0.0149
    assert steps.max() < 0.0451
    assert {len(block.samples) for block in blocks[:-1]} == {480}  # nothing is cut in two


def test_stamps_that_jitter_or_are_rounded_move_nothing():
    for jitter_s in (0.0005, 0.019):
        blocks, _ = off_s(0, jitter_s)
        stamps = np.array([block.stamp_s for block in blocks])
        assert stamps - stamps[0] == pytest.approx(0.03 * np.arange(len(blocks)), abs=1e-9)


def test_stamps_far_behind_are_damage_and_no_other_clock():
    late = [(frame(np.ones(800)), k * 0.05 - (0.0 if k < 100 else 0.3)) for k in range(400)]
    stamps = [block.stamp_s for block in cut(late)]
    assert stamps == pytest.approx(0.01 * np.arange(2_000))


def test_a_format_that_changes_in_the_middle_is_followed():
    tone = 8_000 * np.sin(np.arange(4_800) / 20)
    blocks = cut([(frame(tone[:1_600]), 0.0), (frame(tone, 48_000, 'stereo'), 0.1)])
    assert sum(len(block.samples) for block in blocks) == pytest.approx(3_200, abs=2)
    assert {block.samples.shape[1] for block in blocks} == {1}


@pytest.mark.parametrize('channels', [8, 9, 12, 32, 64])
def test_channels_that_cannot_be_mixed_are_told_with_a_way_out(tmp_path, channels):
    path = tmp_path / 'many.wav'
    with wave.open(str(path), 'wb') as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.full((1_600, channels), 1_000, '<i2').tobytes())
    if channels in (8, 12):
        assert sum(len(block.samples) for block in open_source(str(path))) == 1_600
        return
    with pytest.raises(MediaError) as told:
        list(open_source(str(path)))
    assert f'{path}: sound of {channels} channels' in str(told.value)
    assert "`ffmpeg -i FILE -af 'pan=mono|c0=c0' mono.wav`" in str(told.value)
    # What the message proposes is done here with the same filter, without the program.
    graph = av.filter.Graph()
    with av.open(str(path)) as container:
        source = graph.add_abuffer(template=container.streams.audio[0])
        pan, sink = graph.add('pan', 'mono|c0=c0'), graph.add('abuffersink')
        source.link_to(pan)
        pan.link_to(sink)
        graph.configure()
        for decoded in container.decode(audio=0):
            graph.push(decoded)
            assert graph.pull().layout.name == 'mono'
