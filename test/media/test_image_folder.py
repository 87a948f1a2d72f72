"""A folder of images plays in the order that people read its names."""

import itertools

import cv2
import numpy as np
import pytest

from mer_ros.media.image_folder import ImageFolderSource
from mer_ros.media.sources import MediaError


@pytest.fixture
def folder(tmp_path):
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f'shot{number}.png'), np.full((8, 12, 3), number, np.uint8))
    (tmp_path / 'notes.txt').write_text('no image')
    return tmp_path


def test_images_come_in_natural_order_at_the_rate(folder):
    source = ImageFolderSource(folder, frame_rate=4.0)
    frames = list(source)
    assert [int(frame.image_bgr[0, 0, 0]) for frame in frames] == [1, 2, 10]
    assert [frame.stamp_s for frame in frames] == [0.0, 0.25, 0.5]
    assert (source.frame_rate, source.audio_format, source.live) == (4.0, None, False)


def test_a_loop_goes_on_in_time(folder):
    frames = itertools.islice(ImageFolderSource(folder, frame_rate=10.0, loop=True), 7)
    assert [frame.stamp_s for frame in frames] == pytest.approx([k / 10 for k in range(7)])


def test_a_file_that_is_no_image_is_skipped_and_counted(folder):
    (folder / 'shot3.png').write_bytes(b'no picture')
    source = ImageFolderSource(folder)
    assert len(list(source)) == 3
    assert source.lost == 1


def test_names_and_headers_of_any_kind_end_nothing(folder):
    data = (folder / 'shot2.png').read_bytes()
    (folder / 'M\udcfcller.png').write_bytes(data)
    (folder / '\u00b25.png').write_bytes(data)
    # a header that claims 40,000 x 40,000
    (folder / 'shot3.png').write_bytes(data[:16] + (40_000).to_bytes(4, 'big') * 2 + data[24:])
    source = ImageFolderSource(folder)
    assert len(list(source)) == 5
    assert source.lost == 1


def test_close_ends_a_loop(folder):
    source = ImageFolderSource(folder, loop=True)
    for taken, _ in enumerate(source, start=1):
        if taken == 5:
            source.close()
    assert taken == 5


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(MediaError, match='no images'):
        ImageFolderSource(tmp_path)
    with pytest.raises(MediaError, match='no folder'):
        ImageFolderSource(tmp_path / 'nowhere')
    (tmp_path / 'a.jpg').write_bytes(b'')
    with pytest.raises(MediaError, match='none of the 1 images'):
        list(ImageFolderSource(tmp_path))


@pytest.mark.parametrize('rate', [0.0, -1.0, float('nan'), float('inf')])
def test_an_impossible_rate_is_refused(folder, rate):
    with pytest.raises(MediaError, match='images a second'):
        ImageFolderSource(folder, frame_rate=rate)


def test_real_photos_play(shared_data):
    frames = list(ImageFolderSource(shared_data / 'photos'))
    assert len(frames) == 10
    assert all(frame.image_bgr.shape[2] == 3 for frame in frames)
