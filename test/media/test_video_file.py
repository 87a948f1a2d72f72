"""Files give pictures and sound at their true times, loop without a seam, and fail clearly."""

import itertools
import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mer_ros.media.sources import AudioBlock, MediaError, VideoFrame
from mer_ros.media.video_file import VideoFileSource


def split(source):
    items = list(source)
    stamps = [item.stamp_s for item in items]
    assert stamps == sorted(stamps)
    frames = [item for item in items if isinstance(item, VideoFrame)]
    blocks = [item for item in items if isinstance(item, AudioBlock)]
    return frames, blocks


def sound(blocks):
    return np.concatenate([block.samples for block in blocks])


def test_pictures_have_their_presentation_times(film):
    times = [0.0, 0.04, 0.1, 0.2, 0.21, 0.5, 0.9]
    frames, _ = split(VideoFileSource(film(times=times, audio=False)))
    assert [frame.stamp_s for frame in frames] == pytest.approx(times, abs=1e-3)
    for index, frame in enumerate(frames):
        assert frame.image_bgr.shape == (48, 64, 3)
        assert frame.image_bgr.dtype == np.uint8
        assert frame.image_bgr.mean() == pytest.approx(37 * index % 256, abs=5)


@pytest.mark.parametrize('rate', [16_000, 22_050, 44_100, 48_000])
def test_the_click_is_where_it_was_whatever_the_rate_of_the_file(film, rate):
    path = film('click.wav', rate=rate, video=False)
    source = VideoFileSource(path)
    _, blocks = split(source)
    assert source.audio_format.rate == 16_000
    samples = sound(blocks)[:, 0]
    assert int(np.abs(samples.astype(int)).argmax()) == pytest.approx(16_000, abs=1)
    assert len(samples) == pytest.approx(32_000, abs=2)
    for block in blocks[:-1]:
        assert (block.samples.dtype, block.samples.shape, block.rate) == (
            np.int16,
            (480, 1),
            16_000,
        )
    assert [b.stamp_s for b in blocks] == pytest.approx(
        [0.03 * k for k in range(len(blocks))], abs=1e-6
    )


def test_the_files_own_rate_and_channels_can_be_kept(film):
    source = VideoFileSource(film('native.wav', video=False), audio_rate=None, block_s=0.02)
    _, blocks = split(source)
    assert (source.audio_format.rate, source.audio_format.channels) == (44_100, 2)
    assert blocks[0].samples.shape == (882, 2)
    samples = sound(blocks)
    assert samples.shape == (88_200, 2)
    assert samples[44_100].tolist() == [30_000, 30_000]


def test_pictures_and_sound_share_one_time_line(film):
    frames, blocks = split(VideoFileSource(film(click_s=1.0)))
    click = int(np.abs(sound(blocks)[:, 0].astype(int)).argmax()) / 16_000 + blocks[0].stamp_s
    assert click == pytest.approx(1.0, abs=0.03)  # AAC smears a click over its frame
    assert frames[25].stamp_s == pytest.approx(1.0, abs=1e-3)


def test_silent_and_sound_only_files(film):
    silent = VideoFileSource(film('silent.mp4', audio=False))
    frames, blocks = split(silent)
    assert (len(frames), blocks, silent.audio_format) == (50, [], None)
    deaf = VideoFileSource(film('deaf.m4a', video=False))
    frames, blocks = split(deaf)
    assert (frames, deaf.frame_rate) == ([], 0.0)
    assert len(blocks) > 60


def test_parts_can_be_left_out(film):
    path = film()
    frames, blocks = split(VideoFileSource(path, audio=False))
    assert frames
    assert not blocks
    frames, blocks = split(VideoFileSource(path, video=False))
    assert blocks
    assert not frames
    with pytest.raises(MediaError, match='no pictures'):
        VideoFileSource(film('deaf.wav', video=False), audio=False)


def test_a_loop_goes_on_in_time(film):
    source = VideoFileSource(film(seconds=0.4, click_s=0.1), loop=True)
    items = list(itertools.takewhile(lambda item: item.stamp_s < 3.0, source))
    stamps = [item.stamp_s for item in items]
    assert stamps == sorted(stamps)
    pictures = [item.stamp_s for item in items if isinstance(item, VideoFrame)]
    assert max(np.diff(pictures)) < 0.1
    assert len(pictures) > 60
    ends = [
        item.stamp_s + len(item.samples) / item.rate
        for item in items
        if isinstance(item, AudioBlock)
    ]
    starts = [item.stamp_s for item in items if isinstance(item, AudioBlock)]
    assert all(start > end - 1e-6 for start, end in zip(starts[1:], ends, strict=False))
    assert items[0].stamp_s == 0.0


