"""Where a looped film's sound is shorter than its pictures, silence keeps it going."""

import itertools
from collections import Counter

import numpy as np
import pytest

from mer_ros.audio.timeline import Continuity, Timeline
from mer_ros.media.seam import Seam
from mer_ros.media.sources import AudioBlock, AudioFormat, VideoFrame
from mer_ros.media.video_file import VideoFileSource

RATE = 16_000
PICTURE = np.zeros((2, 2, 3), np.uint8)


def laps(lead, sound, lap_s, count):
    """Return the items of a looped film: its sound begins and lasts so many samples."""
    seam, items, offset_s = Seam(AudioFormat(RATE, 1), 0.03), [], 0.0
    for _ in range(count):
        cuts = range(0, sound, 480)
        blocks = (
            AudioBlock(
                offset_s + (lead + cut) / RATE,
                np.ones((min(480, sound - cut), 1), np.int16),
                RATE,
            )
            for cut in cuts
        )
        frames = (VideoFrame(offset_s + k * 0.04, PICTURE) for k in range(round(lap_s / 0.04)))
        merged = sorted((*frames, *seam.sound(blocks)), key=lambda item: item.stamp_s)
        for item in merged:
            items += [*seam.before(item), item]
        offset_s = seam.lap_end_s(offset_s + lap_s)
    return items


@pytest.mark.parametrize(('lead', 'sound'), [(0, 15_900), (333, 15_000), (7, 15_993), (0, 3_001)])
def test_no_sample_is_missing_between_laps(lead, sound):
    items = laps(lead, sound, 1.0, 50)
    blocks = [item for item in items if isinstance(item, AudioBlock)]
    counted = np.cumsum([0, *(len(block.samples) for block in blocks)])
    expected = lead / RATE + counted[:-1] / RATE
    assert [block.stamp_s for block in blocks] == pytest.approx(expected.tolist(), abs=1e-9)
    heard = np.concatenate([block.samples[:, 0] for block in blocks])
    assert np.count_nonzero(heard) == 50 * sound
    # Each lap is as long as it was, to a sample.
    starts = np.flatnonzero(np.diff(heard, prepend=0) == 1)
    assert np.diff(starts).tolist() == pytest.approx([RATE] * 49, abs=1)


def looped(path, seconds):
    source = VideoFileSource(path, loop=True)
    return list(itertools.takewhile(lambda item: item.stamp_s < seconds, source))


@pytest.mark.parametrize('pictures', [26, 40])
def test_listeners_miss_nothing_of_a_looped_film_whose_pictures_are_longer(film, pictures):
    path = film(seconds=1.0, click_s=0.5, times=[k / 25 for k in range(pictures)])
    items = looped(path, 20.0)
    assert np.diff([item.stamp_s for item in items]).min() > -1e-9
    timeline, kinds = Timeline(), Counter()
    for item in items:
        if isinstance(item, AudioBlock):
            stamp_ns = round(item.stamp_s * 1e9)
            kinds[timeline.place(stamp_ns, len(item.samples), item.rate).continuity] += 1
    assert set(kinds) == {Continuity.START, Continuity.CONTINUES}
    shown = [item.stamp_s for item in items if isinstance(item, VideoFrame)]
    assert np.diff(shown).max() < 0.045


def test_sound_that_ends_early_is_no_silence_without_a_loop(film):
    path = film(seconds=1.0, click_s=0.5, times=[k / 25 for k in range(50)])
    blocks = [item for item in VideoFileSource(path) if isinstance(item, AudioBlock)]
    assert blocks[-1].stamp_s < 1.1


def test_close_ends_the_silence_too(film):
    source = VideoFileSource(
        film('slides.mkv', seconds=0.5, click_s=0.1, times=[0.0, 90.0]), loop=True
    )
    taken = 0
    for item in source:
        taken += 1
        if item.stamp_s > 10.0:
            source.close()
    assert taken < 400