def test_close_ends_the_iteration(film):
    source = VideoFileSource(film(), loop=True)
    taken = []
    for item in source:
        taken.append(item)
        if len(taken) == 5:
            source.close()
    assert len(taken) == 5


def test_a_file_can_be_read_twice(film):
    source = VideoFileSource(film())
    assert len(list(source)) == len(list(source))


@pytest.mark.parametrize(('ratio', 'shape'), [((64, 45), (576, 1024, 3)), ((1, 2), (1152, 720, 3))])
def test_pixels_that_are_not_square_are_shown_as_players_do(tmp_path, ratio, shape):
    path = tmp_path / 'wide.mp4'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, 'yuv420p'
        stream.codec_context.sample_aspect_ratio = Fraction(*ratio)
        container.mux(stream.encode(av.VideoFrame(720, 576, 'yuv420p')))
        container.mux(stream.encode())
    assert next(iter(VideoFileSource(path))).image_bgr.shape == shape


@pytest.mark.parametrize('name', ['10:20:30.wav', 'file:a.wav', 'M\udcfcller.wav'])
def test_any_name_and_any_words_in_a_file_are_taken(film, tmp_path, monkeypatch, name):
    data = film('plain.wav', video=False).read_bytes()
    # Latin-1, as old programs write it: RIFF's INAM.
    words = b'LIST' + struct.pack('<I', 4 + 8 + 8) + b'INFO' + b'INAM' + struct.pack('<I', 8)
    data += words + b'M\xfcller\0\0'
    data = data[:4] + struct.pack('<I', len(data) - 8) + data[8:]
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(data)
    _, blocks = split(VideoFileSource(name))
    assert len(sound(blocks)) == pytest.approx(32_000, abs=2)


@pytest.mark.parametrize(
    ('matrix', 'corner'),
    [
        ((0, 1, -1, 0), 'top right'),
        ((0, -1, 1, 0), 'bottom left'),
        ((-1, 0, 0, -1), 'bottom right'),
        ((-1, 0, 0, 1), 'top right'),
        ((1, 0, 0, -1), 'bottom left'),
        ((0, 1, 1, 0), 'top left'),
        ((0, -1, -1, 0), 'bottom right'),
    ],
)
def test_rotation_and_mirroring_are_honoured(tmp_path, matrix, corner):
    """The upper left quarter of the stored picture is white; players show it elsewhere."""
    path = tmp_path / 'turned.mp4'
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = 255
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='bgr24')))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    at = data.index(b'tkhd') + 44  # the matrix of the track header: 16.16 fixed point, 2.30 last
    a, b, c, d = (value << 16 for value in matrix)
    fixed = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    data[at : at + 36] = b''.join(value.to_bytes(4, 'big', signed=True) for value in fixed)
    path.write_bytes(data)
    shown = next(iter(VideoFileSource(path))).image_bgr
    assert shown.shape == ((64, 48, 3) if matrix[0] == 0 else (48, 64, 3))
    height, width = shown.shape[:2]
    quarters = {
        'top left': shown[: height // 2, : width // 2],
        'top right': shown[: height // 2, width // 2 :],
        'bottom left': shown[height // 2 :, : width // 2],
        'bottom right': shown[height // 2 :, width // 2 :],
    }
    assert max(quarters, key=lambda name: quarters[name].mean()) == corner


@pytest.mark.parametrize(
    'content',
    [b'', b'not a film', bytes(5_000), b'\x00\x00\x00\x18ftypmp42' + bytes(100)],
    ids=['empty', 'text', 'zeros', 'a header'],
)
def test_what_is_no_media_file_is_refused(tmp_path, content):
    path = tmp_path / 'broken.mp4'
    path.write_bytes(content)
    with pytest.raises(MediaError, match='broken'):
        list(VideoFileSource(path))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(MediaError, match='there is no file'):
        VideoFileSource(tmp_path / 'nowhere.mp4')
    with pytest.raises(MediaError, match='there is no file'):
        VideoFileSource(tmp_path)


def test_a_truncated_film_is_refused(film, tmp_path):
    whole = film().read_bytes()
    path = tmp_path / 'cut.mp4'
    path.write_bytes(whole[: len(whole) // 2])  # the index lies at the end
    with pytest.raises(MediaError, match='cannot open'):
        VideoFileSource(path)


def test_a_truncated_stream_gives_what_is_there(film, tmp_path):
    whole = film('whole.mkv').read_bytes()
    path = tmp_path / 'cut.mkv'
    path.write_bytes(whole[: len(whole) // 2])
    frames, _ = split(VideoFileSource(path))
    assert 0 < len(frames) < 50


def test_damage_in_the_middle_costs_pictures_and_not_the_film(shared_data, tmp_path):
    original = shared_data / 'clips' / 'RD_Radio34_000.mp4'
    data = bytearray(original.read_bytes())
    random = np.random.default_rng(0)
    start = data.index(b'mdat') + 8
    for where in random.integers(start, start + (len(data) - start) // 2, 400).tolist():
        data[where] ^= 0xFF
    path = tmp_path / 'damaged.mp4'
    path.write_bytes(data)
    try:
        frames, _ = split(VideoFileSource(path))
    except MediaError:
        pytest.fail('damage in the middle stopped the film')
    assert frames


@pytest.mark.parametrize(
    ('name', 'pictures', 'seconds'),
    [
        ('RD_Radio34_000.mp4', 200, 8.0),
        ('face_recognition_short_hamilton_clip.mp4', 275, 10.0),
        ('video-retalking_face_1.mp4', 135, 6.1),
    ],
)
def test_real_clips_give_all_their_pictures_and_sound(shared_data, name, pictures, seconds):
    source = VideoFileSource(shared_data / 'clips' / name)
    frames, blocks = split(source)
    assert len(frames) == pictures
    assert source.lost == 0
    assert sum(len(block.samples) for block in blocks) / 16_000 == pytest.approx(seconds, abs=0.05)
    stamps = np.array([block.stamp_s for block in blocks])
    assert np.allclose(np.diff(stamps), 0.03, atol=1e-6)


def test_cover_art_is_no_film(film, tmp_path):
    cover = tmp_path / 'cover.png'
    cv2.imwrite(str(cover), np.zeros((32, 32, 3), np.uint8))
    song = tmp_path / 'song.mp3'
    with av.open(str(cover)) as picture, av.open(str(song), 'w') as container:
        art = container.add_stream_from_template(picture.streams.video[0])
        art.disposition = av.stream.Disposition.attached_pic.value
        tune = container.add_stream('mp3', rate=44_100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 11_520), np.int16), format='s16', layout='mono'
        )
        frame.sample_rate = 44_100
        packets = [packet for packet in picture.demux() if packet.dts is not None]
        for packet in packets:
            packet.stream = art
            container.mux(packet)
        container.mux(tune.encode(frame))
        container.mux(tune.encode())
    frames, blocks = split(VideoFileSource(song))
    assert not frames
    assert blocks


def test_sound_after_an_estimated_end_is_kept(tmp_path):
    """Raw AAC has no length: FFmpeg estimates it from the first packets, here far too short."""
    path = tmp_path / 'noise_then_tone.aac'
    rate = 16_000
    noise = np.random.default_rng(0).normal(0.0, 8_000, 2 * rate)
    tone = 8_000 * np.sin(np.arange(30 * rate) * 2 * np.pi * 440 / rate)
    samples = np.concatenate((noise, tone)).clip(-32_768, 32_767).astype(np.int16)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('aac', rate=rate)
        stream.layout = 'mono'
        for first in range(0, len(samples), 1024):
            part = np.ascontiguousarray(samples[None, first : first + 1024])
            frame = av.AudioFrame.from_ndarray(part, format='s16', layout='mono')
            frame.sample_rate, frame.pts = rate, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    source = VideoFileSource(path)
    assert source.duration_s < 29.0
    _, blocks = split(source)
    assert len(sound(blocks)) / rate == pytest.approx(32.0, abs=0.1)
    assert source.lost == 0


def test_a_stamp_in_the_far_future_is_dropped(film):
    times = [0.0, 0.04, 0.08, 3_600.0]
    path = film('future.mkv', times=times, audio=False)
    data = bytearray(path.read_bytes())
    at = data.index(b'\x44\x89\x88') + 3  # Matroska's Duration: an 8-byte float, milliseconds
    data[at : at + 8] = struct.pack('>d', 120.0)
    path.write_bytes(data)
    source = VideoFileSource(path)
    frames, _ = split(source)
    assert [frame.stamp_s for frame in frames] == pytest.approx(times[:3], abs=1e-3)
    assert source.lost == 1


def test_a_long_still_picture_is_no_damage(film):
    times = [0.0, 30.0, 90.0]
    frames, _ = split(VideoFileSource(film('slides.mkv', times=times, audio=False)))
    assert [frame.stamp_s for frame in frames] == pytest.approx(times, abs=1e-3)
